"""What an attach does with the configuration of its request: nothing."""

from __future__ import annotations

from collections.abc import Mapping

from session_contract.checks.marking import requirement
from session_contract.checks.server.attribution import finding
from session_contract.checks.server.life import ensure_alive
from session_contract.subject.finding import NotEstablished, Violated
from session_contract.subject.lane import Lane
from session_contract.subject.record import Record
from session_contract.subject.subject import Subject
from session_spec.matrix import Behavior
from session_spec.model import OK, Answer, Lost

_BEHAVIORS = (Behavior.UNSPECIFIED, Behavior.ATTACH_TO_EXISTING)
_WRITTEN = "7"


@requirement("ATTACH-CONFIG-UNCHECKED", 1, kind="attach")
def test___a_wrong_configuration___attached___the_open_session(subject: Subject) -> None:
    lane, bad = subject.lane(), subject.target.bad_configuration
    _check_is_bad(subject, lane, bad)
    resource = subject.fresh()
    created = _created(subject, lane, resource)

    for behavior in _BEHAVIORS:
        if not _same_session(subject, lane.initialize(resource, behavior), created):
            raise NotEstablished(f"{behavior.name} does not attach at all: see INIT-ATTACH-OPEN.")
        record = lane.initialize(resource, behavior, configuration=bad)
        if not _same_session(subject, record, created):
            said = (
                f"{behavior.name} with a configuration that is wrong is due the open session, "
                f"{_session(created)}; it answered {record.code} {_session(record)}".rstrip()
            )
            raise Violated(finding("ATTACH-CONFIG-UNCHECKED", said, [created, record]))
    subject.executions = len(_BEHAVIORS)


def _check_is_bad(subject: Subject, lane: Lane, bad: Mapping[str, object]) -> None:
    """See that the wrong configuration is refused where it counts, so that it proves something."""
    if not bad:
        if getattr(subject.wire, "has_configuration", True):
            raise NotEstablished(
                "The target names no wrong configuration: set [initialize.bad] to values that a "
                "create refuses, or leave the claim attach-ignores-configuration out."
            )
        return
    record = lane.initialize(subject.fresh(), Behavior.INITIALIZE_NEW, configuration=bad)
    if record.code == OK:
        raise NotEstablished(
            "A create with the configuration of [initialize.bad] answers OK: set values there "
            "that it refuses."
        )


@requirement("ATTACH-CONFIG-UNUSED", 1, kind="attach")
def test___a_configuration___attached___does_not_act(subject: Subject) -> None:
    lane = subject.lane()
    resource = subject.fresh()
    created = _created(subject, lane, resource)
    session = _session(created)
    write, read = _write_and_read(subject)

    lane.use(session, use=write, value=_WRITTEN)
    before = lane.use(session, use=read, value=_WRITTEN)
    target = subject.target
    for configuration in (target.configuration, target.bad_configuration):
        for behavior in _BEHAVIORS:
            attached = lane.initialize(resource, behavior, configuration=configuration)
            after = lane.use(session, use=read, value=_WRITTEN)
            if (before.code, before.value) != (after.code, after.value):
                said = (
                    f"{before.code} {before.value or 'nothing'} was read before {behavior.name}, "
                    f"{after.code} {after.value or 'nothing'} after it"
                )
                records = [created, before, attached, after]
                raise Violated(finding("ATTACH-CONFIG-UNUSED", said, records))
    subject.executions = 2 * len(_BEHAVIORS)


def _write_and_read(subject: Subject) -> tuple[int, int]:
    """The uses that write and read; the same one twice when it can but show that nothing broke."""
    uses = subject.target.uses
    if not uses:
        raise NotEstablished(
            "The target names no call that uses a session: add [[use]] to the target file."
        )
    writes = [number for number, use in enumerate(uses) if use.writes]
    reads = [number for number, use in enumerate(uses) if use.answer and not use.writes]
    has_configuration = getattr(subject.wire, "has_configuration", True)
    if has_configuration and not (writes and reads):
        raise NotEstablished(
            "The target names no calls that write and read: in [[use]], set writes = true for "
            "one, and answer, the field that says what was written, for another."
        )
    return (writes or [0])[0], (reads or [0])[0]


def _created(subject: Subject, lane: Lane, resource: str) -> Record:
    record = lane.initialize(resource, Behavior.INITIALIZE_NEW)
    if isinstance(record.answer, Lost):
        ensure_alive(subject, record)
    if record.code != OK or not _session(record):
        raise NotEstablished(
            f"INIT-NEW-CREATE is violated: {record.rpc} answered {record.code}, {record.details}."
        )
    return record


def _same_session(subject: Subject, record: Record, created: Record) -> bool:
    if isinstance(record.answer, Lost):
        ensure_alive(subject, record)
    return record.code == OK and _session(record) == _session(created)


def _session(record: Record) -> str:
    return record.answer.session if isinstance(record.answer, Answer) else ""
