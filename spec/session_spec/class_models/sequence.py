"""Judges what a TestStand sequence does: its Setup, its Main steps and its Cleanup.

The answers of the station and of the server are facts here; judged is what the sequence asks
them, and in which order. A Setup step answers for its resources when it ends: one that fails may
have left things undone, one that reports success may not. The Cleanup steps answer together, at
the end of the sequence.

The name of a step begins with its section: ``Main``, ``Main2`` and ``MainSlow`` are Main steps.
A behaviour is written with its name in the SDK, or with its name on the wire in recorded traces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from session_spec.examples import Event
from session_spec.matrix import CLIENT_MATRIX, SdkBehavior
from session_spec.model import ALREADY_EXISTS, OK, Violation

Names = frozenset[str]
Pairs = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Section:
    """What binds the steps of one section of a sequence, and whose requirement each rule is."""

    name: str
    behavior: SdkBehavior
    behavior_requirement: str
    reserve_requirement: str
    while_reserved: Names
    """The calls that need the reservation of the resource they name."""
    unreserve_requirement: str


SETUP = Section(
    name="Setup",
    behavior=SdkBehavior.INITIALIZE_SESSION_THEN_DETACH,
    behavior_requirement="SEQ-SETUP-DETACH",
    reserve_requirement="SEQ-SETUP-RESERVES",
    while_reserved=frozenset({"Initialize", "Use"}),
    unreserve_requirement="SEQ-SETUP-UNRESERVES",
)
MAIN = Section(
    name="Main",
    behavior=SdkBehavior.AUTO,
    behavior_requirement="SEQ-MAIN-AUTO",
    reserve_requirement="SEQ-MAIN-RESERVES",
    while_reserved=frozenset({"Initialize", "Use"}),
    unreserve_requirement="SEQ-MAIN-UNRESERVES",
)
CLEANUP = Section(
    name="Cleanup",
    behavior=SdkBehavior.ATTACH_TO_SESSION_THEN_CLOSE,
    behavior_requirement="SEQ-CLEANUP-CLOSES",
    reserve_requirement="SEQ-CLEANUP-RESERVES-ALL",
    while_reserved=frozenset({"Initialize", "Use", "Close", "Unregister"}),
    unreserve_requirement="SEQ-NOTHING-LEFT",
)

LEFTOVER: Mapping[str, str] = {
    "Reserve": "UNAVAILABLE",
    "Initialize": ALREADY_EXISTS,
    "Register": ALREADY_EXISTS,
}
"""The refusal that tells a Setup that something of an earlier run is still there, by call."""

NO_CLOSE: Names = frozenset({"Reserve", "ReserveAll", "Initialize", "Close", "not registered"})
NO_UNREGISTER: Names = frozenset({"Reserve", "ReserveAll", "Unregister", "failed"})
"""What excuses Cleanup from a duty: calls of its own that were refused, and ends of steps."""

WITHDRAWS: Mapping[str, Names] = {
    "Reserve": frozenset({"Reserve", "ReserveAll", "failed"}),
    "ReserveAll": frozenset({"Reserve", "ReserveAll", "failed"}),
    "Initialize": frozenset({"Initialize", "Close"}),
}
"""The excuses that are none any more once a call was granted to Cleanup."""


@dataclass(frozen=True)
class SequenceState:
    """What is open, registered and reserved, and what the steps that run have to answer for."""

    open: Pairs = frozenset()
    """Resources with the id of their open session, as far as the sequence knows."""
    prepared: Names = frozenset()
    """The resources whose open session a Setup has created."""
    registered: Names = frozenset()
    reserved: Pairs = frozenset()
    """Steps with the resources whose reservation they hold."""
    duties: Pairs = frozenset()
    """Setup steps with what they created, Cleanup steps with what they have reserved."""
    existing: Pairs = frozenset()
    """Setup steps with the resources that they were told have a session already."""
    idle: Names = frozenset()
    """Cleanup steps that found nothing registered."""
    excused: Pairs = frozenset()
    """What excuses Cleanup from a duty, with the resource that may so be left over."""
    cleaned: bool = False
    """Whether a Cleanup has begun."""
    repeated: bool = False
    """Whether a run before this one left nothing behind."""

    def session_of(self, resource: str) -> str | None:
        """The id of the resource's open session; None when there is none."""
        return dict(self.open).get(resource)

    def resource_of(self, session: str) -> str | None:
        """The resource whose open session has this id; None when there is none."""
        return next((name for name, known in self.open if known == session), None)

    def due(self, resources: Names, excuses: Names) -> Names:
        """Those of the resources that have none of the excuses."""
        return resources - {resource for excuse, resource in self.excused if excuse in excuses}


