"""Two plug-ins share the one connection that an instrument serves at a time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from offline.adaptation import Caller, server
from offline.bench import EXAMPLES, expect, say


def show() -> None:
    """Share a connection to the simulated instrument; see it end with the instrument."""
    with server("network_stream") as channel, _instrument() as (address, process):
        first = Caller("first plug-in", "network_stream", channel)
        second = Caller("second plug-in", "network_stream", channel)
        where = {"resource_name": address}

        say("Two plug-ins share a connection")
        session = first("OpenConnection", **where).session_id
        joined = second("OpenConnection", **where)
        expect(joined.session_id == session, "they have one session")
        use = {"session_id": session}
        first("Query", query="*IDN?", **use)
        first("Send", command="VOLT 3.3", **use)
        answer = second("Query", query="VOLT?", **use).answer
        expect(answer == "3.3", "the second reads what the first has set")

        say("The instrument is switched off")
        process.terminate()
        process.wait()
        expect(first("Query", query="VOLT?", **use) == "UNAVAILABLE", "the first call tells")
        gone = second("OpenConnection", initialization_behavior=2, **where)
        expect(gone == "NOT_FOUND", "and the session is over: nobody attaches to it any more")


@contextmanager
def _instrument() -> Generator[tuple[str, subprocess.Popen[str]], None, None]:
    """The simulated instrument as a program of its own, and its address."""
    command = [sys.executable, str(EXAMPLES / "network_stream" / "scpi_simulator.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1].rstrip("."), process
        finally:
            process.terminate()
