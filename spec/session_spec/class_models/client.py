"""The rules of a client as a pure model: what it sends, and what its caller sees.

A trace follows one client after the other, from both sides: what its caller did and saw (Enter,
Entered, Raised, CloseCall, Leave, Left, Hung), and what the server saw and answered (Initialize,
Close). ``Down()`` says that from here on the server sees nothing and answers nothing.

What the core leaves open is allowed, as in :mod:`session_spec.model`; claims are given by name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

from session_spec.class_models.server import read_answer, read_call
from session_spec.examples import LOST, Event
from session_spec.matrix import CLIENT_MATRIX, Behavior, ClientRule, Leaving, SdkBehavior
from session_spec.model import NOT_FOUND, OK, Answer, Initialize, Lost, Violation

OTHER: Final = "other"
"""Stands for an exception of the client's own, which has no status code."""
UNREACHABLE: Final = ("UNAVAILABLE", "DEADLINE_EXCEEDED", OTHER)
"""What a caller may get when the server does not answer."""


class Phase(Enum):
    """How far a client has come."""

    BEFORE = auto()
    ENTERING = auto()
    BODY = auto()
    CLOSING = auto()
    """In the body still, which has called close()."""
    LEAVING = auto()
    LEFT = auto()
    OVER = auto()
    """Entering failed, or the caller did not come back."""


_MADE = frozenset(Phase) - {Phase.BEFORE}
_INSIDE = frozenset({Phase.BODY, Phase.CLOSING})
_PLACES: dict[str, frozenset[Phase]] = {
    "Enter": frozenset({Phase.BEFORE, Phase.LEFT, Phase.OVER}),
    "Initialize": _MADE,
    "Entered": frozenset({Phase.ENTERING}),
    "Raised": frozenset({Phase.ENTERING}),
    "CloseCall": _INSIDE,
    "Leave": _INSIDE | {Phase.LEFT},
    "Close": _MADE,
    "Left": frozenset({Phase.LEAVING}),
    "Hung": _INSIDE | {Phase.ENTERING, Phase.LEAVING},
    "Remains": frozenset(Phase),
    "Down": frozenset(Phase),
}
"""Where in the life of a client an event can stand at all."""


@dataclass(frozen=True)
class ClientState:
    """What is known of the client at hand."""

    phase: Phase = Phase.BEFORE
    behavior: SdkBehavior = SdkBehavior.AUTO
    resource: str = ""
    """The resource that it was given, or else the first that it named; empty until known."""
    down: bool = False
    refusal: str = ""
    """The code that Initialize failed with, ``lost`` when it got no answer."""
    session: str | None = None
    """The id that Initialize answered; None until one did."""
    new: bool = False
    raised: str = ""
    """The exception of the body."""
    close_called: bool = False
    sent: bool = False
    settled: bool = False
    """Whether a Close was answered in a way that says that the session is closed."""
    failure: str = ""
    """The code that the Close of the caller's latest wish failed with, or ``lost``."""

    @property
    def rule(self) -> ClientRule:
        """The row of the client's matrix."""
        return CLIENT_MATRIX[self.behavior]

    @property
    def closes(self) -> bool:
        """Whether this client has to close on leaving; otherwise it has to leave open."""
        if self.rule.leaving is Leaving.CLOSE_IF_NEW:
            return self.session is not None and self.new
        return self.session is not None and self.rule.leaving is Leaving.CLOSE

    @property
    def exit_requirement(self) -> str:
        """The requirement that says whether this client closes."""
        if self.raised:
            return "EXIT-BODY-ERROR"
        if self.rule.leaving is Leaving.CLOSE_IF_NEW and not self.new:
            return "EXIT-AUTO-ATTACHED"
        return self.rule.exit_requirement


ClientVerdict = list[ClientState] | Violation