SequenceVerdict = list[SequenceState] | Violation


@dataclass(frozen=True)
class SequenceModel:
    """Judges the events of the sequence class."""

    def initial(self) -> SequenceState:
        """Before the first run: the sequence has opened, registered and reserved nothing."""
        return SequenceState()

    def apply(self, state: SequenceState, event: Event) -> SequenceVerdict:
        """The state after this event, or the violation that it is."""
        match event.call, event.arguments:
            case "End", ():
                return _end(state)
            case "Prepared", (resource, session):
                return [_prepared(state, resource, session)]
            case _:
                return _of_step(state, event)


def _prepared(state: SequenceState, resource: str, session: str) -> SequenceState:
    return replace(
        state,
        open=state.open | {(resource, session)},
        prepared=state.prepared | {resource},
        registered=state.registered | {resource},
    )


@dataclass(frozen=True)
class _Act:
    """One call of a step: which section binds it, and which resources it is about."""

    section: Section
    step: str
    call: str
    arguments: tuple[str, ...]
    answer: tuple[str, ...]
    resources: tuple[str, ...]


def _of_step(state: SequenceState, event: Event) -> SequenceVerdict:
    section = next((s for s in (SETUP, MAIN, CLEANUP) if event.actor.startswith(s.name)), None)
    if section is None:
        raise ValueError(f"{event.text!r}: the name of a step begins with Setup, Main or Cleanup")
    if section is CLEANUP:
        state = replace(state, cleaned=True)
    if event.call in ("Done", "Failed"):
        return _ended(state, section, event.actor, failed=event.call == "Failed")
    code, *answer = event.outcome or (OK,)
    resources = tuple(answer) if event.call == "ReserveAll" else _named_resources(state, event)
    act = _Act(section, event.actor, event.call, event.arguments, tuple(answer), resources)
    if violation := _wrongly_asked(state, act):
        return violation
    return _granted(state, act) if code == OK else _refused(state, act, code)


def _named_resources(state: SequenceState, event: Event) -> tuple[str, ...]:
    match event.call, event.arguments:
        case "Reserve" | "Unreserve" | "Register" | "Unregister", resources:
            return resources
        case "Initialize", (resource, _):
            return (resource,)
        case "Use" | "Close", (session,):
            owner = state.resource_of(session)
            return (owner,) if owner else ()
        case _:
            raise ValueError(f"{event.text!r} is nothing that a step of a sequence does")


# What a step asks for -----------------------------------------------------------------------------


def _wrongly_asked(state: SequenceState, act: _Act) -> Violation | None:
    for resource in act.resources:
        if violation := _wrongly_about(state, act, resource):
            return violation
    if act.call == "Initialize" and not _behavior_fits(state, act):
        due = act.section.behavior
        sentence = f"{act.step} initializes with {act.arguments[1]}; {due.name} is due"
        return Violation(act.section.behavior_requirement, sentence)
    return None


