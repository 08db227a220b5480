"""The sharing rules of a server as one pure function.

``step(state, call, answer)`` says which states a server may be in after it gave that answer to
that call, or which requirement the answer breaks. It knows nothing of gRPC, time or threads: a
call here happens at one moment. Whoever judges calls that overlap tries their possible orders.

Two rules keep it honest:

1. What the specification leaves open is allowed. Where several things may have happened, all the
   states they lead to are returned.
2. Every refusal names one requirement and says in a sentence what should have been answered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from session_spec.matrix import DRIVER_MATRIX, SERVER_MATRIX, Behavior, Cell, Effect

OK: Final = "OK"
NOT_FOUND: Final = "NOT_FOUND"
ALREADY_EXISTS: Final = "ALREADY_EXISTS"
INVALID_ARGUMENT: Final = "INVALID_ARGUMENT"
FAILED_PRECONDITION: Final = "FAILED_PRECONDITION"
UNKNOWN: Final = "UNKNOWN"

UNSEEN: Final = None
"""Stands for the id of a session that was created by a call whose answer was lost."""


@dataclass(frozen=True)
class Initialize:
    """Ask for a session of a resource; the behaviour is the number on the wire."""

    resource: str
    behavior: int


@dataclass(frozen=True)
class Close:
    """Close a session for everybody."""

    session: str


@dataclass(frozen=True)
class Use:
    """Any other call that names a session, with arguments that are valid."""

    session: str


@dataclass(frozen=True)
class Gone:
    """Not a call: the resource itself disappeared (its file was deleted, say)."""

    resource: str


@dataclass(frozen=True)
class Restart:
    """Not a call: the server ended, in whatever way, and was started again."""


Call = Initialize | Close | Use
Happening = Gone | Restart


@dataclass(frozen=True)
class Answer:
    """What the caller got: a status code by name and, from Initialize, the id and the flag."""

    code: str
    session: str = ""
    new: bool = False


@dataclass(frozen=True)
class Lost:
    """The caller got no answer: a deadline, a cancellation or a cut connection."""


LOST: Final = Lost()


@dataclass(frozen=True)
class Rules:
    """Which rules bind the server that is judged."""

    claims: frozenset[str] = frozenset()
    grpc_device: bool = False
    """The dialect of the NI gRPC Device Server: other codes, and an empty name is always new."""


CORE: Final = Rules()
EVERY_CLAIM: Final = Rules(
    frozenset({"use", "strict-input", "attach-ignores-configuration", "restart"})
)
GRPC_DEVICE: Final = Rules(grpc_device=True)


@dataclass(frozen=True)
class State:
    """Which resources have an open session, and which ids were ever given out."""

    open: frozenset[tuple[str, str | None]] = frozenset()
    """Pairs of a resource and the id of its open session, UNSEEN when nobody was told the id."""
    issued: frozenset[str] = frozenset()
    stale: frozenset[str] = frozenset()
    """Of the ids given out: those from before the last restart."""

    def is_open(self, resource: str) -> bool:
        """Whether the resource has an open session."""
        return any(name == resource for name, _ in self.open)

    def session_of(self, resource: str) -> str | None:
        """The id of the resource's open session."""
        return next(session for name, session in self.open if name == resource)

    def resource_of(self, session: str) -> str | None:
        """The resource whose open session has this id; None when there is none."""
        return next((name for name, known in self.open if known == session), None)

    def opened(self, resource: str, session: str | None) -> State:
        """This state with that session open."""
        issued = self.issued if session is None else self.issued | {session}
        opened = self.closed(resource).open | {(resource, session)}
        return replace(self, open=opened, issued=issued)

    def closed(self, resource: str) -> State:
        """This state with no session open on that resource."""
        return replace(self, open=frozenset(pair for pair in self.open if pair[0] != resource))


@dataclass(frozen=True)
class Violation:
    """An answer that the specification does not allow: the requirement, and why."""

    requirement: str
    sentence: str


Verdict = list[State] | Violation


def step(state: State, call: Call, answer: Answer | Lost, rules: Rules = CORE) -> Verdict:
    """The states that may follow when ``call`` met ``answer`` in ``state``, or the violation."""
    if isinstance(call, Initialize):
        return _initialize(state, call, answer, rules)
    if isinstance(call, Close):
        return _close(state, call, answer, rules)
    return _use(state, call, answer, rules)


