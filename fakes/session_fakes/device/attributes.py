"""The attributes of a driver: what its package says of them, and the values that a session has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from session_fakes.device import faults
from session_fakes.device.channels import ChannelNames
from session_fakes.device.drivers import Driver
from session_fakes.device.faults import DriverError
from session_fakes.errors import FakeError, Refusal
from session_fakes.fidelity import fidelity

__all__ = ["Attribute", "AttributeStore", "Facts", "Value", "attributes_of"]

Value = int | float | str | bool

_DEFINITION = re.compile(r"^    (\w+) = (_attributes\.Attribute.*?\b(\d{7})\).*)$", re.MULTILINE)
_KIND = re.compile(r"AttributeVi(Int32|Int64|Real64|String|Boolean)")
_ENUM = re.compile(r"enums\.(\w+)")
_CLASS = re.compile(r"^class (\w+)\(.*\):$", re.MULTILINE)
_MEMBER = re.compile(r"^    [A-Z]\w* = (-?[\d.]+|'.*')$", re.MULTILINE)
_ZEROS: Mapping[str, Value] = {"String": "", "Boolean": False, "Real64": 0.0}


class Attribute(NamedTuple):
    """One attribute, as the driver's Python package defines it."""

    id: int
    name: str
    """Its Python name."""
    kind: str
    """``Int32``, ``Int64``, ``Real64``, ``String``, ``Boolean`` or ``Session``."""
    values: frozenset[Value]
    """Those of its enum; empty when it has none."""


@cache
def attributes_of(driver: Driver) -> Mapping[int, Attribute]:
    """The attributes that the installed package of a driver knows, by id."""
    if driver.folder is None:
        raise FakeError(f"{driver.package} is not installed.")
    enums = _enums(driver.folder / "enums.py")
    text = (driver.folder / "session.py").read_text(encoding="utf-8")
    found: dict[int, Attribute] = {}
    for name, how, number in _DEFINITION.findall(text):
        kind, enum = _KIND.search(how), _ENUM.search(how)
        values = enums.get(enum[1], frozenset()) if enum else frozenset[Value]()
        attribute = Attribute(int(number), name, kind[1] if kind else "Session", values)
        found.setdefault(attribute.id, attribute)
    return found


def _enums(path: Path) -> dict[str, frozenset[Value]]:
    pieces = _CLASS.split(path.read_text(encoding="utf-8"))[1:]
    return {
        name: frozenset(ast.literal_eval(value) for value in _MEMBER.findall(body))
        for name, body in zip(pieces[::2], pieces[1::2], strict=True)
    }


@dataclass(frozen=True)
class Facts:
    """What a simulation knows of its attributes, by their Python names."""

    defaults: Mapping[str, Value]
    """What they are before they are set. One without cannot be got before."""
    read_only: frozenset[str] = frozenset()
    limits: Mapping[str, tuple[float, float]] = field(
        default_factory=dict[str, tuple[float, float]]
    )
    """The least and the greatest value."""
    only: Mapping[str, tuple[Value, ...]] = field(default_factory=dict[str, tuple[Value, ...]])
    """The values that are simulated, where others would change what is put out or measured."""