def _wrongly_about(state: SequenceState, act: _Act, resource: str) -> Violation | None:
    held = (act.step, resource) in state.reserved
    if act.call in act.section.while_reserved and not held:
        sentence = f"{act.step} calls {act.call} for {resource} without holding its reservation"
        return Violation(act.section.reserve_requirement, sentence)
    if act.call == "Close" and act.section is MAIN and resource in state.prepared:
        sentence = f"{act.step} closes the session of {resource}, which Setup opened for all"
        return Violation("SEQ-MAIN-LEAVES", sentence)
    if act.call != "Register" or act.section is not SETUP:
        return None
    if (act.step, resource) in state.existing:
        return _went_on(act.step, resource)
    if not held or (act.step, resource) not in state.duties:
        sentence = f"{act.step} registers {resource}, which it did not open or holds no more"
        return Violation("SEQ-SETUP-REGISTERS", sentence)
    return None


def _behavior_fits(state: SequenceState, act: _Act) -> bool:
    resource, word = act.arguments
    if act.section is CLEANUP and resource not in state.prepared:
        return True  # The session is somebody else's: the sequence owes it nothing.
    fitting = [act.section.behavior]
    if act.section is SETUP and resource in state.prepared:
        # A further Setup step configures what an earlier one has opened.
        fitting.append(SdkBehavior.ATTACH_TO_SERVER_SESSION)
    return any(word in (b.name, CLIENT_MATRIX[b].wire.name) for b in fitting)


# What it is answered ------------------------------------------------------------------------------


def _refused(state: SequenceState, act: _Act, code: str) -> SequenceVerdict:
    if act.section is CLEANUP:
        names = state.registered if act.call == "ReserveAll" else frozenset(act.resources)
        excused = state.excused | {(act.call, name) for name in names}
        return [replace(state, excused=excused, idle=state.idle - {act.step})]
    if act.section is MAIN or code != LEFTOVER.get(act.call):
        return [state]
    resource = act.resources[0]
    if state.repeated and resource not in _reason_for_refusal(state, act.call):
        sentence = f"the run before left nothing, yet {act.call} is refused for {resource}"
        return Violation("SEQ-REPEATS", sentence)
    told = {(act.step, resource)} if act.call == "Initialize" else frozenset[tuple[str, str]]()
    return [replace(state, existing=state.existing | told)]


def _reason_for_refusal(state: SequenceState, call: str) -> Names:
    if call == "Reserve":
        return frozenset(resource for _, resource in state.reserved)
    return state.registered if call == "Register" else frozenset(dict(state.open))


def _granted(state: SequenceState, act: _Act) -> SequenceVerdict:
    names, pairs = frozenset(act.resources), frozenset((act.step, name) for name in act.resources)
    if act.section is CLEANUP:
        gone = {(excuse, name) for excuse in WITHDRAWS.get(act.call, ()) for name in names}
        state = replace(state, excused=state.excused - gone)
    match act.call:
        case "Initialize":
            return _initialized(state, act)
        case "Close":
            left = frozenset(pair for pair in state.open if pair[0] not in names)
            return [replace(state, open=left, prepared=state.prepared - names)]
        case "Reserve" | "ReserveAll":
            return [_taken(state, act, pairs)]
        case "Unreserve":
            return [replace(state, reserved=state.reserved - pairs)]
        case "Register":
            return [replace(state, registered=state.registered | names)]
        case "Unregister":
            return [replace(state, registered=state.registered - names)]
        case _:
            return [state]


def _taken(state: SequenceState, act: _Act, pairs: Pairs) -> SequenceState:
    if act.section is not CLEANUP:
        return replace(state, reserved=state.reserved | pairs)
    idle = state.idle if pairs else state.idle | {act.step}
    reserved, duties = state.reserved | pairs, state.duties | pairs
    return replace(state, reserved=reserved, duties=duties, idle=idle)


def _initialized(state: SequenceState, act: _Act) -> SequenceVerdict:
    (resource,) = act.resources
    session, *flag = act.answer or ("without an id",)
    known = state.session_of(resource)
    if known is not None and flag:
        sentence = f"{resource} has the open session {known}, yet {act.step} created one"
        return Violation("SEQ-ONE-CREATOR", sentence)
    if known not in (None, session):
        sentence = f"{act.step} got session {session} of {resource}; the others have {known}"
        return Violation("SEQ-ONE-SESSION", sentence)
    # A step that attaches to what nobody here has opened is somebody else's guest.
    if known is not None or (act.section is not SETUP and not flag):
        return [state]
    opened = replace(state, open=state.open | {(resource, session)})
    return [_set_up(opened, act.step, resource) if act.section is SETUP else opened]


