"""The resource itself: how it is opened, used and closed. This file is yours.

What is raised is the answer of the call: ``InvalidRequestError`` for what the client can mend, an
``OSError`` as it comes. The exceptions of ``refusals.py`` know their status.
"""

from __future__ import annotations

# EXAMPLE: begin
import threading
# EXAMPLE: end
import time

from .refusals import InvalidRequestError

_LONGEST_WARM_UP = 60.0


class Resource:
    """An open resource; its methods are called from many threads at the same time."""

    def __init__(self, name: str) -> None:
        """Keep what the resource is called."""
        self.name = name
        # EXAMPLE: begin
        self._lock = threading.Lock()
        self._note = ""
        # EXAMPLE: end

    # YOURS: what can be done with it while it is open.
    # EXAMPLE: begin
    def write_note(self, note: str) -> None:
        """Replace the note."""
        with self._lock:
            self._note = note

    def read_note(self) -> str:
        """What was written last."""
        with self._lock:
            return self._note

    # EXAMPLE: end
    def close(self) -> None:
        """Release the resource; nobody uses it any more."""
        # YOURS: disconnect, unlock, close the file.


def open_resource(name: str, warm_up_seconds: float) -> Resource:
    """Open the resource; this may be slow, and holds up nobody who wants another one."""
    if not 0 <= warm_up_seconds <= _LONGEST_WARM_UP:
        raise InvalidRequestError(f"Set warm_up_seconds to 0 to {_LONGEST_WARM_UP:g}.")
    # YOURS: connect, lock, open the file.
    time.sleep(warm_up_seconds)
    return Resource(name)
