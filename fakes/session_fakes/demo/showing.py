"""Runs the demo on a station of its own, and tells what happened."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ni.measurementlink.discovery.v1.client import DiscoveryClient
from ni_grpc_extensions.channelpool import GrpcChannelPool

from session_fakes.demo.server import Event, Notebook, served
from session_fakes.demo.steps import create_notebook_sessions, destroy_notebook_sessions
from session_fakes.station import FakeStation
from session_fakes.teststand import Report, SequenceFile, SequenceRunner, update_pin_map

__all__ = ["PLUG_INS", "Shown", "run", "timeline"]

HERE = Path(__file__).resolve().parent
PLUG_INS = ("Voltage", "Current")
_WIDTH = 60
"""Columns of the timeline."""


@dataclass(frozen=True)
class Shown:
    """What happened."""

    report: Report
    events: Sequence[Event]

    @property
    def session_ids(self) -> set[str]:
        """The sessions that the plug-ins used."""
        outputs = [self.report.step(name).outputs or {} for name in PLUG_INS]
        return {str(each.get("Session id")) for each in outputs}


def run() -> Shown:
    """Run a sequence with two plug-ins, each a process of its own, on a fake station."""
    with FakeStation() as station, station.installed(), GrpcChannelPool() as channels:
        notebook = Notebook(station.clock.now)
        with served(notebook, DiscoveryClient(grpc_channel_pool=channels)):
            for name in PLUG_INS:
                station.launch([sys.executable, str(HERE / "plug_in.py"), name])
            sequence = SequenceFile(
                setup=[update_pin_map(HERE / "demo.pinmap"), create_notebook_sessions],
                main=PLUG_INS,
                cleanup=[destroy_notebook_sessions],
            )
            report = SequenceRunner(sequence, station).run()
    return Shown(report, notebook.events)


def timeline(shown: Shown) -> Iterator[str]:
    """The steps as bars, and below them the one session that they share."""
    report, events = shown.report, shown.events
    begin, end = report.started, report.ended
    bars = [(step.name, step.started, step.ended) for step in report.steps]
    for session in dict.fromkeys(event.session for event in events):
        times = [event.at for event in events if event.session == session]
        bars.append((f"{session} is open", min(times), max(times)))
    width = max(len(name) for name, _, _ in bars)
    for name, started, ended in bars:
        first = int((started - begin) / (end - begin) * (_WIDTH - 1))
        last = int((ended - begin) / (end - begin) * (_WIDTH - 1))
        yield f"{name:{width}}  {' ' * first}{'#' * (last - first + 1)}".rstrip()
