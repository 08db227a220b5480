"""Ids of sessions that nobody was ever given."""

from __future__ import annotations

import random
import string

from session_contract.subject.subject import Subject
from session_spec.matrix import Behavior
from session_spec.model import Answer

_CLASSES = (string.digits, "abcdef", "ABCDEF", string.ascii_lowercase, string.ascii_uppercase)


def made_up(subject: Subject) -> str:
    """An id of the form that the target's ids have, and that is none of them."""
    return _scrambled(some_session(subject))


def some_session(subject: Subject) -> str:
    """The id of a session that is closed."""
    lane = subject.lane("another client")
    record = lane.initialize(subject.fresh(), Behavior.INITIALIZE_NEW)
    session = record.answer.session if isinstance(record.answer, Answer) else ""
    if session:
        lane.close_session(session)
    return session or "made-up"


def _scrambled(session: str) -> str:
    """The same form with other letters and digits; so many that nobody can have that id."""
    rng = random.Random(f"made up from {session}")
    text = "".join(_other(character, rng) for character in session)
    missing = 12 - sum(character.isalnum() for character in text)
    return text + "".join(rng.choice(string.digits) for _ in range(max(0, missing)))


def _other(character: str, rng: random.Random) -> str:
    members = next((each for each in _CLASSES if character in each), "")
    return rng.choice(members.replace(character, "")) if members else character
