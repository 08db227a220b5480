"""Judges what a TestStand sequence does: its Setup, its Main steps and its Cleanup.

The answers of the station and of the server are facts here; judged is what the sequence asks
them, and in which order. A step answers for its resources when it ends: one that fails may have
left things undone, one that reports success may not.

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
    """Setup steps with what they created, Cleanup steps with what they reserved."""
    existing: Pairs = frozenset()
    """Setup steps with the resources that they were told have a session already."""
    idle: Names = frozenset()
    """Cleanup steps that found nothing registered."""
    excused: Names = frozenset()
    """Resources that may be left over, because a call that should have freed them was refused."""
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
    fitting = [act.section.behavior]
    if act.section is SETUP and resource in state.prepared:
        # A further Setup step configures what an earlier one has opened.
        fitting.append(SdkBehavior.ATTACH_TO_SERVER_SESSION)
    return any(word in (b.name, CLIENT_MATRIX[b].wire.name) for b in fitting)


# What it is answered ------------------------------------------------------------------------------


def _refused(state: SequenceState, act: _Act, code: str) -> SequenceVerdict:
    if act.section is CLEANUP:
        names = state.registered if act.call == "ReserveAll" else frozenset(act.resources)
        return [replace(state, excused=state.excused | names, idle=state.idle - {act.step})]
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
    # A Main step that attaches to what nobody here has opened is somebody else's guest.
    if known is not None or (act.section is MAIN and not flag):
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
        excused=state.excused - {resource},
    )


# The end of a step, and of the sequence -----------------------------------------------------------


def _ended(state: SequenceState, section: Section, step: str, *, failed: bool) -> SequenceVerdict:
    if violation := _undone(state, section, step, failed=failed):
        return violation
    if held := _of(step, state.reserved):
        sentence = f"{step} ends and still holds {', '.join(held)}"
        return Violation(section.unreserve_requirement, sentence)
    unregistered = frozenset(_of(step, state.duties)) - state.registered
    return [
        replace(
            state,
            excused=state.excused | unregistered if section is SETUP else state.excused,
            duties=frozenset(pair for pair in state.duties if pair[0] != step),
            existing=frozenset(pair for pair in state.existing if pair[0] != step),
            idle=state.idle - {step},
        )
    ]


def _undone(state: SequenceState, section: Section, step: str, *, failed: bool) -> Violation | None:
    if failed and step in state.idle:
        return Violation("SEQ-CLEANUP-EMPTY", f"{step} fails although nothing was registered")
    if failed or section is MAIN:
        return None
    return _setup_undone(state, step) if section is SETUP else _cleanup_undone(state, step)


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


def _cleanup_undone(state: SequenceState, step: str) -> Violation | None:
    for resource in _of(step, state.duties):
        if resource in state.excused:
            continue
        if state.session_of(resource) is not None:
            return Violation("SEQ-CLEANUP-CLOSES", f"{step} ends without closing {resource}")
        if resource in state.registered:
            sentence = f"{step} ends without unregistering {resource}"
            return Violation("SEQ-CLEANUP-UNREGISTERS", sentence)
    return None


def _of(step: str, pairs: Pairs) -> list[str]:
    return sorted(resource for name, resource in pairs if name == step)


def _end(state: SequenceState) -> SequenceVerdict:
    left = state.registered | dict(state.open).keys()
    due = left - state.excused
    if due & (state.prepared | state.registered) and not state.cleaned:
        sentence = f"the sequence ends without a Cleanup for {', '.join(sorted(due))}"
        return Violation("SEQ-CLEANUP-ALWAYS", sentence)
    due |= {resource for _, resource in state.reserved}
    if due:
        sentence = f"open, registered or reserved at the end: {', '.join(sorted(due))}"
        return Violation("SEQ-NOTHING-LEFT", sentence)
    return [SequenceState(repeated=not left)]
