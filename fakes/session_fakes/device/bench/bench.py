"""The bench of a station: pins, outputs of instruments, switches; one for all drivers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random

from session_fakes.clock import Clock, Signal
from session_fakes.device.bench.elements import Element, VoltageSource
from session_fakes.device.bench.handles import Attached, PinHandle, RelayHandle
from session_fakes.device.bench.nets import Net
from session_fakes.device.bench.wiring import Node, Pin, Wiring, terminal
from session_fakes.errors import FakeError, listed, quoted
from session_fakes.fidelity import fidelity
from session_fakes.pinmaps import PinMap

__all__ = ["Bench"]

ROOM = 23.0
"""Degrees Celsius."""


class Bench:
    """What is on the bench, and what the instruments see of it.

    A test says what the device under test does: ``bench.pin("VCC").load(ohms=1000)``. Instruments
    are wired to pins as the registered pin maps say, through multiplexers as long as they have
    the route. What an instrument puts out, others measure. All is in volts, amperes, ohms, hertz
    and seconds of the station's clock; noise is the same in each run with the same seed.
    """

    def __init__(
        self, clock: Clock, pin_maps: Callable[[], Sequence[PinMap]] = list, seed: int = 0
    ) -> None:
        """Make an empty bench.

        Args:
            clock: Whose time signals follow.
            pin_maps: Answers the pin maps that are registered.
            seed: Of the noise.
        """
        self.clock = clock
        self.lock = threading.RLock()
        self.wiring = Wiring(pin_maps)
        self.noise = 1.0
        """How much noise readings have, relative to the usual; 0 for none."""
        self._seed = seed
        self._changed = Signal()
        self._stirring = threading.Lock()
        self._random: dict[str, Random] = {}
        self._outputs: dict[str, Element] = {}
        self._attached: dict[tuple[str, int | None], Attached] = {}
        self.reserved: dict[str, object] = {}
        """The parts of devices that something uses, each with its user."""
        self.failing: dict[tuple[str, int], dict[str, int]] = {}
        """Failing cycles by pin, for a pattern and a site."""
        self.captured: dict[tuple[str, int], list[int]] = {}
        """Samples of a captured waveform, for its name and a site."""

    # What a test says -----------------------------------------------------------------------------

    def pin(self, name: str, site: int | None = None) -> PinHandle:
        """A pin of the device under test.

        Args:
            name: As in the pin map.
            site: Its site; without, the pin at all sites.
        """
        _check_name("pin", name, self.wiring.pins())
        return PinHandle(self._at(name, site), partial(self._volts_of, name, site), self.stir)

    def channel(self, instrument: str, channel: str | int) -> PinHandle:
        """A channel of an instrument, for a bench without a pin map: ``channel("DMM1", 0)``."""
        node = terminal(instrument, str(channel))
        return PinHandle(self._at(node, None), lambda: {0: self.net(node).volts()}, self.stir)

    def relay(self, name: str, site: int | None = None) -> RelayHandle:
        """A relay of the pin map: say which pins it connects.

        Args:
            name: As in the pin map.
            site: Of both pins and the relay; without, all sites at which the first pin is.
        """
        _check_name("relay", name, self.wiring.relay_names())
        return RelayHandle(partial(self._put_relay, name, site))

    def connect(self, instrument: str, channel: str | int, other: str, to: str | int) -> None:
        """Wire two channels of instruments together, without a pin map."""
        with self.lock:
            self.wiring.connect(terminal(instrument, str(channel)), terminal(other, str(to)))

    def pattern_fails(self, pattern: str, *, pin: str, site: int, cycles: int = 1) -> None:
        """Have bursts of a digital pattern fail on a pin of a site; 0 cycles: pass again."""
        _check_name("pin", pin, self.wiring.pins())
        with self.lock:
            self.failing.setdefault((pattern, site), {})[pin] = cycles

    def pattern_captures(self, waveform: str, samples: Sequence[int], *, site: int) -> None:
        """Have each burst of a digital pattern capture these samples in a waveform at a site."""
        if not all(0 <= sample < 2**32 for sample in samples):
            raise FakeError("Samples of a captured waveform are numbers of 32 bits, from 0 on.")
        with self.lock:
            self.captured[waveform, site] = list(samples)

    def _put_relay(self, name: str, site: int | None, pin: str, other: str) -> None:
        for each in (pin, other):
            _check_name("pin", each, self.wiring.pins())
        with self.lock:
            sites = self.wiring.sites_of(pin) if site is None else [site]
            for place in sites:
                near = self.wiring.sites_of(other)
                at = place if place in near or not near else near[0]
                self.wiring.put_relay(name, place, Pin(pin, place), Pin(other, at))

    def _volts_of(self, name: str, site: int | None) -> Mapping[int, float]:
        sites = self.wiring.sites_of(name) if site is None else [site]
        return {each: self.net(Pin(name, each)).volts() for each in sites}

    def _at(self, name: str, site: int | None) -> Attached:
        with self.lock:
            return self._attached.setdefault((name, site), Attached())

    # What instruments do --------------------------------------------------------------------------

    @fidelity(
        "BENCH-NETS",
        evidence="our choice",
        rule="What instruments and pins put on a net gives one voltage and one current each, by"
        " Ohm's law and the limits of the sources; values are plausible, never those of a device",
    )
    def net(self, start: Node) -> Net:
        """All that is connected to a pin or a terminal now."""
        with self.lock:
            found: list[tuple[Element, str]] = []
            celsius = ROOM
            for node in self.wiring.net(start):
                for place in _places(node):
                    attached = self._attached.get(place)
                    if attached:
                        found += [(element, "") for element in attached.elements.values()]
                        celsius = celsius if attached.celsius is None else attached.celsius
                if isinstance(node, str) and node in self._outputs:
                    found.append((self._outputs[node], node))
            # An ideal source that is there twice, for a pin shared by sites, is one source.
            found = [
                each
                for place, each in enumerate(found)
                if not _is_ideal(each) or each not in found[:place]
            ]
            return Net(tuple(e for e, _ in found), tuple(o for _, o in found), celsius)

    def drive(self, node: str, element: Element | None) -> None:
        """Set what the output of a terminal delivers; None switches it off."""
        with self.lock:
            if element is None:
                self._outputs.pop(node, None)
            else:
                self._outputs[node] = element
            self.stir()

    def undrive(self, instrument: str) -> None:
        """Switch off all outputs of an instrument or a device."""
        for node in [each for each in self._outputs if each.startswith(f"{instrument}/")]:
            self.drive(node, None)

    def output(self, node: str) -> Element | None:
        """What the output of a terminal delivers."""
        return self._outputs.get(node)

    @fidelity(
        "BENCH-SEED",
        evidence="our choice",
        rule="Readings have noise, for each instrument the same in each run with the same seed",
    )
    def random(self, name: str) -> Random:
        """The chance of an instrument."""
        if name not in self._random:
            self._random[name] = Random(f"{self._seed}/{name}")
        return self._random[name]

    def noisy(self, name: str, value: float, scale: float) -> float:
        """A reading with the noise of its instrument."""
        if not (self.noise and scale):
            return value
        return value + self.random(name).gauss(0.0, scale * self.noise)

    # Waiting --------------------------------------------------------------------------------------

    def stir(self) -> None:
        """Have those who wait look again."""
        with self._stirring:
            signal, self._changed = self._changed, Signal()
        signal.set()

    def wait_until(
        self, holds: Callable[[], bool], seconds: float, is_gone: Callable[[], bool]
    ) -> bool:
        """Wait, with the lock of the bench released, until something holds; whether it does.

        Args:
            holds: Looked at after each change.
            seconds: Of the station's clock; less than 0 waits without limit.
            is_gone: Whether the caller has given up.
        """
        deadline = None if seconds < 0 else self.clock.now() + seconds
        while True:
            signal = self._changed  # first: what changes from here on sets it
            if holds():
                return True
            if is_gone() or (deadline is not None and self.clock.now() >= deadline):
                return False
            self.lock.release()
            try:
                self.clock.wait(signal, deadline)
            finally:
                self.lock.acquire()

    def reset(self) -> None:
        """Take off all that was put on the bench; outputs go off, switches open."""
        with self.lock:
            self._outputs.clear()
            self._attached.clear()
            self._random.clear()
            self.failing.clear()
            self.captured.clear()
            self.reserved.clear()
            self.wiring.reset()
            self.noise = 1.0
            self.stir()


def _is_ideal(found: tuple[Element, str]) -> bool:
    return isinstance(found[0], VoltageSource) and found[0].ohms == 0


def _places(node: Node) -> list[tuple[str, int | None]]:
    return [(node.name, None), (node.name, node.site)] if isinstance(node, Pin) else [(node, None)]


def _check_name(kind: str, name: str, known: set[str]) -> None:
    if known and name not in known:
        import difflib  # slow to import, seldom needed

        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {quoted(near[0])}?" if near else f"There are {listed(sorted(known))}."
        raise FakeError(f"The pin map has no {kind} {quoted(name)}. {hint}")
