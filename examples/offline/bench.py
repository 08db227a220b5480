"""A fake station with servers and plug-ins on it, each a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from session_fakes.measure import Measurement, Outputs, as_table, run
from session_fakes.station import FakeStation

EXAMPLES = Path(__file__).resolve().parents[1]
REFERENCE = EXAMPLES.parent / "reference_impl" / "session_reference"
PIN_MAPS = EXAMPLES / "pin_maps"
PATIENCE = 20.0
"""Seconds that a server has to end; it grants running calls five."""


class ShowError(Exception):
    """An example did not do what it is there to show; the text says what."""


class Bench:
    """A station with a pin map, found by NI's clients of this process and of those it starts.

    Attributes:
        station: The station.
        folder: A folder that is removed at the end; servers are started in it.
    """

    def __init__(self, pin_map: str) -> None:
        self.station = FakeStation(PIN_MAPS / pin_map)
        self._running = ExitStack()

    def __enter__(self) -> Bench:
        with ExitStack() as running:
            self.folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
            running.enter_context(self.station)
            running.enter_context(self.station.installed())
            self._running = running.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._running:
            left = [leak for leak in self.station.leaks() if leak.kind != "service"]
        if left and error is None:
            raise ShowError(f"Something was left behind: {'; '.join(map(str, left))}.")

    def serve(self, folder: Path) -> None:
        """Start the server of a folder and wait until it has registered."""
        self._running.enter_context(served([str(folder)], self.station, self.folder))

    def plug_in(self, name: str) -> None:
        """Start the plug-in of an example and wait until it has registered."""
        command = [sys.executable, str(EXAMPLES / name / "measurement.py")]
        self.station.launch(command, cwd=EXAMPLES / name)

    def measure(self, name: str, settings: Mapping[str, object] | None = None) -> Outputs:
        """Run a measurement that is registered, and print what came out."""
        (service,) = (each for each in self.station.services() if each.display_name == name)
        with Measurement.connect(f"{service.location}:{service.port}") as measurement:
            outputs = run(measurement, settings, self.station.pin_map_id, [0], timeout=PATIENCE)
        say(f"{name} {settings or ''}".strip())
        print(as_table(outputs))
        return outputs

    def print_log(self, records: int) -> None:
        """Print the log of the pin map, which has to have so many records."""
        say("The log")
        lines = (self.folder / "measurements.ndjson").read_text(encoding="utf-8").splitlines()
        print("\n".join(lines))
        expect(len(lines) == records, f"all {records} records are in one file")


@contextmanager
def served(
    command: Sequence[str], station: FakeStation, folder: Path
) -> Generator[None, None, None]:
    """Run a Python program that registers with the station; end it in order."""
    server = subprocess.Popen(
        [sys.executable, *command, "--stop-on-stdin-close"],
        cwd=folder,
        env=station.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    with server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            if not any(line.startswith("Registered") for line in server.stdout):
                raise ShowError(f"{command[0]} did not start; what it said stands above.")
            yield
        finally:
            server.stdin.close()
            code = server.wait(PATIENCE)
        if code:
            raise ShowError(f"{command[0]} ended with exit code {code}.")


def values(outputs: Outputs) -> dict[str, object]:
    """The outputs of a measurement by their names."""
    return {reading.parameter.name: reading.value for reading in outputs.readings}


def say(heading: str) -> None:
    """Print a heading."""
    print(f"\n— {heading}", flush=True)


def expect(holds: bool, sentence: str) -> None:
    """Print what was shown; raise ShowError when it does not hold."""
    if not holds:
        raise ShowError(f"This does not hold: {sentence}.")
    print(f"✓ {sentence}", flush=True)