@dataclass(frozen=True)
class ClientModel:
    """Judges what a client sends, and what comes out of its ``with`` block."""

    claims: frozenset[str] = frozenset()

    def initial(self) -> ClientState:
        """No client was made yet, and the server is there."""
        return ClientState()

    def apply(self, state: ClientState, event: Event) -> ClientVerdict:
        """The states after this event, or the violation that it is."""
        if state.phase not in _PLACES.get(event.call, ()):
            raise ValueError(f"{event.text!r} is no event of a client, or not at this place")
        if event.call in ("Initialize", "Close"):
            return self._on_the_wire(state, event)
        if event.call in ("Enter", "CloseCall", "Leave", "Down"):
            return _unheard(_wish(state, event))
        return self._outcome(state, event)

    def _on_the_wire(self, state: ClientState, event: Event) -> ClientVerdict:
        """Judge what the server saw the client send."""
        call, answer = read_call(event), read_answer(event.outcome or ())
        known = Answer(LOST) if isinstance(answer, Lost) else answer
        if isinstance(call, Initialize):
            return _initialize(state, call, known)
        return self._close(state, event.arguments[0], known.code)

    def _outcome(self, state: ClientState, event: Event) -> ClientVerdict:
        """Judge what the caller saw come of its wish."""
        match event.call, event.arguments:
            case "Entered", ():
                return _entered(state)
            case "Raised", (error,):
                return self._raised(state, error)
            case "Left", () | (_,):
                return self._left(state, "".join(event.arguments))
            case "Hung", ():
                return self._hung(state)
            case "Remains", (what,):
                return self._remains(state, what)
            case _:
                raise _unreadable(event)

    def _raised(self, state: ClientState, error: str) -> ClientVerdict:
        over = [replace(state, phase=Phase.OVER)]
        if state.session is not None:
            return _still_open(state) or over
        if self._tells_of(state.refusal, error):
            return over
        if state.refusal == LOST:
            return _wrong_dead(error)
        return _no_session(state, f"the caller got {error}") or over

    def _close(self, state: ClientState, session: str, code: str) -> ClientVerdict:
        if violation := _wrong_close(state, session):
            return violation
        if state.settled and "tidy" in self.claims:
            first = state.close_called
            sentence = f"{state.session} was closed before; it sent another Close"
            return Violation("TIDY-CLOSE-FIRST" if first else "TIDY-CLOSE-ONCE", sentence)
        failure = "" if code == OK else code
        after = replace(
            state, sent=True, settled=state.settled or code in (OK, NOT_FOUND), failure=failure
        )
        if code == NOT_FOUND and state.sent and not state.settled:
            # The Close before this one had failed or was lost: it may have worked all the same.
            return [after, replace(after, failure="")]
        return [after]

    def _left(self, state: ClientState, error: str) -> ClientVerdict:
        after = self._after_error if state.raised else self._after_clean_body
        if violation := _still_open(state) or after(state, error):
            return violation
        return [replace(state, phase=Phase.LEFT, close_called=False)]

    def _after_error(self, state: ClientState, error: str) -> Violation | None:
        if error == state.raised:
            return None
        sentence = f"the body raised {state.raised}; {error or 'nothing'} came out"
        if not self._tells_of(state.failure, error):
            return Violation("EXIT-ERROR-OUT", sentence)
        return Violation("ERRORS-BODY-WINS", sentence) if "errors" in self.claims else None

    def _after_clean_body(self, state: ClientState, error: str) -> Violation | None:
        if self._tells_of(state.failure, error):
            return None
        how = f"failed ({state.failure})" if state.failure else "did not fail"
        sentence = f"Close {how}; {error or 'nothing'} came out"
        if error and state.failure == LOST:
            return _wrong_dead(error)
        if state.failure and "errors" in self.claims:
            return Violation("ERRORS-CLOSE-RAISED", sentence)
        return Violation("EXIT-ERROR-OUT", sentence) if error else None

    def _tells_of(self, failure: str, error: str) -> bool:
        """Whether ``error`` is what a caller may get of a call that failed in this way."""
        if not failure or not error:
            return False
        if failure == LOST:
            return "tidy" not in self.claims or error in UNREACHABLE
        return error in (failure, OTHER)

    def _hung(self, state: ClientState) -> ClientVerdict:
        if not state.down and LOST not in (state.refusal, state.failure):
            return (
                _no_session(state, "the caller never came back")
                or _still_open(state)
                or Violation("EXIT-ERROR-OUT", "every call was answered; nothing ever came out")
            )
        if "tidy" in self.claims:
            sentence = "the server does not answer; the caller waits for ever"
            return Violation("TIDY-DEAD-SERVER", sentence)
        return [replace(state, phase=Phase.OVER)]

    def _remains(self, state: ClientState, what: str) -> ClientVerdict:
        if "tidy" in self.claims:
            return Violation("TIDY-NOTHING-LEFT", f"the client is gone; a {what} of it stayed")
        return [state]


def _wish(state: ClientState, event: Event) -> ClientState:
    """The state after what the caller, or the world, did: nothing of it can be wrong."""
    match event.call, event.arguments:
        case "Enter", (name, *resource) if name in SdkBehavior.__members__ and len(resource) < 2:
            return ClientState(Phase.ENTERING, SdkBehavior[name], "".join(resource), state.down)
        case "CloseCall", ():
            return replace(state, phase=Phase.CLOSING, close_called=True)
        case "Leave", () | (_,):
            return replace(state, phase=Phase.LEAVING, raised="".join(event.arguments), failure="")
        case "Down", ():
            return replace(state, down=True)
        case _:
            raise _unreadable(event)


