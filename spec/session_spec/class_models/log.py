"""Judges what stands in a log: profile ``file-logger``, for services that are made from ours.

A record is named by a word, ``a``, or ``a@T`` when its client sent a time. The lines of a log are
told in the same words. A line that is not right says so: ``torn`` is none of JSON at all,
``a~fields`` has other names or values than were sent, ``a~time`` another time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from session_spec.examples import LOST, Event
from session_spec.model import INVALID_ARGUMENT, OK, Violation

TORN = "torn"
UNFINISHED = "unfinished"
"""Marks, at the end of a log that somebody else has written, that its last newline is missing."""


@dataclass(frozen=True)
class LogState:
    """What is due in the log, and why."""

    old: tuple[str, ...] = ()
    """The records that stood there before anybody opened it."""
    unfinished: bool = False
    records: tuple[str, ...] = ()
    """The records that were acknowledged, in the order of the calls."""
    refused: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    """Records whose answer was lost: they may be there."""
    killed: bool = False
    """Whether the server was killed since the last record."""


LogVerdict = list[LogState] | Violation


class LogModel:
    """Judges the events of one log."""

    def initial(self) -> LogState:
        """There is no log."""
        return LogState()

    def apply(self, state: LogState, event: Event) -> LogVerdict:
        """The state after this event, or the violation that it is."""
        match event.call, event.arguments:
            case "Exists", (_, *records):
                old = tuple(each for each in records if each != UNFINISHED)
                return [replace(state, old=old, unfinished=UNFINISHED in records)]
            case "Initialize", (_, *troubles):
                return _initialize(state, event.code, troubles)
            case "Log", (_, record):
                return _log(state, record, event.code)
            case "Close", (_,):
                return [state]
            case "Killed", ():
                return [replace(state, killed=True)]
            case "Lines", (_,):
                return wrong_lines(state, (event.outcome or ())[1:]) or [state]
            case _:
                raise ValueError(f"{event.text!r} is nothing that the model of a log knows")


def _initialize(state: LogState, code: str, troubles: list[str]) -> LogVerdict:
    broken = {"other suffix": "LOGGER-SUFFIX", "not a log": "LOGGER-NOT-A-LOG"}
    for trouble in troubles:
        if code != INVALID_ARGUMENT:
            sentence = f"{trouble}: INVALID_ARGUMENT is due, not {code}"
            return Violation(broken[trouble], sentence)
    if not troubles and code != OK:
        name = "LOGGER-LAST-LINE" if state.unfinished else "LOGGER-APPENDS"
        return Violation(name, f"the log is one that can be opened: OK is due, not {code}")
    return [state]


def _log(state: LogState, record: str, code: str) -> LogVerdict:
    if code == OK:
        return [replace(state, records=(*state.records, record), killed=False)]
    if code == LOST:
        return [replace(state, unknown=state.unknown | {record})]
    return [replace(state, refused=state.refused | {record})]


def wrong_lines(state: LogState, lines: tuple[str, ...]) -> Violation | None:
    """Why these are not the lines that are due, if they are not."""
    return (
        _spoilt(state, lines) or _old(state, lines) or _missing(state, lines) or _odd(state, lines)
    )


def _spoilt(state: LogState, lines: tuple[str, ...]) -> Violation | None:
    for line in lines:
        record, _, what = line.partition("~")
        if record == TORN:
            name = "LOGGER-LAST-LINE" if state.unfinished else "LOGGER-LINE"
            return Violation(name, "a line of the log is no JSON object")
        if what == "fields":
            return Violation("LOGGER-FIELDS", f"{record} stands there other than it was sent")
        if what:
            name = "LOGGER-TIME-SENT" if "@" in record else "LOGGER-TIME-OWN"
            return Violation(name, f"{record} stands there with another time")
    return None


def _old(state: LogState, lines: tuple[str, ...]) -> Violation | None:
    if lines[: len(state.old)] == state.old:
        return None
    return Violation("LOGGER-APPENDS", "the log does not begin with the lines that it had")


def _missing(state: LogState, lines: tuple[str, ...]) -> Violation | None:
    missing = [record for record in state.records if record not in lines]
    if not missing:
        return None
    name = "LOGGER-KILLED" if state.killed else "LOGGER-LINE"
    return Violation(name, f"{missing[0]} was acknowledged and is not in the log")


def _odd(state: LogState, lines: tuple[str, ...]) -> Violation | None:
    found = lines[len(state.old) :]
    refused = [record for record in found if record in state.refused]
    if refused:
        return Violation("LOGGER-REFUSED", f"{refused[0]} was refused and is in the log")
    counted = Counter(found)
    known = {*state.records, *state.unknown}
    often = [record for record, times in counted.items() if times > 1 or record not in known]
    if often:
        sentence = f"{often[0]} is {counted[often[0]]} times in the log, more often than logged"
        return Violation("LOGGER-ONCE", sentence)
    order = tuple(record for record in found if record in state.records)
    if order != state.records:
        sentence = f"logged as {' '.join(state.records)}, the log has {' '.join(order)}"
        return Violation("LOGGER-ORDER", sentence)
    return None
