"""How a server registers with Discovery, and how it ends."""

from __future__ import annotations

import math
from collections.abc import Sequence

from session_contract.checks.marking import requirement
from session_contract.checks.server.lives import Life, lives
from session_contract.subject.finding import Finding, NotEstablished, Violated
from session_contract.subject.record import Record
from session_contract.subject.subject import Subject
from session_contract.subject.target import Command


def _grace(subject: Subject) -> float:
    place = subject.target.place
    return place.grace if isinstance(place, Command) else 0.0


def _violated(
    name: str, sentence: str, life: Life, records: Sequence[Record] = (), *more: str
) -> Violated:
    facts = [f"stopped by {life.how}", *more, *(f"it printed: {line}" for line in life.output)]
    return Violated(Finding(name, sentence, records, facts=facts))


@requirement("HOST-REGISTERS", 1, kind="hosting")
def test___a_server_that_serves___discovery___knows_it(subject: Subject) -> None:
    for life in lives(subject):
        if not life.listed:
            tried = "its registration was refused" if life.registrations else "it did not register"
            raise _violated("HOST-REGISTERS", f"the server serves, and {tried}", life)


@requirement("HOST-SERVE-FIRST", 1, kind="hosting")
def test___a_registration___at_its_moment___the_port_answers(subject: Subject) -> None:
    for life in _registered(subject):
        for each in life.registrations:
            if not each.served:
                said = f"{each.address} was registered before it answered calls"
                raise _violated("HOST-SERVE-FIRST", said, life)


@requirement("HOST-UNREGISTERS", 1, kind="hosting")
def test___a_server_that_registered___asked_to_stop___is_registered_no_more(
    subject: Subject,
) -> None:
    for life in _registered(subject):
        if life.left:
            said = f"the server ended, and {', '.join(life.left)} is still registered"
            raise _violated("HOST-UNREGISTERS", said, life)


@requirement("HOST-EXIT-CODE", 1, kind="hosting")
def test___a_server___asked_to_stop___ends_in_time_with_0(subject: Subject) -> None:
    for life in lives(subject):
        if life.exit_code is None:
            said = f"the server did not end within its grace period of {_grace(subject):g} s"
            raise _violated("HOST-EXIT-CODE", said, life)
        if life.exit_code != 0:
            said = f"the server ended with exit code {life.exit_code}, 0 is due"
            raise _violated("HOST-EXIT-CODE", said, life)


@requirement("HOST-CALLS-FINISH", 1, kind="hosting")
def test___a_call_that_runs___server_asked_to_stop___is_answered(subject: Subject) -> None:
    grace = _grace(subject)
    # One life that decides is enough to find a server that cuts off; all have to, to clear it.
    for life in sorted(lives(subject), key=lambda life: not life.decides(grace)):
        _check_running(life, grace)


def _check_running(life: Life, grace: float) -> None:
    call = life.running
    if call is None:
        raise NotEstablished(
            "No call takes long enough to be running at a stop: set [resource] slow, the name of "
            "a resource that takes a second or more to open, and less than the grace period."
        )
    if call.ended < life.asked:
        raise NotEstablished(
            f"The slow resource opened in {call.ended - call.started:.2f} s, before the server "
            "could be stopped: make it slower."
        )
    if math.isinf(call.ended) or call.code in ("UNKNOWN", "INTERNAL"):
        if life.heard > life.asked + grace:
            raise NotEstablished(
                f"The slow resource was not open when the grace period of {grace:g} s was over: "
                "make it quicker, or run this on a machine that is less busy."
            )
        said = f"a call that was running at the stop got no answer: {call.code} {call.details}"
        raise _violated("HOST-CALLS-FINISH", said.rstrip(), life, [call])


def _registered(subject: Subject) -> list[Life]:
    """The lives, if all of them registered."""
    found = lives(subject)
    if not all(life.listed for life in found):
        raise NotEstablished("HOST-REGISTERS is violated: the server did not register.")
    return found
