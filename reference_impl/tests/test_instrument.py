"""The simulated instrument: what was written is read back, bit by bit."""

from __future__ import annotations

from itertools import product
from operator import methodcaller
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_reference.custom_instrument.instrument import Bench, Instrument
from session_reference.custom_instrument.registers import Register
from session_reference.refusals import InvalidRequestError

REGISTERS = {"A": Register(0, 7), "B": Register(255, 0)}
bytes_ = st.integers(0, 255)
ports = st.integers(0, 3)
channels = st.integers(0, 7)


@pytest.fixture
def instrument() -> Instrument:
    """An instrument with two registers."""
    return ready()


def ready(name: str = "I") -> Instrument:
    """An instrument as it comes from the factory."""
    instrument = Instrument(name)
    instrument.set_up(REGISTERS, reset=False)
    return instrument


def test___new_instrument___read___defaults_and_all_low(instrument: Instrument) -> None:
    assert [instrument.read_register(name) for name in "AB"] == [7, 0]
    assert [instrument.read_port(port, 255) for port in range(4)] == [0] * 4


@given(st.lists(st.tuples(st.sampled_from("AB"), bytes_)))
def test___registers_written___read___the_last_values(writes: list[tuple[str, int]]) -> None:
    instrument = ready()
    for name, value in writes:
        instrument.write_register(name, value)

    expected = {"A": 7, "B": 0} | dict(writes)
    assert {name: instrument.read_register(name) for name in "AB"} == expected


port_writes = st.tuples(ports, bytes_, bytes_)
channel_writes = st.tuples(ports, channels, st.booleans())


@settings(deadline=None)
@given(st.lists(port_writes | channel_writes), ports, bytes_)
def test___gpio_written___read___as_a_model_of_single_bits(
    writes: list[tuple[int, int, int]], port: int, mask: int
) -> None:
    instrument = ready()
    bits = dict.fromkeys(product(range(4), range(8)), False)
    for target, selector, state in writes:
        if isinstance(state, bool):
            instrument.write_channel(target, selector, state)
            bits[target, selector] = state
        else:
            instrument.write_port(target, selector, state)
            named = [bit for bit in range(8) if selector >> bit & 1]
            bits.update({(target, bit): bool(state >> bit & 1) for bit in named})

    assert {each: instrument.read_channel(*each) for each in bits} == bits
    expected = [bits[port, bit] and bool(mask >> bit & 1) for bit in range(8)]
    assert instrument.read_port(port, mask) == sum(on << bit for bit, on in enumerate(expected))


@pytest.mark.parametrize("name", ["a", "A ", "", "C", "A\0", "x" * 10_000_000])
def test___name_that_the_map_lacks___read_and_write___invalid_and_says_what_exists(
    instrument: Instrument, name: str
) -> None:
    for call in (
        lambda: instrument.read_register(name),
        lambda: instrument.write_register(name, 1),
    ):
        with pytest.raises(InvalidRequestError, match=r"has no '.*: it has 'A', 'B'\.$") as refusal:
            call()
        assert len(str(refusal.value)) < 1000


def test___map_without_registers___read___says_that_it_has_none() -> None:
    with pytest.raises(InvalidRequestError, match="it has no registers"):
        Instrument("I").read_register("A")


