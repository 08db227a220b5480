"""Wrong clients: a reference client with one line changed, and small clients with a fault."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from selftest.patched import INSTRUMENT, LOGGER, Patch
from selftest.wrong import Wrong
from session_contract import copying

HERE = Path(__file__).resolve().parent
SESSION, CONNECTION = "session.py", "connection.py"
_HANGS = "TIDY-DEAD-SERVER"
_LIMITS = "[limits]\nhang = {}\n"
SOON, LATE = _LIMITS.format(8), _LIMITS.format(60)
"""When a client counts as hanging: where none does, a busy machine has all the time it takes."""
_REFERENCE = HERE.parents[1] / "reference_impl" / "session_reference"
_HEAD = '[target]\nclass = "client"\nname = "{client}"\nclient = "{client}"\n'
_LOGGER = """\
[client]
arguments = ["{resource}", "{behavior}"]
keywords = { address = "{address}", timeout = "{timeout}" }
[descriptors]
source = "changed/json_logger.proto"
[resource]
name = "{tmp}/{unique}.ndjson"
"""
_INSTRUMENT = """\
[client]
arguments = ["{resource}", 1, "map.csv", false, "{behavior}"]
keywords = { address = "{address}", timeout = "{timeout}" }
[descriptors]
source = "changed/device_comm_service.proto"
"""
_SMALL = """\
[client]
arguments = ["{resource}", "{behavior_name}", "{address}", "{timeout}"]
[client.use]
call = "use"
"""


@dataclass(frozen=True)
class ClientPatch(Patch):
    """A line of a copied reference client, and what stands there instead."""

    limits: str = LATE

    def target(self, folder: Path) -> str:
        """Make the patched copy, and the text of its target file."""
        copying.copy(self.reference, folder / "changed")
        self.apply(folder / "changed")
        is_logger = self.reference == LOGGER
        kind = "JsonLoggerClient" if is_logger else "DeviceCommunicationClient"
        head = _HEAD.format(client=f"changed.session:{kind}")
        claims = 'claims = ["errors", "tidy"]\n'
        return f"{head}{claims}{_LOGGER if is_logger else _INSTRUMENT}{self.limits}"


def small_target(name: str, claims: str, limits: str, _: Path) -> str:
    """The text of the target file of a client of ``sharing_client``."""
    head = _HEAD.format(client=f"sharing_client:{name}")
    proto = (_REFERENCE / "file_logger" / "json_logger.proto").as_posix()
    place = f'folder = "{HERE.as_posix()}"\nclaims = [{claims}]\n'
    return f'{head}{place}{_SMALL}[descriptors]\nsource = "{proto}"\n{limits}'


def _limits(requirement: str) -> str:
    return SOON if requirement == _HANGS else LATE


def _patched(
    requirement: str, name: str, words: str, patch: ClientPatch, checks: str = ""
) -> Wrong:
    return Wrong(
        name=f"{patch.reference} client: {name}",
        conformance_class="client",
        requirement=requirement,
        words=words,
        target=replace(patch, limits=_limits(requirement)).target,
        origin=f"{patch.file}: {patch.old}  →  {patch.new}",
        checks=checks,
    )


def _small(kind: str, requirement: str, words: str, checks: str = "") -> Wrong:
    return Wrong(
        name=f"small client: {kind}",
        conformance_class="client",
        requirement=requirement,
        words=words,
        target=partial(small_target, kind, '"errors", "tidy"', _limits(requirement)),
        origin=f"sharing_client.py: {kind}",
        checks=checks,
    )


_logger = partial(ClientPatch, LOGGER, SESSION)
_instrument = partial(ClientPatch, INSTRUMENT, SESSION)
_connection = partial(ClientPatch, LOGGER, CONNECTION)


def _row(behavior: str, old: str, new: str) -> ClientPatch:
    """A changed row of the table of behaviours."""
    begin = f"SessionInitializationBehavior.{behavior}: "
    return _logger(f"{begin}({old}),", f"{begin}({new}),")


_REQUEST = (
    "request = wire.InitializeFileRequest(resource_name=path, initialization_behavior=behavior)"
)
_NUMBER = _REQUEST.replace("=behavior)", "=int(initialization_behavior))")
_KEPT = "self._closes = self.new_session if closes is None else closes"
_CLOSES, _NO_ERROR = "if self._closes:", "if error is None:"
_CLOSE = "self._stub.CloseFile, wire.CloseFileRequest(session_id=self.session_id)"
_NAME = "self._connection._resource"

ONE_LINE = [
    # On the wire
    _patched("WIRE-AUTO", "AUTO creates", "AUTO sends UNSPECIFIED; it sent INITIALIZE_NEW",
             _row("AUTO", "_EITHER, None", "_NEW, None")),
    _patched("WIRE-INITIALIZE", "INITIALIZE attaches, too", "it sent UNSPECIFIED",
             _row("INITIALIZE_SERVER_SESSION", "_NEW, True", "_EITHER, True")),
    _patched("WIRE-ATTACH", "ATTACH creates, too", "it sent UNSPECIFIED",
             _row("ATTACH_TO_SERVER_SESSION", "_OPEN, False", "_EITHER, False")),
    _patched("WIRE-DETACH", "the number of the SDK is sent", "it sent 3",
             _logger(_REQUEST, _NUMBER)),
    _patched("WIRE-THEN-CLOSE", "the number 4 of the SDK is sent", "it sent 4",
             _logger(_REQUEST, _NUMBER)),
    _patched("WIRE-RESOURCE", "a path loses its folder", "it was given R; it sent ",
             _logger("path = os.fspath(file_path)", "path = os.path.basename(file_path)")),
    _patched("WIRE-RESOURCE", "names are in capitals", "it was given R; it sent CONTRACT-",
             _instrument("resource_name=resource_name,", "resource_name=resource_name.upper(),")),
    # Leaving
    _patched("EXIT-AUTO-NEW", "AUTO leaves open", "that is new closes; it sent no Close",
             _row("AUTO", "_EITHER, None", "_EITHER, False")),
    _patched("EXIT-AUTO-ATTACHED", "it always closes", "not new leaves open; it sent Close",
             _logger(_KEPT, "self._closes = True")),
    _patched("EXIT-INITIALIZE", "it never closes", "SESSION closes; it sent no Close",
             _logger(_KEPT, "self._closes = False")),
    _patched("EXIT-ATTACH", "a guest closes", "ATTACH_TO_SERVER_SESSION leaves open; it sent Close",
             _row("ATTACH_TO_SERVER_SESSION", "_OPEN, False", "_OPEN, True")),
    _patched("EXIT-DETACH", "what is new is closed", "THEN_DETACH leaves open; it sent Close",
             _row("INITIALIZE_SESSION_THEN_DETACH", "_NEW, False", "_NEW, None")),
    _patched("EXIT-THEN-CLOSE", "the cleanup forgets", "THEN_CLOSE closes; it sent no Close",
             _row("ATTACH_TO_SESSION_THEN_CLOSE", "_OPEN, True", "_OPEN, None")),
    _patched("EXIT-THEN-CLOSE", "only what is new is closed", "THEN_CLOSE closes; it sent no Close",
             _instrument(_KEPT, "self._closes = self.new_session")),
    _patched("EXIT-BODY-ERROR", "no Close after an error", "closes; it sent no Close",
             _logger(_CLOSES, "if self._closes and error is None:")),
    _patched("EXIT-BODY-ERROR", "Close after any error", "leaves open; it sent Close",
             _logger(_CLOSES, "if self._closes or error:")),
    _patched("EXIT-CLOSE-ID", "it closes the name", "it sent Close of R",
             _logger(_CLOSE, _CLOSE.replace("self.session_id", _NAME))),
    # Claims
    _patched("ERRORS-BODY-WINS", "the last error wins", "the body raised error; INTERNAL came out",
             _logger(_NO_ERROR, "if True:")),
    _patched("ERRORS-CLOSE-RAISED", "an error of Close is only logged", "nothing came out",
             _logger(_NO_ERROR, "if False:")),
    _patched("TIDY-NOTHING-LEFT", "its channel stays open", "a channel of it stayed",
             _connection("self._own_channels.close()", "self.own = self._own_channels"),
             "clean"),
    _patched("TIDY-DEAD-SERVER", "no time limit", "the caller waits for ever",
             _connection("return rpc(request, timeout=self._timeout)", "return rpc(request)"),
             "stuck and AUTO-free"),
    _patched("TIDY-DEAD-SERVER", "no reason is told", "DEADLINE_EXCEEDED is due, not INTERNAL",
             _connection("code, details = error.code(), error.details() or \"\"",
                         "code, details = StatusCode.INTERNAL, \"\""),
             "gone and AUTO-free"),
]  # fmt: skip
"""A reference client with one line changed."""
SMALL = [
    _small("SendsNothing", "WIRE-AUTO", "AUTO sends UNSPECIFIED; it sent nothing"),
    _small("OpensAgain", "WIRE-AUTO", "it sent another Initialize after that"),
    _small("OpensWhatIsMissing", "WIRE-ATTACH", "it sent UNSPECIFIED"),
    _small("SharesOneResource", "WIRE-RESOURCE", "it was given R; it sent "),
    _small("BeginsWithoutSession", "ENTER-REFUSED-RAISES", "failed (NOT_FOUND); the body began"),
    _small("SaysNotFound", "ENTER-REFUSED-RAISES", "(ALREADY_EXISTS); the caller got NOT_FOUND"),
    _small("ClosesAtBirth", "ENTER-REFUSED-NO-CLOSE", "answered no session; it sent Close of R"),
    _small("ClosesLater", "EXIT-INITIALIZE", "it sent no Close"),
    _small("ClosesBeforeItBegins", "EXIT-AUTO-ATTACHED", "leaves open; it sent Close"),
    _small("HidesTheError", "EXIT-ERROR-OUT", "the body raised error; nothing came out"),
    _small("RaisesItsOwn", "EXIT-ERROR-OUT", "the body raised error; other came out"),
    _small("ComplainsForNothing", "EXIT-ERROR-OUT", "Close did not fail; other came out"),
    _small("SharesOneSession", "EXIT-CLOSE-ID", "it sent Close of "),
    _small("LogsTheCloseError", "ERRORS-CLOSE-RAISED", "Close failed (NOT_FOUND); nothing came"),
    _small("ClosesAgain", "TIDY-CLOSE-ONCE", "s1 was closed before; it sent another Close"),
    _small("ClosesWhatWasClosed", "TIDY-CLOSE-FIRST", "s1 was closed before; it sent another"),
    _small("KeepsRefusedChannels", "TIDY-NOTHING-LEFT", "a channel of it stayed", "refused"),
    _small("LeavesAThread", "TIDY-NOTHING-LEFT", "a thread of it stayed", "clean"),
    _small("TriesForEver", "TIDY-DEAD-SERVER", "the caller waits for ever", "gone and AUTO-free"),
]
"""A small client with a fault."""
WRONG = [*ONE_LINE, *SMALL]
