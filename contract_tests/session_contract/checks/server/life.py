"""Whether a target is still there, when an answer of it did not come."""

from __future__ import annotations

from session_contract.subject.finding import NotEstablished, TargetDied
from session_contract.subject.record import Record
from session_contract.subject.subject import Subject
from session_spec.matrix import Behavior
from session_spec.model import Lost


def ensure_alive(subject: Subject, lost: Record) -> None:
    """Say why a call that nobody disturbed got no answer: always raises.

    Raises:
        TargetDied: The target answers nothing any more.
        NotEstablished: It answers others.
    """
    said = f"{lost.rpc or type(lost.call).__name__} of {lost.lane} got no answer: {lost.details}"
    if not answers(subject):
        raise TargetDied(f"{said}. Since then the target answers no call.")
    raise NotEstablished(f"{said}. The target answers other calls.")


def answers(subject: Subject) -> bool:
    """Whether the target answers a call that changes nothing."""
    probe = subject.lane("probe").initialize(subject.fresh(), Behavior.ATTACH_TO_EXISTING)
    return not isinstance(probe.answer, Lost)
