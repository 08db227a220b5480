"""A station of this process that others can find: servers, control service, ready file."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from session_fakes.cli.flags import StationSettings
from session_fakes.errors import FakeError

if TYPE_CHECKING:
    from session_fakes.control.server import ControlServer
    from session_fakes.station import FakeStation


@dataclass(frozen=True)
class Hosted:
    """A station that serves."""

    station: FakeStation
    control: ControlServer
    ready_file: Path


@contextlib.contextmanager
def hosted(settings: StationSettings, *, page: bool = False) -> Generator[Hosted]:
    """Start a station, its control service and its ready file; stop them in an orderly way."""
    # gRPC prints a line when a server stops, unless told not to.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from session_fakes.control import readyfile
    from session_fakes.control.client import is_alive
    from session_fakes.control.server import ControlServer
    from session_fakes.real_discovery import refuse_beside

    refuse_beside(beside_ni=settings.beside_ni)
    path = (settings.ready_file or readyfile.default_path()).absolute()
    with (
        _station(settings) as station,
        contextlib.closing(ControlServer(station, page=page)) as control,
    ):
        started = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        ready = readyfile.Ready(
            discovery=station.discovery_address,
            control=control.url,
            token=control.token,
            pid=os.getpid(),
            pin_map_id=station.pin_map_id,
            started=started,
        )
        readyfile.publish(path, ready, is_alive)
        try:
            yield Hosted(station, control, path)
        finally:
            readyfile.withdraw(path, ready)


def _station(settings: StationSettings) -> FakeStation:
    from session_fakes.station import FakeStation

    return FakeStation(
        settings.pin_map,
        port=settings.port,
        service_configs=settings.service_config,
        evict_stale=settings.evict_stale,
        prefixed_session_names=not settings.bare_session_names,
    )


Handler = Callable[[int], None]


@contextlib.contextmanager
def on_signals(handler: Handler) -> Generator[None]:
    """Call back for Ctrl-C, SIGTERM and, on Windows, Ctrl-Break, in place of their usual effect."""

    def handle(number: int, _: FrameType | None) -> None:
        handler(number)

    names = ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP")
    numbers = [number for name in names if (number := getattr(signal, name, None))]
    before = [(number, signal.signal(number, handle)) for number in numbers]
    try:
        yield
    finally:
        for number, old in before:
            signal.signal(number, old)


class Wish:
    """Whether the station is to stop: a signal came, or a client of the control asked for it."""

    def __init__(self, control: ControlServer) -> None:
        self._control = control
        self._signalled = False

    def __call__(self, _: int = 0) -> None:
        """Wish it. Safe in a signal handler, where taking a lock could wait for ever."""
        self._signalled = True

    @property
    def granted(self) -> bool:
        """Whether it was wished."""
        return self._signalled or self._control.stop_wanted.is_set()


def await_news(station: FakeStation, seen: int, wish: Wish, seconds: float) -> None:
    """Return when a call was answered, when the station is to stop, or after some time."""
    with contextlib.suppress(FakeError):
        station.calls.wait_until(
            lambda: station.calls.last_seq != seen or wish.granted, seconds, "news"
        )
