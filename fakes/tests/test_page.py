"""The live page in headless Chromium: what a person sees of a station."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from session_fakes.clock import Clock
from session_fakes.control.server import ControlServer
from session_fakes.network.services import Network
from session_fakes.serving import CallLog, Faults
from session_fakes.serving.names import MethodNames
from session_fakes.station import FakeStation

_CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
needs_chromium = pytest.mark.skipif(_CHROMIUM is None, reason="Chromium is not installed")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # Time for some polls: it passes at once, but waits for answers.
    "--virtual-time-budget=3000",
)


@pytest.fixture
def server() -> Iterator[ControlServer]:
    names = MethodNames(["a.Service/ReserveSessions", "a.Service/GetSessions"])
    calls, faults, clock = CallLog(names), Faults(names), Clock()
    faults.on("GetSessions").fail("UNAVAILABLE")
    clock.advance(100)
    for code in ("OK", "UNAVAILABLE"):
        calls.record(
            "a.Service", "ReserveSessions", None, None, code, "", (), "p", 0.0, 0.0123, None, None
        )
    double: Any = SimpleNamespace(
        clock=clock,
        calls=calls,
        faults=faults,
        network=Network([]),
        internal_errors=[],
        discovery_address="localhost:39811",
        pin_map_id="<b>station</b>.pinmap",
        services=lambda: list[Any](),
        sessions=lambda: list[Any](),
        waiting=lambda: list[Any](),
    )
    control = ControlServer(cast("FakeStation", double), page=True)
    yield control
    control.close()


def shown(url: str, folder: Path) -> str:
    """The page as it stands in the browser after some polls."""
    command = [str(_CHROMIUM), *_FLAGS, f"--user-data-dir={folder}", "--dump-dom", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    return done.stdout


@needs_chromium
def test___page___opened_with_the_token___shows_the_station_as_text(
    server: ControlServer, tmp_path: Path
) -> None:
    page = shown(server.page_url, tmp_path)

    assert ">live<" in page
    assert "&lt;b&gt;station&lt;/b&gt;.pinmap" in page
    assert "<b>" not in page
    assert page.count(">ReserveSessions</td>") == 2
    assert "12.3 ms" in page
    assert "fail UNAVAILABLE" in page
    assert "Nobody waits." in page


@needs_chromium
def test___page___opened_without_the_token___shows_nothing_of_the_station(
    server: ControlServer, tmp_path: Path
) -> None:
    page = shown(f"{server.url}/", tmp_path)

    assert "token" in page
    assert "pinmap" not in page
