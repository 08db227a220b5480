"""Pins and instrument types of the code, beside the pin maps."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator

from session_contract.linting.files import Project
from session_contract.linting.finding import RULES, Finding
from session_contract.linting.sources import Module, Text, argument, last_name

_RESERVES = ("reserve_session", "reserve_sessions")
_INITIALIZES = ("initialize_session", "initialize_sessions")
_RESOURCE = {"IOResource", "IOResourceArray1D", "Pin", "PinArray1D"}
_NI = {
    *("niDCPower", "niDigitalPattern", "niScope", "niFGen", "niDMM", "niDAQmx", "niRelayDriver"),
    *("niHSDIO", "niRFSA", "niRFSG", "niRFmx", "niRFPM", "niModelBasedInstrument"),
    "niSwitchExecutiveVirtualDevice",
}


def pin_maps(project: Project) -> Iterator[Finding]:
    """Pin maps that cannot be read, or name what is not there."""
    for pin_map in project.pin_maps:
        if pin_map.fault:
            fault = f"this is no XML: {pin_map.fault}"
            yield Finding(
                RULES["pin-map"], pin_map.path, pin_map.fault_line, fault, "correct it here"
            )
        for line, kind, name in pin_map.dangling:
            known = pin_map.pins if kind == "pin" else pin_map.instruments
            fault = f"a connection names the {kind} {name!r}, which is not in the file"
            yield Finding(RULES["pin-map"], pin_map.path, line, fault, _instead(name, known))


def pins(project: Project) -> Iterator[Finding]:
    """Pins that no pin map has."""
    known = {pin for pin_map in project.pin_maps for pin in pin_map.pins}
    if not known:
        return
    for module in project.code:
        for pin in _reserved(project, module):
            if pin.value not in known:
                fault = f"no pin map here has the pin {pin.value!r}"
                yield Finding(
                    RULES["pin-name"], pin.path, pin.line, fault, _instead(pin.value, known)
                )


def _reserved(project: Project, module: Module) -> Iterator[Text]:
    """The pins that a module names: as it reserves them, and as defaults of measurements."""
    texts = project.names.texts
    for call in module.calls(*_RESERVES):
        # A client takes the pin map first, the context of a measurement does not.
        for place in (0, 1):
            yield from texts(module, argument(call, place, "pin_or_relay_names"))
    for call, default in _configurations(module):
        del call
        yield from (pin for pin in texts(module, default) if pin.value)


def _configurations(module: Module) -> Iterator[tuple[ast.Call, ast.expr | None]]:
    """The configurations of a measurement that are pins, with their defaults."""
    for call in module.calls("configuration"):
        if last_name(argument(call, 1, "type")) in _RESOURCE:
            yield call, argument(call, 2, "default_value")


def types(project: Project) -> Iterator[Finding]:
    """Instrument types that no pin map has, or not at that pin."""
    known = {kind for pin_map in project.pin_maps for kind in pin_map.instruments.values()}
    if not known:
        return
    for module in project.code:
        for kind in dict.fromkeys(_types(project, module)):
            if kind.value and kind.value not in known | _NI:
                fault = f"no pin map here has an instrument of the type {kind.value!r}"
                yield Finding(
                    RULES["pin-type"], kind.path, kind.line, fault, _instead(kind.value, known)
                )
        yield from _types_of_pins(project, module, known)


def _types(project: Project, module: Module) -> Iterator[Text]:
    text = project.names.text
    nodes = [argument(call, 1, "instrument_type_id") for call in module.calls(*_INITIALIZES)]
    nodes += [argument(call, -1, "instrument_type") for call in module.calls("configuration")]
    yield from (found for node in nodes if (found := text(module, node)))
    yield from (value for name, value in module.constants.items() if "INSTRUMENT_TYPE" in name)


def _types_of_pins(project: Project, module: Module, known: set[str]) -> Iterator[Finding]:
    """Measurements whose pin is connected, but to instruments of other types."""
    for call, default in _configurations(module):
        kind = project.names.text(module, argument(call, -1, "instrument_type"))
        for pin in project.names.texts(module, default):
            found = {
                t for pin_map in project.pin_maps for t in pin_map.connected.get(pin.value, ())
            }
            if kind and kind.value in known | _NI and found and kind.value not in found:
                fault = f"the pin {pin.value!r} has no instrument of the type {kind.value!r}"
                remedy = _instead(kind.value, found)
                yield Finding(RULES["pin-type"], module.path, call.lineno, fault, remedy)


def _instead(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"write {near[0]!r}" if near else f"there is {', '.join(names[:5]) or 'none'}"