class AttributeStore:
    """The values of a session's attributes: for the session, and for single channels."""

    def __init__(
        self, driver: Driver, facts: Facts, channels: ChannelNames, *, lenient: bool = False
    ) -> None:
        self._driver = driver
        self._by_id = attributes_of(driver)
        self._by_name = {attribute.name: attribute for attribute in self._by_id.values()}
        self._facts = facts
        self._lenient = lenient
        self.channels = channels
        self._own: dict[int, Value] = {}
        """Of the driver's own making: what is read-only to clients."""
        self._session: dict[int, Value] = {}
        self._channel: dict[str, dict[int, Value | None]] = {name: {} for name in channels.names}
        """None is a value that nobody knows."""
        self._found: dict[tuple[str, int], Value] = {}
        """What was asked for since something was last set, by channel."""

    def __getitem__(self, name: str) -> Value:
        """The value for the session as a whole."""
        return self._value(self._by_name[name], "")

    def of(self, name: str, channel: str) -> Value:
        """The value for a channel."""
        return self._value(self._by_name[name], channel)

    def is_set(self, name: str, channel: str) -> bool:
        """Whether somebody has set it for a channel, or for all."""
        number = self._by_name[name].id
        return number in self._channel.get(channel, {}) or number in self._session

    def is_known(self, name: str, channel: str) -> bool:
        """Whether it has a value for a channel."""
        return self._channel[channel].get(self._by_name[name].id, 0) is not None

    def number(self, name: str, channel: str = "") -> float:
        """The value as a number."""
        return float(self._value(self._by_name[name], channel))

    def put(self, name: str, value: Value, channels: str = "") -> None:
        """Set an attribute by its name, as an RPC of the driver does; limits hold."""
        attribute = self._by_name[name]
        self._check_value(attribute, value)
        self._store(attribute.id, channels, value)

    def fix(self, name: str, value: Value) -> None:
        """Set what the driver itself says, such as the model; packages may not know it."""
        if name in self._by_name:
            self._own[self._by_name[name].id] = value
            self._found.clear()

    def unfix(self, name: str) -> None:
        """Have the driver say nothing of an attribute."""
        self._own.pop(self._by_name[name].id, None)
        self._found.clear()

    def forget(self, names: Iterable[str], channels: str = "") -> None:
        """Have attributes no value that is known, not even their defaults."""
        for name in names:
            for channel in self.channels.find(channels):
                self._channel[channel][self._by_name[name].id] = None
        self._found.clear()

    def reset(self, channels: str = "") -> None:
        """Forget all that was set, for the session or for some channels."""
        self._found.clear()
        if not channels:
            self._session.clear()
        for name in self.channels.find(channels):
            self._channel[name].clear()

    @fidelity(
        "DEV-ATTRIBUTE-CHANNELS",
        evidence="our choice",
        rule="An attribute set for no channel is set for all; got for several channels that differ"
        " it is the driver's error",
    )
    def get(self, kind: str, channels: str, number: int) -> Value:
        """What a client gets; raise DriverError, or Refusal for what is not simulated."""
        attribute = self._attribute(kind, number)
        is_single = any(number in values for values in self._channel.values())
        names = self.channels.find(channels) if channels or is_single else ("",)
        found = {self._value(attribute, name) for name in names}
        if len(found) > 1:
            raise DriverError(
                faults.INVALID_PARAMETER, f"{attribute.name} is not the same on these channels."
            )
        return found.pop()

    @fidelity(
        "DEV-ATTRIBUTE-CHECKS",
        evidence="our choice",
        rule="Attributes have the types and the enum values that the driver's package gives them,"
        " limits and read-only ones are the fake's; the codes are those of IVI",
    )
    def set(self, kind: str, channels: str, number: int, value: Value) -> None:
        """What a client sets; raise DriverError for what cannot be."""
        self.check(kind, channels, number, value)
        self._store(number, channels, value)

    def check(self, kind: str, channels: str, number: int, value: Value) -> None:
        """Whether a client could set it; raise DriverError when not."""
        attribute = self._attribute(kind, number)
        if attribute.name in self._facts.read_only or number in self._own:
            raise DriverError(faults.NOT_WRITABLE, f"Attribute: {attribute.name}.")
        self.channels.find(channels)
        self._check_value(attribute, value)

    @fidelity(
        "DEV-ATTRIBUTE-ONLY",
        evidence="our choice",
        rule="An attribute that changes what an instrument puts out or measures in ways that are"
        " not simulated takes the values only that change nothing; any other is UNIMPLEMENTED, also"
        " with lenient_devices=True",
    )
    def _check_value(self, attribute: Attribute, value: Value) -> None:
        low, high = self._facts.limits.get(attribute.name, (None, None))
        outside = (
            low is not None and high is not None and not low <= float(value) <= high
        )  # NaN is outside of everything
        if outside or (attribute.values and value not in attribute.values):
            allowed = f" It goes from {low} to {high}." if outside else ""
            raise DriverError(
                faults.INVALID_VALUE, f"Attribute: {attribute.name}. Value: {value}.{allowed}"
            )
        only = self._facts.only.get(attribute.name)
        if only is not None and value not in only:
            others = ", ".join(map(repr, only)) or "no value"
            raise Refusal(
                "UNIMPLEMENTED",
                f"{self._driver.package}: {attribute.name} = {value!r} is not simulated, {others} "
                "is. Answer the call with a fault (reply) to go on without its effect.",
            )

    def _attribute(self, kind: str, number: int) -> Attribute:
        attribute = self._by_id.get(number)
        if attribute is None:
            raise Refusal(
                "UNIMPLEMENTED",
                f"{self._driver.package}: the installed package knows no attribute {number}, and "
                "the fake knows those of the package.",
            )
        if attribute.kind != kind:
            raise DriverError(
                faults.WRONG_TYPE, f"{attribute.name} is of the type Vi{attribute.kind}."
            )
        return attribute

    def _store(self, number: int, channels: str, value: Value) -> None:
        self._found.clear()
        if not channels:
            self._session[number] = value
        for name in self.channels.find(channels):
            if channels:
                self._channel[name][number] = value
            else:
                self._channel[name].pop(number, None)

    def _value(self, attribute: Attribute, channel: str) -> Value:
        found = self._found.get((channel, attribute.id))
        if found is None:
            found = self._looked_up(attribute, channel)
            self._found[channel, attribute.id] = found
        return found

    def _looked_up(self, attribute: Attribute, channel: str) -> Value:
        number = attribute.id
        layers: Sequence[Mapping[int, Value | None]]
        layers = (self._channel.get(channel, {}), self._session, self._own)
        for values in layers:
            if number in values:
                found = values[number]
                if found is None:
                    raise self._unknown(attribute)
                return found
        if attribute.name in self._facts.defaults:
            return self._facts.defaults[attribute.name]
        if self._lenient:
            return _ZEROS.get(attribute.kind, 0)
        raise self._unknown(attribute)

    def _unknown(self, attribute: Attribute) -> Refusal:
        return Refusal(
            "UNIMPLEMENTED",
            f"{self._driver.package}: the attribute {attribute.name} has no simulated value before "
            "it is set. Set it, answer the call with a fault (reply), or ask for zeros with "
            "lenient_devices=True.",
        )