def happen(state: State, happening: Happening) -> State:
    """The state after something that was no call: nobody answered, nothing can be violated."""
    if isinstance(happening, Restart):
        return replace(state, open=frozenset(), stale=state.issued)
    return state.closed(happening.resource)


# Initialize ---------------------------------------------------------------------------------------


def _initialize(state: State, call: Initialize, answer: Answer | Lost, rules: Rules) -> Verdict:
    if isinstance(answer, Lost):
        return _lost_initialize(state, call, rules)
    if rules.grpc_device:
        return _device_initialize(state, call, answer)
    if refusal := _refused_input(state, call, answer, rules):
        return refusal
    # Of a behaviour that nobody knows, the core allows any refusal, or what UNSPECIFIED would do:
    # that is also what each of the others would do where it answers OK.
    behavior = _known(call.behavior) or Behavior.UNSPECIFIED
    cell = SERVER_MATRIX[behavior, state.is_open(call.resource)]
    return _judge(state, call.resource, cell, answer, rules)


def _known(behavior: int) -> Behavior | None:
    return next((known for known in Behavior if known == behavior), None)


def _refused_input(state: State, call: Initialize, answer: Answer, rules: Rules) -> Verdict | None:
    """Judge arguments that a server may, or has to, refuse; None when the matrix decides."""
    wrong_behavior = _known(call.behavior) is None
    if not wrong_behavior and call.resource:
        return None
    if "strict-input" not in rules.claims:
        return [state] if answer.code != OK else None
    if answer.code == INVALID_ARGUMENT:
        return [state]
    if wrong_behavior:
        return Violation(
            "INPUT-BEHAVIOR",
            f"behaviour {call.behavior} is none of 0, 1, 2: "
            f"INVALID_ARGUMENT is due, not {answer.code}",
        )
    return Violation(
        "INPUT-RESOURCE", f"the resource name is empty: INVALID_ARGUMENT is due, not {answer.code}"
    )


def _judge(state: State, resource: str, cell: Cell, answer: Answer, rules: Rules) -> Verdict:
    """Hold an answer against the cell of the matrix that it belongs to."""
    if answer.code != cell.code:
        return Violation(cell.requirement, f"{cell.rule}; it answered {answer.code}")
    if cell.effect is Effect.REFUSE:
        return [state]
    if not answer.session:
        return Violation("INIT-ID-PRESENT", "Initialize answered OK with an empty session id")
    owner = state.resource_of(answer.session)
    if owner not in (None, resource):
        return Violation(
            "ISO-OWN-SESSION",
            f"session {answer.session} of {owner} is open; it was answered for {resource}",
        )
    if cell.effect is Effect.CREATE:
        return _created(state, resource, cell, answer, rules)
    return _attached(state, resource, cell, answer, rules)


def _created(state: State, resource: str, cell: Cell, answer: Answer, rules: Rules) -> Verdict:
    if not answer.new:
        return Violation(
            cell.flag_requirement, f"{resource} had no open session, yet the flag says not new"
        )
    return _reused(state, answer, rules) or [state.opened(resource, answer.session)]


def _reused(state: State, answer: Answer, rules: Rules) -> Violation | None:
    """The violation of giving a new session an id that was given out before, if it is one."""
    if "restart" in rules.claims and answer.session in state.stale:
        return Violation(
            "RESTART-OLD-IDS", f"the id {answer.session} from before the restart is valid again"
        )
    if "strict-input" in rules.claims and answer.session in state.issued:
        return Violation(
            "INPUT-ID-REUSED", f"the id {answer.session} was given to an earlier session"
        )
    return None


def _attached(state: State, resource: str, cell: Cell, answer: Answer, rules: Rules) -> Verdict:
    session = state.session_of(resource)
    if session not in (UNSEEN, answer.session):
        created = " and created it" if answer.new else ""
        return Violation(
            cell.requirement, f"{cell.rule}, {session}; it answered {answer.session}{created}"
        )
    if answer.new:
        return Violation(
            cell.flag_requirement, f"{resource} had an open session, yet the flag says new"
        )
    if session is UNSEEN and (reused := _reused(state, answer, rules)):
        return reused
    return [state.opened(resource, answer.session)]