def _set_up(state: SequenceState, step: str, resource: str) -> SequenceState:
    pair = {(step, resource)}
    return replace(
        state,
        prepared=state.prepared | {resource},
        duties=state.duties | pair,
        existing=state.existing - pair,
        excused=frozenset(excuse for excuse in state.excused if excuse[1] != resource),
    )


# The end of a step, and of the sequence -----------------------------------------------------------


def _ended(state: SequenceState, section: Section, step: str, *, failed: bool) -> SequenceVerdict:
    if violation := _undone(state, section, step, failed=failed):
        return violation
    if held := _of(step, state.reserved):
        sentence = f"{step} ends and still holds {', '.join(held)}"
        return Violation(section.unreserve_requirement, sentence)
    return [
        replace(
            state,
            excused=state.excused | _excuses(state, section, step, failed=failed),
            duties=frozenset(pair for pair in state.duties if pair[0] != step),
            existing=frozenset(pair for pair in state.existing if pair[0] != step),
            idle=state.idle - {step},
        )
    ]


def _excuses(state: SequenceState, section: Section, step: str, *, failed: bool) -> Pairs:
    """What the others of the sequence need not do, because of how this step has ended."""
    own = frozenset(_of(step, state.duties))
    if section is SETUP:
        # What is not registered no Cleanup finds.
        return frozenset(("not registered", name) for name in own - state.registered)
    if section is CLEANUP and failed:
        # The refusal has ended the step before it came to unregistering.
        return frozenset(("failed", name) for name in own - state.due(own, NO_CLOSE))
    return frozenset()


def _undone(state: SequenceState, section: Section, step: str, *, failed: bool) -> Violation | None:
    if failed and step in state.idle:
        return Violation("SEQ-CLEANUP-EMPTY", f"{step} fails although nothing was registered")
    return _setup_undone(state, step) if section is SETUP and not failed else None


def _setup_undone(state: SequenceState, step: str) -> Violation | None:
    for resource in _of(step, state.existing):
        return _went_on(step, resource)
    for resource in _of(step, state.duties):
        if state.session_of(resource) is None:
            return Violation("SEQ-SETUP-DETACH", f"{step} did not leave {resource} open")
        if resource not in state.registered:
            return Violation("SEQ-SETUP-REGISTERS", f"{step} ends without registering {resource}")
    return None


def _went_on(step: str, resource: str) -> Violation:
    sentence = f"{step} goes on although {resource} had an open session before it"
    return Violation("SEQ-SETUP-TWICE", sentence)


def _of(step: str, pairs: Pairs) -> list[str]:
    return sorted(resource for name, resource in pairs if name == step)


def _end(state: SequenceState) -> SequenceVerdict:
    opened = frozenset(dict(state.open))
    leaked = state.due(opened, NO_CLOSE)
    unclosed = leaked & state.prepared
    registered = state.due(state.registered, NO_UNREGISTER)
    if unclosed | registered and not state.cleaned:
        return _left("SEQ-CLEANUP-ALWAYS", "without a Cleanup", unclosed | registered)
    if unclosed:
        return _left("SEQ-CLEANUP-CLOSES", "with an open session", unclosed)
    if registered:
        return _left("SEQ-CLEANUP-UNREGISTERS", "with a registration", registered)
    leaked |= {resource for _, resource in state.reserved}
    if leaked:
        return _left("SEQ-NOTHING-LEFT", "with a session or a reservation", leaked)
    return [SequenceState(repeated=not state.registered | opened)]


def _left(requirement: str, what: str, resources: Names) -> Violation:
    return Violation(requirement, f"the sequence ends {what} of {', '.join(sorted(resources))}")
