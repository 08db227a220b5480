"""To which requirement a violation belongs, when the one that the model names holds by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from session_contract.checks.server.course import Upset
from session_contract.checks.server.examples import fails
from session_contract.subject.finding import Finding, NotEstablished, Violated
from session_contract.subject.record import Record
from session_contract.subject.subject import Subject
from session_spec.matrix import Behavior
from session_spec.model import ALREADY_EXISTS, NOT_FOUND, OK, Answer, Close, Initialize, Use

_SHOWN = 8
"""Calls of a finding, at most."""
_LOST_SESSION = {
    "INIT-NEW-EXISTS",
    "INIT-ATTACH-OPEN",
    "INIT-AUTO-ATTACH",
    "CLOSE-OPEN",
    "RACE-ID-USABLE",
}
"""What the model names when a session that should be open is not."""
_IDS_OF_OTHERS = "ISO-OWN-SESSION"
"""Where one id is that of several sessions, no other answer can be held against the model."""
_LEFT_SESSION = {
    *("INIT-ATTACH-MISSING", "INIT-NEW-CREATE", "INIT-AUTO-CREATE", "INIT-FLAG-CREATED"),
    *("CLOSE-UNKNOWN", "USE-CLOSED"),
}
"""What it names when there is a session that should not be."""


def attributed(subject: Subject, upset: Upset) -> str:
    """The requirement that is violated.

    The model names the one that the last answer breaks. When that one holds by itself, it is the
    one of an earlier call, which left behind what the last call met.
    """
    named = upset.violation.requirement
    if fails(subject, _IDS_OF_OTHERS):
        return _IDS_OF_OTHERS
    if fails(subject, named):
        return named
    bound = [name for name in _suspects(named, upset.records) if _binds(subject, name)]
    return next((name for name in bound if fails(subject, name)), named)


def report(subject: Subject, name: str, upset: Upset, means: Collection[str] = ()) -> Exception:
    """What a check of the requirement ``name`` has to say of an answer that is not allowed.

    Args:
        subject: The target.
        name: The requirement that is checked.
        upset: What the model objects to, and which requirement it names.
        means: Requirements that, named at this point, mean that ``name`` is violated.
    """
    named, guilty = upset.violation.requirement, attributed(subject, upset)
    is_meant = named in means and guilty == named and not fails(subject, named)
    if guilty == name or is_meant:
        return Violated(finding(name, upset.violation.sentence, upset.records))
    return NotEstablished(
        f"The check could not come to its point, because {guilty} is violated: "
        f"{upset.violation.sentence}."
    )


def finding(name: str, sentence: str, records: Sequence[Record]) -> Finding:
    """A finding with the last call, and those before it on the same resource."""
    shown = _about(records)
    return Finding(name, sentence, shown, left_out=len(records) - len(shown))


def _about(records: Sequence[Record]) -> list[Record]:
    """The calls that name the resources and sessions that the last one names."""
    names: set[str] = set()
    shown: list[Record] = []
    # Backwards and forwards: an id leads to its resource, and that to its other ids.
    for record in [*reversed(records), *records]:
        touched = _names(record)
        if not names or names & touched:
            names |= touched
    shown = [record for record in records if names & _names(record)]
    return shown[-_SHOWN:]


def _names(record: Record) -> set[str]:
    if isinstance(record.call, Initialize):
        named = {f"resource {record.call.resource}"}
        if isinstance(record.answer, Answer) and record.answer.session:
            named.add(f"session {record.answer.session}")
        return named
    return {f"session {record.call.session}"}


def _binds(subject: Subject, name: str) -> bool:
    claim = {"USE-": "use", "INPUT-": "strict-input"}
    needed = next((claim[each] for each in claim if name.startswith(each)), None)
    return needed is None or needed in subject.target.claims


def _suspects(named: str, records: Sequence[Record]) -> Iterator[str]:
    """The requirements that calls before the last one may have violated, the last call first."""
    *earlier, last = records
    resource = resource_of(last, earlier)
    for record in reversed(earlier):
        touches = resource_of(record, earlier) == resource
        if named in _LOST_SESSION:
            yield from _destroyed(record, touches=touches)
        elif named in _LEFT_SESSION:
            yield from _left(record, earlier, touches=touches)


def _destroyed(record: Record, *, touches: bool) -> Iterator[str]:
    if isinstance(record.call, Close) and record.code == OK and not touches:
        yield "ISO-CLOSE-ONE"
    elif touches and isinstance(record.call, Initialize) and record.code == ALREADY_EXISTS:
        yield "INIT-NEW-UNTOUCHED"
    elif record.code not in (OK, "lost"):
        yield "USE-NO-EFFECT" if isinstance(record.call, Use) else "INPUT-NO-EFFECT"


def _left(record: Record, earlier: Sequence[Record], *, touches: bool) -> Iterator[str]:
    call = record.call
    if touches and isinstance(call, Close) and record.code == OK:
        yield "CLOSE-FOR-ALL" if _attached(call.session, earlier) else "CLOSE-RELEASES"
    elif touches and _attaches(record) and record.code == NOT_FOUND:
        yield "INIT-ATTACH-NOTHING"
    elif record.code not in (OK, "lost"):
        yield "USE-NO-EFFECT" if isinstance(call, Use) else "INPUT-NO-EFFECT"


def _attaches(record: Record) -> bool:
    return (
        isinstance(record.call, Initialize) and record.call.behavior == Behavior.ATTACH_TO_EXISTING
    )


def _attached(session: str, records: Sequence[Record]) -> bool:
    """Whether a client besides the one that created it was answered this session."""
    return any(
        isinstance(r.answer, Answer) and r.answer.session == session and not r.answer.new
        for r in records
    )


def resource_of(record: Record, records: Sequence[Record]) -> str:
    """The resource that a call is about, as far as the calls tell."""
    call = record.call
    if isinstance(call, Initialize):
        return call.resource
    named = (each for each in reversed(records) if isinstance(each.call, Initialize))
    return next((r.call.resource for r in named if _answered(r) == call.session), "")  # type: ignore[union-attr]


def _answered(record: Record) -> str:
    return record.answer.session if isinstance(record.answer, Answer) else ""
