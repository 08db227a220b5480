"""Two plug-ins share a lock on a fixture, and another station of the machine is kept out."""

from __future__ import annotations

import tempfile

from offline.adaptation import Caller, server
from offline.bench import expect, say

LOCK = {"lock_name": "fixture 1"}


def show() -> None:
    """Share a lock, keep others out, and give it back."""
    with (
        tempfile.TemporaryDirectory() as folder,
        server("hardware_lock", "--folder", folder) as here,
        server("hardware_lock", "--folder", folder) as there,
    ):
        first = Caller("first plug-in", "hardware_lock", here)
        second = Caller("second plug-in", "hardware_lock", here)
        other = Caller("other station", "hardware_lock", there)

        say("Two plug-ins share the lock")
        taken = first("AcquireLock", purpose="leak test", **LOCK)
        joined = second("AcquireLock", **LOCK)
        purpose = second("Describe", session_id=joined.session_id).purpose
        same = (taken.session_id, True, False) == (
            joined.session_id,
            taken.new_session_initialized,
            joined.new_session_initialized,
        )
        expect(same and purpose == "leak test", "both have one session, which the first has opened")

        say("Another station of this machine")
        expect(other("AcquireLock", **LOCK) == "UNAVAILABLE", "it is kept out, and told by whom")
        first("ReleaseLock", session_id=taken.session_id)
        late = second("ReleaseLock", session_id=taken.session_id)
        expect(late == "NOT_FOUND", "given back by one, the lock is given back for both")
        got = other("AcquireLock", **LOCK)
        expect(got.new_session_initialized, "then the other station gets it")
        other("ReleaseLock", session_id=got.session_id)