@pytest.mark.parametrize("length", [1, 100_000])
def test___map_with_many_registers___unknown_name___lists_some(length: int) -> None:
    instrument = Instrument("I")
    names = [f"{number:02}{'😀' * length}" for number in range(30)]
    many = {name: Register(number, 0) for number, name in enumerate(names)}
    instrument.set_up(many, reset=False)

    with pytest.raises(InvalidRequestError, match=r"it has '00.*, ….$") as refusal:
        instrument.read_register("A")

    assert len(str(refusal.value)) < 1200
    assert "'20" not in str(refusal.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (methodcaller("write_register", "A", 256), "value 256 is out of range: use 0 to 255"),
        (methodcaller("write_register", "A", 2**32 - 1), "value 4294967295 is out of range"),
        (methodcaller("read_port", 4, 1), "port 4 is out of range: use 0 to 3"),
        (methodcaller("read_port", 0, 256), "mask 256 is out of range: use 0 to 255"),
        (methodcaller("write_port", 4, 1, 1), "port 4 is out of range: use 0 to 3"),
        (methodcaller("write_port", 0, 256, 1), "mask 256 is out of range: use 0 to 255"),
        (methodcaller("write_port", 0, 1, 256), "state 256 is out of range: use 0 to 255"),
        (methodcaller("read_channel", 4, 0), "port 4 is out of range: use 0 to 3"),
        (methodcaller("read_channel", 0, 8), "channel 8 is out of range: use 0 to 7"),
        (methodcaller("read_channel", 0, 2**32 - 1), "channel 4294967295 is out of range"),
        (methodcaller("write_channel", 4, 0, True), "port 4 is out of range: use 0 to 3"),
        (methodcaller("write_channel", 0, 8, True), "channel 8 is out of range: use 0 to 7"),
    ],
)
def test___number_out_of_range___any_operation___invalid_and_nothing_changed(
    instrument: Instrument, call: methodcaller, words: str
) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        call(instrument)

    assert [instrument.read_register(name) for name in "AB"] == [7, 0]
    assert [instrument.read_port(port, 255) for port in range(4)] == [0] * 4


@pytest.fixture
def used(instrument: Instrument) -> Instrument:
    """An instrument that somebody wrote to."""
    instrument.write_register("A", 1)
    instrument.write_register("B", 2)
    instrument.write_port(3, 255, 5)
    return instrument


def test___used_instrument___set_up_with_another_map___keeps_what_the_new_map_has(
    used: Instrument,
) -> None:
    used.set_up({"B": REGISTERS["B"], "C": Register(3, 9)}, reset=False)

    assert [used.read_register(name) for name in "BC"] == [2, 9]
    assert used.read_port(3, 255) == 5
    with pytest.raises(InvalidRequestError):
        used.read_register("A")


def test___register_that_a_map_lacked___set_up_with_the_old_map___has_its_default(
    used: Instrument,
) -> None:
    used.set_up({}, reset=False)
    used.set_up(REGISTERS, reset=False)

    assert [used.read_register(name) for name in "AB"] == [7, 0]


def test___used_instrument___reset___defaults_and_all_low(used: Instrument) -> None:
    used.set_up(REGISTERS, reset=True)

    assert [used.read_register(name) for name in "AB"] == [7, 0]
    assert used.read_port(3, 255) == 0


def test___two_instruments___one_is_written___the_other_keeps_its_state() -> None:
    one, other = ready("one"), ready("other")

    one.write_register("A", 1)
    one.write_port(0, 255, 255)

    assert other.read_register("A") == 7
    assert other.read_port(0, 255) == 0


def test___bench___instrument_put_back___is_taken_again_once() -> None:
    bench = Bench()
    instrument = bench.take("I")
    bench.put_back(instrument)

    assert bench.take("I") is instrument
    assert bench.take("I") is not instrument


def test___full_bench___put_back___forgets_what_was_put_back_longest_ago() -> None:
    bench = Bench(limit=2)
    a, b, c = (bench.take(name) for name in "abc")
    bench.put_back(a)
    bench.put_back(b)
    bench.put_back(bench.take("a"))

    bench.put_back(c)

    assert bench.take("a") is a
    assert bench.take("b") is not b
    assert bench.take("c") is c


class Ports:
    """States between whose first reading and writing another thread gets its turn."""

    def __init__(self, other: Thread) -> None:
        self._states = [0] * 4
        self._others = [other]

    def __getitem__(self, port: int) -> int:
        state = self._states[port]
        if self._others:
            other = self._others.pop()
            other.start()
            other.join(0.2)  # it has to wait, and cannot end yet
        return state

    def __setitem__(self, port: int, state: int) -> None:
        self._states[port] = state


def test___write_of_another_channel___while_one_is_written___both_are_high(
    instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Thread(target=instrument.write_channel, args=[0, 7, True])
    monkeypatch.setattr(instrument, "_ports", Ports(other))

    instrument.write_channel(0, 0, state=True)

    other.join(20)
    assert instrument.read_port(0, 255) == 0b10000001
