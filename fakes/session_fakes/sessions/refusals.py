"""What a caller is told that gets no session: what is held, by whom, and what to do."""

from __future__ import annotations

from session_fakes.errors import Refusal, pasted, quoted
from session_fakes.fidelity import fidelity
from session_fakes.sessions.records import Blocker, Ticket

FOREVER = -1
"""The timeout in milliseconds that never passes."""


@fidelity(
    "RES-TIMEOUT-INVALID",
    evidence="documented",
    rule="A timeout below -1 is INVALID_ARGUMENT",
)
def check_timeout(timeout_ms: int) -> None:
    """Refuse a timeout that has no meaning."""
    if timeout_ms < FOREVER:
        raise Refusal(
            "INVALID_ARGUMENT",
            f"a timeout of {timeout_ms} ms cannot be: 0 fails at once, a number above 0 waits "
            "that many milliseconds, -1 waits without limit",
        )


def given_up() -> Refusal:
    """The answer to a client that no longer listens."""
    return Refusal("CANCELLED", "the client has given up; nothing was reserved for it")


def stopped() -> Refusal:
    """The answer of a station that has stopped."""
    return Refusal("UNAVAILABLE", "the station has been stopped; nothing was reserved")


def reset() -> Refusal:
    """The answer to whoever waited when the station was reset."""
    return Refusal("UNAVAILABLE", "the station was reset meanwhile; nothing was reserved. Ask anew")


@fidelity(
    "RES-REFUSAL-TEXT",
    evidence="our choice",
    rule="The text of UNAVAILABLE says which sessions are held, by whom, since when, what to do",
)
def unavailable(ticket: Ticket, blockers: list[Blocker], timeout_ms: int, now: float) -> Refusal:
    """Say why a call got nothing. The caller's names are cut short: this travels in a header."""
    waited = f" within {timeout_ms} ms" if timeout_ms else ""
    reasons = "; ".join(_reason(blocker, now) for blocker in blockers)
    return Refusal(
        "UNAVAILABLE",
        f"{_counted(len(ticket.wanted))} not all free{waited}: {reasons}. Leave the 'with' block "
        "that holds it, ask with a longer timeout, or free it by force with "
        f"session-fakes release {pasted(blockers[0].name)}",
    )


def _counted(count: int) -> str:
    return "the 1 session wanted is" if count == 1 else f"the {count} sessions wanted are"


def _reason(blocker: Blocker, now: float) -> str:
    name, held, ahead = quoted(blocker.name), blocker.reserved, blocker.set_aside_for
    if held is not None:
        since = f"since {held.since:.3f} s, that is for {now - held.since:.3f} s"
        return f"{name} is reserved by {held.holder} {since} on the station's clock"
    assert ahead is not None, "what is not free is reserved or set aside"
    return (
        f"{name} is free, but set aside for {ahead.request.holder}, waiting for "
        f"{now - ahead.since:.3f} s and passed by {ahead.passed} times"
    )
