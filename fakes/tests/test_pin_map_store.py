"""Pin maps by id: created once, replaced at will, found or not."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from session_fakes.errors import Refusal
from session_fakes.fidelity import holds
from session_fakes.pinmaps import PinMap, PinMapStore


def pin_map_with(pin: str) -> str:
    """A pin map of one pin."""
    return (
        '<PinMap schemaVersion="1.6" '
        'xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd">'
        f'<Pins><DUTPin name="{pin}"/></Pins></PinMap>'
    )


def refused(call: Callable[[], PinMap]) -> Refusal:
    """The refusal that a call must raise."""
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value


@holds("MAP-CREATE")
def test___new_id___created___found() -> None:
    store = PinMapStore()

    created = store.create("M", pin_map_with("A"))

    assert store.get("M") is created
    assert store.ids == ("M",)


@holds("MAP-CREATE")
def test___known_id___created___already_exists_and_nothing_changed() -> None:
    store = PinMapStore()
    first = store.update("M", pin_map_with("A"))

    refusal = refused(lambda: store.create("M", pin_map_with("B")))

    assert refusal.code == "ALREADY_EXISTS"
    assert "UpdatePinMapFromXml" in refusal.text
    assert store.get("M") is first


@holds("MAP-CREATE")
@pytest.mark.parametrize("pin_map_id", ["", " ", "my map", "a\tb", "a\n", "a\u00a0b"])
def test___id_that_is_empty_or_has_white_space___created___refused(pin_map_id: str) -> None:
    store = PinMapStore()

    assert refused(lambda: store.create(pin_map_id, pin_map_with("A"))).code == "INVALID_ARGUMENT"
    assert store.ids == ()


@holds("MAP-UPDATE-ID")
def test___path_with_spaces___updated___found() -> None:
    store = PinMapStore()

    store.update("C:\\my station\\a b.pinmap", pin_map_with("A"))

    assert "A" in store.get("C:\\my station\\a b.pinmap").names


@holds("MAP-UPDATE-ID")
def test___empty_id___updated___refused() -> None:
    refusal = refused(lambda: PinMapStore().update("", pin_map_with("A")))

    assert refusal.code == "INVALID_ARGUMENT"


@holds("MAP-UPDATE", "MAP-UPDATE-RESERVED")
def test___known_id___updated___replaced_whole() -> None:
    store = PinMapStore()
    before = store.update("M", pin_map_with("A"))

    store.update("M", pin_map_with("B"))

    assert list(store.get("M").names) == ["B"]
    assert list(before.names) == ["A"]
    assert store.ids == ("M",)


@holds("MAP-UPDATE")
@pytest.mark.parametrize("known", [True, False])
def test___invalid_xml___updated_and_created___refused_and_nothing_changed(*, known: bool) -> None:
    store = PinMapStore()
    before = store.update("M", pin_map_with("A")) if known else None

    assert refused(lambda: store.update("M", "<PinMap")).code == "INVALID_ARGUMENT"
    assert refused(lambda: store.create("N", "<PinMap")).code == "INVALID_ARGUMENT"

    assert store.ids == (("M",) if known else ())
    assert not known or store.get("M") is before


@holds("MAP-ID-UNKNOWN")
@pytest.mark.parametrize("pin_map_id", ["", "m", "other"])
def test___unknown_id___asked_for___not_found_with_those_that_exist(pin_map_id: str) -> None:
    store = PinMapStore()
    for known in ("M", "N"):
        store.update(known, pin_map_with("A"))

    refusal = refused(lambda: store.get(pin_map_id))

    assert refusal.code == "NOT_FOUND"
    assert f"No pin map '{pin_map_id}' is registered." in refusal.text
    assert "There is: 'M', 'N'." in refusal.text
    assert "Register it with UpdatePinMapFromXml." in refusal.text


def test___empty_store___asked___says_none() -> None:
    assert "There is: none." in refused(lambda: PinMapStore().get("M")).text


@holds("MAP-CREATE")
def test___many_threads___create_one_id___one_wins() -> None:
    store = PinMapStore()
    outcomes: list[str] = []
    together = threading.Barrier(8)

    def create(pin: str) -> None:
        together.wait(timeout=30)
        try:
            store.create("M", pin_map_with(pin))
        except Refusal as refusal:
            outcomes.append(refusal.code)
        else:
            outcomes.append(pin)

    threads = [threading.Thread(target=create, args=(f"P{at}",)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    (winner,) = [outcome for outcome in outcomes if outcome != "ALREADY_EXISTS"]
    assert len(outcomes) == 8
    assert list(store.get("M").names) == [winner]
