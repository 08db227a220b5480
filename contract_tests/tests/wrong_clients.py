"""Wrong clients, each with the requirement that it breaks and words of what is said of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]
LOGGER = HOUSE / "reference_impl" / "session_reference" / "file_logger"
INSTRUMENT = LOGGER.with_name("custom_instrument")
_SESSION, _CONNECTION = "session.py", "connection.py"


@dataclass(frozen=True)
class Wrong:
    """A wrong client."""

    name: str
    requirement: str
    words: str
    """A part of the sentence of its finding."""
    only: str = ""
    """Of which checks, if not all of the requirement are to be run."""


@dataclass(frozen=True)
class Patched(Wrong):
    """A copy of a reference client with one line changed."""

    old: str = ""
    new: str = ""
    file: str = _SESSION
    folder: Path = LOGGER

    def write(self, into: Path) -> None:
        """Make the copy."""
        shutil.copytree(
            self.folder, into / self.name, ignore=shutil.ignore_patterns("tests", "__pycache__")
        )
        path = into / self.name / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.old!r} is {text.count(self.old)} times in {path}")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def _row(behavior: str, old: str, new: str) -> tuple[str, str, str]:
    """A changed row of the table of behaviours."""
    begin = f"    SessionInitializationBehavior.{behavior}: "
    return "", f"{begin}({old}),", f"{begin}({new}),"


_KEPT = "self._closes = self.new_session if closes is None else closes"
_RAISED = "            if error is None:\n                raise"
_SENT = "initialization_behavior=behavior)"
_CLOSES = "            if self._closes:\n"
PATCHED: Sequence[Patched] = (
    Patched(
        *("wire_auto", "WIRE-AUTO", "AUTO sends UNSPECIFIED; it sent INITIALIZE_NEW"),
        *_row("AUTO", "_EITHER, None", "_NEW, None"),
    ),
    Patched(
        *("wire_initialize", "WIRE-INITIALIZE", "sends INITIALIZE_NEW; it sent UNSPECIFIED"),
        *_row("INITIALIZE_SERVER_SESSION", "_NEW, True", "_EITHER, True"),
    ),
    Patched(
        *("wire_attach", "WIRE-ATTACH", "sends ATTACH_TO_EXISTING; it sent UNSPECIFIED"),
        *_row("ATTACH_TO_SERVER_SESSION", "_OPEN, False", "_EITHER, False"),
    ),
    Patched(
        *("number_3", "WIRE-DETACH", "INITIALIZE_SESSION_THEN_DETACH sends INITIALIZE_NEW"),
        old=_SENT,
        new="initialization_behavior=int(initialization_behavior))",
    ),
    Patched(
        *("number_4", "WIRE-THEN-CLOSE", "sends ATTACH_TO_EXISTING; it sent 4"),
        old=_SENT,
        new="initialization_behavior=int(initialization_behavior))",
    ),
    Patched(
        *("cut_name", "WIRE-RESOURCE", "it was given R; it sent "),
        old="path = os.fspath(file_path)",
        new="path = os.path.basename(file_path)",
    ),
    Patched(
        *("always_closes", "EXIT-AUTO-ATTACHED", "not new leaves open; it sent Close"),
        old=_KEPT,
        new="self._closes = True",
    ),
    Patched(
        *("never_closes", "EXIT-INITIALIZE", "INITIALIZE_SERVER_SESSION closes; it sent no Close"),
        old=_KEPT,
        new="self._closes = False",
    ),
    Patched(
        *("auto_leaves_open", "EXIT-AUTO-NEW", "that is new closes; it sent no Close"),
        *_row("AUTO", "_EITHER, None", "_EITHER, False"),
    ),
    Patched(
        *("guest_closes", "EXIT-ATTACH", "ATTACH_TO_SERVER_SESSION leaves open; it sent Close"),
        *_row("ATTACH_TO_SERVER_SESSION", "_OPEN, False", "_OPEN, True"),
    ),
    Patched(
        *("detach_closes", "EXIT-DETACH", "THEN_DETACH leaves open; it sent Close"),
        *_row("INITIALIZE_SESSION_THEN_DETACH", "_NEW, False", "_NEW, None"),
    ),
    Patched(
        *("then_close_forgets", "EXIT-THEN-CLOSE", "THEN_CLOSE closes; it sent no Close"),
        *_row("ATTACH_TO_SESSION_THEN_CLOSE", "_OPEN, True", "_OPEN, None"),
    ),
    Patched(
        *("no_close_on_error", "EXIT-BODY-ERROR", "closes; it sent no Close"),
        old=_CLOSES,
        new="            if self._closes and error is None:\n",
    ),
    Patched(
        *("close_on_error", "EXIT-BODY-ERROR", "leaves open; it sent Close"),
        old=_CLOSES,
        new="            if self._closes or error:\n",
    ),
    Patched(
        *("closes_the_name", "EXIT-CLOSE-ID", "it sent Close of R"),
        old="CloseFileRequest(session_id=self.session_id)",
        new="CloseFileRequest(session_id=self._connection._resource)",
    ),
    Patched(
        *("close_error_wins", "ERRORS-BODY-WINS", "the body raised error; INTERNAL came out"),
        old=_RAISED,
        new="            if True:\n                raise",
    ),
    Patched(
        *("close_error_hidden", "ERRORS-CLOSE-RAISED", "Close failed (NOT_FOUND); nothing came"),
        old=_RAISED,
        new="            if False:\n                raise",
    ),
    Patched(
        *("channel_stays", "TIDY-NOTHING-LEFT", "a channel of it stayed", "clean"),
        old="        self._own_channels.close()",
        new="        self.own = self._own_channels",
        file=_CONNECTION,
    ),
    Patched(
        *("channel_of_refused_stays", "TIDY-NOTHING-LEFT", "a channel of it stayed"),
        only="refused",
        old="        except BaseException:\n            self._connection.end()",
        new="        except BaseException:\n            _BEHAVIORS[self] = (0, None)",
    ),
    Patched(
        *("no_time_limit", "TIDY-DEAD-SERVER", "the caller waits for ever"),
        only="stuck and AUTO-free",
        old="rpc(request, timeout=self._timeout)",
        new="rpc(request)",
        file=_CONNECTION,
    ),
    Patched(
        *("wrong_dead_code", "TIDY-DEAD-SERVER", "DEADLINE_EXCEEDED is due, not INTERNAL"),
        only="gone and AUTO-free",
        old='raise JsonLoggerError(subject, code, details, remedies.get(code, ""))',
        new="raise JsonLoggerError(subject, StatusCode.INTERNAL, details)",
        file=_CONNECTION,
    ),
    Patched(
        *("instrument_never_closes", "EXIT-THEN-CLOSE", "THEN_CLOSE closes; it sent no Close"),
        old=_KEPT,
        new="self._closes = self.new_session",
        folder=INSTRUMENT,
    ),
    Patched(
        *("instrument_in_capitals", "WIRE-RESOURCE", "it was given R; it sent CONTRACT-"),
        old="            resource_name=resource_name,\n            protocol",
        new="            resource_name=resource_name.upper(),\n            protocol",
        folder=INSTRUMENT,
    ),
)
"""One changed line of a reference client each."""

WRITTEN: Sequence[Wrong] = (
    Wrong("BeginsWithoutSession", "ENTER-REFUSED-RAISES", "failed (NOT_FOUND); the body began"),
    Wrong("SaysNotFound", "ENTER-REFUSED-RAISES", "(ALREADY_EXISTS); the caller got NOT_FOUND"),
    Wrong("ClosesAtBirth", "ENTER-REFUSED-NO-CLOSE", "answered no session; it sent Close of R"),
    Wrong("SendsNothing", "WIRE-AUTO", "AUTO sends UNSPECIFIED; it sent nothing"),
    Wrong("OpensWhatIsMissing", "WIRE-ATTACH", "it sent UNSPECIFIED"),
    Wrong("OpensAgain", "WIRE-AUTO", "it sent another Initialize after that", "started_again"),
    Wrong("ClosesLater", "EXIT-INITIALIZE", "it sent no Close"),
    Wrong("ClosesBeforeItBegins", "EXIT-AUTO-ATTACHED", "leaves open; it sent Close"),
    Wrong("HidesTheError", "EXIT-ERROR-OUT", "the body raised error; nothing came out"),
    Wrong("RaisesItsOwn", "EXIT-ERROR-OUT", "the body raised error; other came out"),
    Wrong("ComplainsForNothing", "EXIT-ERROR-OUT", "Close did not fail; other came out"),
    Wrong("SharesOneSession", "EXIT-CLOSE-ID", "it sent Close of ", "two_clients_at_once"),
    Wrong("SharesOneResource", "WIRE-RESOURCE", "it was given R; it sent ", "two_clients_at_once"),
    Wrong("ClosesAgain", "TIDY-CLOSE-ONCE", "s1 was closed before; it sent another Close"),
    Wrong("ClosesWhatWasClosed", "TIDY-CLOSE-FIRST", "s1 was closed before; it sent another"),
    Wrong("LeavesAThread", "TIDY-NOTHING-LEFT", "a thread of it stayed", "clean"),
    Wrong("TriesForEver", "TIDY-DEAD-SERVER", "the caller waits for ever", "gone and AUTO-free"),
    Wrong("LogsTheCloseError", "ERRORS-CLOSE-RAISED", "Close failed (NOT_FOUND); nothing came out"),
)
"""Clients of ``sharing_client``."""