def _lost_initialize(state: State, call: Initialize, rules: Rules) -> Verdict:
    """Nobody saw the answer: the call may not have happened, or it may have created a session."""
    if state.is_open(call.resource) or call.behavior == Behavior.ATTACH_TO_EXISTING:
        return [state]
    if "strict-input" in rules.claims and (not call.resource or _known(call.behavior) is None):
        return [state]
    if rules.grpc_device:
        return [state, state.opened(call.resource, call.resource)] if call.resource else [state]
    return [state, state.opened(call.resource, UNSEEN)]


# Close and use ------------------------------------------------------------------------------------


def _close(state: State, call: Close, answer: Answer | Lost, rules: Rules) -> Verdict:
    resource = state.resource_of(call.session)
    if resource is None:
        if isinstance(answer, Lost):
            return [state]
        return _close_of_nothing(state, call, answer, rules)
    if isinstance(answer, Lost):
        return [state, state.closed(resource)]
    if answer.code != OK:
        return Violation(
            "CLOSE-OPEN", f"session {call.session} is open: OK is due, not {answer.code}"
        )
    return [state.closed(resource)]


def _close_of_nothing(state: State, call: Close, answer: Answer, rules: Rules) -> Verdict:
    if rules.grpc_device:
        due, requirement = UNKNOWN, "DRIVER-CLOSE-UNKNOWN"
    elif call.session:
        due, requirement = NOT_FOUND, "CLOSE-UNKNOWN"
    elif "strict-input" in rules.claims:
        due, requirement = NOT_FOUND, "INPUT-SESSION"
    elif answer.code != OK:
        return [state]
    else:
        due, requirement = NOT_FOUND, "CLOSE-UNKNOWN"
    if answer.code == due:
        return [state]
    return _not_open(requirement, call.session, due, answer)


def _use(state: State, call: Use, answer: Answer | Lost, rules: Rules) -> Verdict:
    if isinstance(answer, Lost):
        return [state]
    if state.resource_of(call.session) is not None:
        if answer.code != NOT_FOUND:
            return [state]
        return Violation("RACE-ID-USABLE", f"session {call.session} is open; it answered NOT_FOUND")
    if rules.grpc_device and answer.code != UNKNOWN:
        return _not_open("DRIVER-CLOSE-UNKNOWN", call.session, UNKNOWN, answer)
    if "use" in rules.claims and answer.code != NOT_FOUND:
        return _not_open("USE-CLOSED", call.session, NOT_FOUND, answer)
    return [state]


def _not_open(requirement: str, session: str, due: str, answer: Answer) -> Violation:
    name = f"session {session}" if session else "the empty id"
    return Violation(requirement, f"{name} is not open: {due} is due, not {answer.code}")


# The dialect of the NI gRPC Device Server ---------------------------------------------------------


def _device_initialize(state: State, call: Initialize, answer: Answer) -> Verdict:
    behavior = _known(call.behavior) or Behavior.UNSPECIFIED
    if not call.resource and behavior is not Behavior.ATTACH_TO_EXISTING:
        return _device_unshared(state, answer)
    cell = DRIVER_MATRIX[behavior, state.is_open(call.resource)]
    if answer.code == cell.code == OK and answer.session != call.resource:
        return Violation(
            "DRIVER-NAME",
            f"the client named the session {call.resource}; "
            f"it answered {answer.session or 'an empty name'}",
        )
    return _judge(state, call.resource, cell, answer, GRPC_DEVICE)


def _device_unshared(state: State, answer: Answer) -> Verdict:
    """An empty session name: a new session that nobody else gets, under a generated name."""
    fresh = answer.session and not state.is_open(answer.session)
    if answer.code == OK and answer.new and fresh:
        return [state.opened(answer.session, answer.session)]
    return Violation(
        "DRIVER-EMPTY-NAME",
        f"an empty session name always creates a new session; it answered {answer.code} "
        f"{answer.session or 'without a name'}{'' if answer.new else ', not new'}",
    )
