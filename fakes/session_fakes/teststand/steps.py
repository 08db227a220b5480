"""The steps of a sequence: Update Pin Map, code modules, and measurements that are hosted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from ni.measurementlink.pinmap.v1 import pin_map_service_pb2 as pin_map_pb2
from ni.measurementlink.pinmap.v1 import pin_map_service_pb2_grpc as pin_map_grpc

from session_fakes.errors import FakeError
from session_fakes.fidelity import fidelity
from session_fakes.measure import Measurement, Outputs, finding, parse_settings, run
from session_fakes.teststand.surface import FileDialog, SequenceContext, on_this_system

if TYPE_CHECKING:
    from session_fakes.station import FakeStation

__all__ = ["PIN_MAP_ID", "Execution", "Step", "code_module", "measurement", "update_pin_map"]

PIN_MAP_ID = "NI.MeasurementPlugIns.PinMapId"
"""The run-time variable that tells steps the id of the pin map."""


@dataclass
class Execution:
    """What a step runs in: the station, the run-time variables, and its test socket."""

    station: FakeStation
    home: Path
    """The folder of the sequence file."""
    search_folders: Sequence[Path] = ()
    file_dialog: FileDialog | None = None
    socket: int | None = None
    """None in the execution that controls the test sockets, and where there are none."""
    variables: dict[str, str] = field(default_factory=dict[str, str])

    def context(self) -> SequenceContext:
        """What a code module is passed."""
        return SequenceContext(
            self.variables,
            home=self.home,
            search_folders=self.search_folders,
            file_dialog=self.file_dialog,
        )


@dataclass(frozen=True)
class Step:
    """One step of a sequence."""

    name: str
    action: Callable[[Execution], object]
    """Does it; what it returns or raises becomes the outcome."""
    process: Callable[[Execution], str] = lambda _: ""
    """The process that makes the step's calls, as the station names it; empty for this one."""


def as_step(given: Step | str | Callable[..., object]) -> Step:
    """A step as it is; a measurement by its name; or a Python function as a code module."""
    if isinstance(given, Step):
        return given
    return measurement(given) if isinstance(given, str) else code_module(given)


@fidelity(
    "TS-UPDATE-PIN-MAP",
    evidence="seen in NI's code",
    rule="Update Pin Map registers the pin map under its absolute path with UpdatePinMapFromXml,"
    " and sets the run-time variable to that path",
)
def update_pin_map(path: str | Path, *, name: str = "Update Pin Map") -> Step:
    """NI's step "Update Pin Map": register the pin map, and tell the steps its id.

    Args:
        path: The file; a relative path is found as TestStand finds files.
        name: Of the step.
    """

    def update(execution: Execution) -> None:
        file = _located(path, execution)
        try:
            xml = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise FakeError(f"The pin map {file} cannot be read: {error}") from error
        request = pin_map_pb2.UpdatePinMapFromXmlRequest(pin_map_id=str(file), pin_map_xml=xml)
        with grpc.insecure_channel(execution.station.pin_map_service.address) as channel:
            pin_map_grpc.PinMapServiceStub(channel).UpdatePinMapFromXml(request)
        execution.variables[PIN_MAP_ID] = str(file)

    return Step(name, update)


def _located(path: str | Path, execution: Execution) -> Path:
    if Path(path).is_absolute():
        return Path(path)
    context = execution.context()
    engine = context.Engine
    found = engine.FindFileEx(fileToFind=str(path), searchContext=context.SequenceFile)
    if not found[0]:
        raise FakeError(f"The user has cancelled the search for {on_this_system(str(path))}.")
    return Path(found[1])


def code_module(function: Callable[..., object], *, name: str | None = None) -> Step:
    """A step that calls a Python function, as TestStand's Python adapter does.

    Args:
        function: It is passed the sequence context if it takes an argument, else nothing.
        name: Of the step; by default that of the function.
    """
    shown = name or str(getattr(function, "__name__", type(function).__name__))
    takes_context = _takes_context(function, shown)

    def call(execution: Execution) -> object:
        return function(execution.context()) if takes_context else function()

    return Step(shown, call)


def _takes_context(function: Callable[..., object], name: str) -> bool:
    parameters = list(inspect.signature(function).parameters.values())
    needed = [p for p in parameters if p.default is p.empty and p.kind not in _OPEN]
    if len(needed) > 1 or any(p.kind is p.KEYWORD_ONLY for p in needed):
        raise FakeError(
            f"{name} takes {', '.join(p.name for p in needed)}; a step passes the sequence context"
            " and nothing else. Give a function that passes the rest:"
            f" lambda sequence_context: {name}(sequence_context, ...)"
        )
    return bool(needed) or any(p.name == "sequence_context" for p in parameters)


_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@fidelity(
    "TS-MEASUREMENT",
    evidence="our choice",
    rule="A measurement step is passed the pin map of the run-time variable, and no pin map when"
    " there is none; in a test socket it measures the site of the socket's number, elsewhere all",
)
def measurement(
    service: str,
    settings: Mapping[str, object] | Sequence[str] = (),
    *,
    sites: Sequence[int] | None = None,
    passes: Callable[[Outputs], bool] | None = None,
    timeout: float | None = None,
    name: str | None = None,
) -> Step:
    """A step that runs a measurement which is registered with the station's Discovery.

    Args:
        service: Its display name or service class.
        settings: Parameters by name, or as texts ``name=value``; the others keep their defaults.
        sites: The sites; by default that of the test socket, or all.
        passes: Whether the outputs are good; without it the step is just done.
        timeout: Seconds after which the measurement is cancelled.
        name: Of the step; by default that of the measurement.
    """

    def measure(execution: Execution) -> object:
        row = _service(execution, service)
        address = f"{row['location']}:{row['port']}"
        pin_map_id = execution.variables.get(PIN_MAP_ID)
        with Measurement.connect(address, str(row["service_class"])) as connected:
            given = (
                dict(settings)
                if isinstance(settings, Mapping)
                else parse_settings(connected.parameters, settings)
            )
            wanted = None if pin_map_id is None else _sites(execution, pin_map_id, sites)
            outputs = run(connected, given, pin_map_id, wanted, timeout=timeout)
        return outputs if passes is None else passes(outputs)

    def process(execution: Execution) -> str:
        return str(_service(execution, service)["process"])

    return Step(name or service, measure, process)


def _service(execution: Execution, name: str) -> Mapping[str, object]:
    rows = [view._asdict() for view in execution.station.services()]
    return finding.newest(finding.find(rows, name))


def _sites(execution: Execution, pin_map_id: str, sites: Sequence[int] | None) -> Sequence[int]:
    if sites is not None:
        return sites
    every = execution.station.sites_of(pin_map_id)
    return [execution.socket] if execution.socket in every else every
