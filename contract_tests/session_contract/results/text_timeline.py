"""Calls as lines of text: who made which when, as bars above one another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from session_contract.subject.record import Record
from session_spec.matrix import Behavior
from session_spec.model import Answer, Initialize

_WIDTH = 32
_SHORT = 6
"""Characters of an id, at least."""


def timeline(records: Sequence[Record]) -> Iterator[str]:
    """Each call with its place in time, if some overlap; else one after the other."""
    names = short_names(records)
    lane = max((len(record.lane) for record in records), default=0)
    if not _overlap(records):
        for record in records:
            yield f"{record.lane:{lane}}  {call_text(record, names)}"
        return
    begin = min(record.started for record in records)
    end = max((r.ended for r in records if not math.isinf(r.ended)), default=begin)
    end = max(end, *(record.started for record in records))
    for record in records:
        bar = _bar(record, begin, end)
        yield f"{record.lane:{lane}}  {bar}  {call_text(record, names)}"
    yield f"{'':{lane}}  {'0.0 ms':<{_WIDTH - 10}}{(end - begin) * 1000:7.1f} ms"


def call_text(record: Record, names: Mapping[str, str]) -> str:
    """A call and its answer, as the examples of the specification write them."""
    call = record.call
    kind = type(call).__name__
    rpc = f"{record.rpc} " if record.rpc and record.rpc != kind else ""
    if isinstance(call, Initialize):
        known = {behavior.value: behavior.name for behavior in Behavior}
        asked = f"{_quoted(call.resource, names)}, {known.get(call.behavior, call.behavior)}"
    else:
        asked = _quoted(call.session, names)
    return f"{rpc}{kind}({asked}) -> {_answer(record, names)}"


def _quoted(name: str, names: Mapping[str, str]) -> str:
    return printable(names.get(name, name)) or '""'


def _answer(record: Record, names: Mapping[str, str]) -> str:
    answer = record.answer
    if not isinstance(answer, Answer):
        return f"lost ({printable(record.details)})" if record.details else "lost"
    words = [answer.code]
    if answer.session:
        words.append(_quoted(answer.session, names))
    if answer.new:
        words.append("new")
    if record.value:
        words.append(printable(record.value))
    if record.details and answer.code != "OK":
        words.append(f'"{printable(record.details)}"')
    return " ".join(words)


def printable(text: str, most: int = 120) -> str:
    """A text of a foreign server on one line, without what would control a terminal."""
    clean = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"


def short_names(records: Iterable[Record]) -> dict[str, str]:
    """Ids and resources cut to what still tells them apart."""
    sessions: dict[str, None] = {}
    resources: dict[str, None] = {}
    for record in records:
        if isinstance(record.call, Initialize):
            resources[record.call.resource] = None
        else:
            sessions[record.call.session] = None
        if isinstance(record.answer, Answer):
            sessions[record.answer.session] = None
    letters = (("R" if len(resources) == 1 else f"R{n}") for n in range(1, len(resources) + 1))
    named = {r: letter for r, letter in zip(resources, letters, strict=True) if r}
    return {**named, **_cut([s for s in sessions if s])}


def _cut(ids: Sequence[str]) -> dict[str, str]:
    """Each id to as many characters as make all of them different; short ones stay whole."""
    for length in range(_SHORT, max(map(len, ids), default=0)):
        if len({i[:length] for i in ids}) == len(ids):
            return {i: i[:length] for i in ids}
    return {i: i for i in ids}


def _overlap(records: Sequence[Record]) -> bool:
    by_start = sorted(records, key=lambda r: r.started)
    latest = -math.inf
    for record in by_start:
        if record.started < latest:
            return True
        latest = max(latest, record.ended)
    return False


def _bar(record: Record, begin: float, end: float) -> str:
    """Where in the time between ``begin`` and ``end`` a call was under way."""
    span = max(end - begin, 1e-9)
    left = round((record.started - begin) / span * (_WIDTH - 1))
    if math.isinf(record.ended):
        return " " * left + "|" + "-" * (_WIDTH - left - 1)
    right = max(round((record.ended - begin) / span * (_WIDTH - 1)), left)
    bar = "|" if right == left else "|" + "-" * (right - left - 1) + "|"
    return (" " * left + bar).ljust(_WIDTH)