def _unreadable(event: Event) -> ValueError:
    return ValueError(f"{event.text!r} has not the arguments and the answer of its kind")


def _initialize(state: ClientState, call: Initialize, answer: Answer) -> ClientVerdict:
    if violation := _wrong_initialize(state, call):
        return violation
    state = replace(state, resource=state.resource or call.resource)
    if answer.code != OK:
        return [replace(state, refusal=answer.code)]
    still_new = state.new and answer.session == state.session
    return [replace(state, refusal="", session=answer.session, new=answer.new or still_new)]


def _wrong_initialize(state: ClientState, call: Initialize) -> Violation | None:
    if state.phase is not Phase.ENTERING:
        sentence = "it initializes before its body begins; it sent another Initialize after that"
        return Violation(state.rule.wire_requirement, sentence)
    if call.behavior != state.rule.wire:
        known = call.behavior in tuple(Behavior)
        return _wrong_wire(state, Behavior(call.behavior).name if known else str(call.behavior))
    if _is_same(call.resource, state.resource or call.resource):
        return None
    sentence = f"it was given {state.resource}; it sent {call.resource or 'no resource'}"
    return Violation("WIRE-RESOURCE", sentence)


def _is_same(sent: str, given: str) -> bool:
    """Whether a resource is the one that was given, or its complete path."""
    path = PureWindowsPath(sent)
    complete = path.is_absolute() or PurePosixPath(sent).is_absolute()
    tail = PureWindowsPath(given).parts
    return sent == given or (complete and path.parts[-len(tail) :] == tail)


def _entered(state: ClientState) -> ClientVerdict:
    if violation := _no_session(state, "the body began"):
        return violation
    if state.sent:
        return Violation(state.exit_requirement, "the session was closed before the body began")
    return [replace(state, phase=Phase.BODY)]


def _no_session(state: ClientState, what: str) -> Violation | None:
    """An entering without a session, which can only end in the error of Initialize."""
    if state.session is not None:
        return None
    if not state.refusal:
        return _wrong_wire(state, "nothing")
    return Violation("ENTER-REFUSED-RAISES", f"Initialize failed ({state.refusal}); {what}")


def _wrong_wire(state: ClientState, sent: str) -> Violation:
    sentence = f"{state.behavior.name} sends {state.rule.wire.name}; it sent {sent}"
    return Violation(state.rule.wire_requirement, sentence)


def _wrong_dead(error: str) -> Violation:
    due = "UNAVAILABLE or DEADLINE_EXCEEDED is due"
    return Violation("TIDY-DEAD-SERVER", f"the server did not answer: {due}, not {error}")


def _wrong_close(state: ClientState, session: str) -> Violation | None:
    name = session or "the empty id"
    if state.session is None:
        requirement = "ENTER-REFUSED-NO-CLOSE" if state.refusal else "EXIT-CLOSE-ID"
        return Violation(requirement, f"Initialize answered no session; it sent Close of {name}")
    if session != state.session:
        sentence = f"Initialize answered {state.session}; it sent Close of {name}"
        return Violation("EXIT-CLOSE-ID", sentence)
    if state.phase is Phase.BODY:
        return Violation(state.exit_requirement, "it sent Close while the body was running")
    if state.closes or state.phase is Phase.CLOSING:
        return None
    return Violation(state.exit_requirement, f"{_case(state)} leaves open; it sent Close")


def _still_open(state: ClientState) -> Violation | None:
    """A block that is over with its session neither closed nor meant to stay open."""
    if state.sent or not state.closes:
        return None
    return Violation(state.exit_requirement, f"{_case(state)} closes; it sent no Close")


def _case(state: ClientState) -> str:
    if state.behavior is not SdkBehavior.AUTO:
        return state.behavior.name
    return f"AUTO with a session that is {'new' if state.new else 'not new'}"


def _unheard(state: ClientState) -> list[ClientState]:
    """The states when the server is down: what the client sends now, nobody sees."""
    if not state.down:
        return [state]
    if state.phase is Phase.ENTERING and state.session is None:
        return [replace(state, refusal=LOST)]
    tried = replace(state, sent=True, failure=LOST)
    if state.phase in (Phase.ENTERING, Phase.CLOSING):
        return [state, tried]
    if state.phase is Phase.LEAVING and state.closes:
        return [state, tried] if state.sent else [tried]
    return [state]
