"""The state diagram holds what the model allows, nothing else, and follows when it changes."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from xml.etree import ElementTree

import pytest

from session_spec import model
from session_spec.diagram import NO_SESSION, OPEN, Transition, draw, transitions
from session_spec.matrix import SERVER_MATRIX, Behavior, Cell, Effect
from session_spec.model import CORE, EVERY_CLAIM, GRPC_DEVICE, Rules

SVG = "{http://www.w3.org/2000/svg}"


def _parsed(found: list[Transition], *, upright: bool = False) -> ElementTree.Element:
    return ElementTree.fromstring(draw(found, upright=upright))


def _drawn(picture: ElementTree.Element) -> set[tuple[str, str, str]]:
    labels = [t for t in picture.iter(f"{SVG}text") if t.get("class") == "transition"]
    return {
        (label.get("data-from", ""), "".join(label.itertext()), label.get("data-to", ""))
        for label in labels
    }


def _changed(
    monkeypatch: pytest.MonkeyPatch, behavior: Behavior, cell: Cell, *, is_open: bool
) -> None:
    monkeypatch.setattr(model, "SERVER_MATRIX", {**SERVER_MATRIX, (behavior, is_open): cell})


def test___every_claim___transitions___are_those_of_the_matrix_close_and_use() -> None:
    found = {(t.source, t.call, t.answer, t.target) for t in transitions()}

    assert found == {
        (NO_SESSION, "Initialize UNSPECIFIED", "OK, new session", OPEN),
        (NO_SESSION, "Initialize INITIALIZE_NEW", "OK, new session", OPEN),
        (NO_SESSION, "Initialize ATTACH_TO_EXISTING", "NOT_FOUND", NO_SESSION),
        (NO_SESSION, "Close", "NOT_FOUND", NO_SESSION),
        (NO_SESSION, "any other call", "NOT_FOUND", NO_SESSION),
        (OPEN, "Initialize UNSPECIFIED", "OK, same session", OPEN),
        (OPEN, "Initialize INITIALIZE_NEW", "ALREADY_EXISTS", OPEN),
        (OPEN, "Initialize ATTACH_TO_EXISTING", "OK, same session", OPEN),
        (OPEN, "Close", "OK", NO_SESSION),
        (OPEN, "any other call", "anything but NOT_FOUND", OPEN),
    }


def test___a_cell_of_the_matrix___transitions___name_its_requirement() -> None:
    found = {(t.source, t.call): t.requirement for t in transitions()}

    for (behavior, is_open), cell in SERVER_MATRIX.items():
        source = OPEN if is_open else NO_SESSION
        assert found[source, f"Initialize {behavior.name}"] == cell.requirement


def test___no_claims___transitions___leave_a_use_of_nothing_open() -> None:
    answers = {(t.source, t.call): t.answer for t in transitions(CORE)}

    assert answers[NO_SESSION, "any other call"] == "anything"
    assert answers[OPEN, "any other call"] == "anything but NOT_FOUND"


def test___the_device_server___transitions___have_its_own_answers() -> None:
    answers = {(t.source, t.call): t.answer for t in transitions(GRPC_DEVICE)}

    assert answers[NO_SESSION, "Initialize ATTACH_TO_EXISTING"] == "FAILED_PRECONDITION"
    assert answers[NO_SESSION, "Close"] == "UNKNOWN"


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("rules", [CORE, EVERY_CLAIM])
def test___transitions___draw___shows_each_of_them_once(rules: Rules, upright: bool) -> None:
    found = transitions(rules)

    drawn = _drawn(_parsed(found, upright=upright))

    assert drawn == {(t.source, f"{t.call} → {t.answer}", t.target) for t in found}


@pytest.mark.parametrize("upright", [False, True])
def test___transitions___draw___keeps_every_label_inside_the_picture(upright: bool) -> None:
    picture = _parsed(transitions(), upright=upright)
    _, _, width, height = map(int, picture.attrib["viewBox"].split())

    for label in picture.iter(f"{SVG}text"):
        assert 0 < int(label.attrib["x"]) < width
        assert 12 < int(label.attrib["y"]) < height


def test___the_matrix_changed___draw___changes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = draw(transitions())
    cell = Cell(Effect.REFUSE, "FAILED_PRECONDITION", "NEW-ID", "refused otherwise")
    _changed(monkeypatch, Behavior.INITIALIZE_NEW, cell, is_open=True)

    picture = _parsed(transitions())

    assert draw(transitions()) != before
    assert (OPEN, "Initialize INITIALIZE_NEW → FAILED_PRECONDITION", OPEN) in _drawn(picture)
    assert not any("ALREADY_EXISTS" in text for _, text, _ in _drawn(picture))


def test___an_effect_changed___transitions___lead_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create = SERVER_MATRIX[Behavior.UNSPECIFIED, False]
    cell = replace(create, requirement="NEW-ID")
    _changed(monkeypatch, Behavior.ATTACH_TO_EXISTING, cell, is_open=False)

    (found,) = [
        t
        for t in transitions()
        if t.source == NO_SESSION and t.call == "Initialize ATTACH_TO_EXISTING"
    ]

    assert (found.answer, found.target, found.requirement) == ("OK, new session", OPEN, "NEW-ID")


def test___transitions___draw___tells_them_in_title_and_description() -> None:
    picture = _parsed(transitions())
    named = picture.attrib["aria-labelledby"].split()
    texts = {e.get("id"): e.text or "" for e in picture.iter() if e.get("id") in named}

    title, description = (texts[name] for name in named)

    assert title == "The session of one resource"
    assert description.count(".") == len(transitions())
    assert "Session open: Close is answered OK, then no session." in description


def test___a_link___draw___leads_from_each_label_to_its_requirement() -> None:
    text = draw(transitions(), lambda name: f"server.html?a&b#{name}")

    addresses = {unescape(found) for found in re.findall(r'<a href="([^"]+)"', text)}

    assert addresses == {f"server.html?a&b#{t.requirement}" for t in transitions()}


def test___nothing_allowed___draw___is_a_picture_of_the_states_alone() -> None:
    picture = _parsed([])

    assert _drawn(picture) == set()
    assert len(list(picture.iter(f"{SVG}rect"))) == 2


def test___any_theme___draw___takes_colours_from_the_page() -> None:
    text = draw(transitions())

    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgb|\b(?:black|white)\b", text)
    assert "currentColor" in text
