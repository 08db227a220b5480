"""A call as the kit saw it, and the journal of a run.

One monotonic clock in this process gives both times: taken just before the request is sent and
just after the answer is there, so that a call certainly took effect in between.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from session_spec.model import LOST, Answer, Call, Close, Initialize, Lost, Use

_KINDS: dict[str, type[Call]] = {"initialize": Initialize, "close": Close, "use": Use}


@dataclass(frozen=True)
class Record:
    """One call and what came of it."""

    number: int
    """Its place in the order in which the calls of the run began."""
    lane: str
    """The client that made it; each has a channel of its own."""
    call: Call
    answer: Answer | Lost
    started: float
    ended: float
    """Seconds since the run began; infinite when the answer was lost."""
    rpc: str = ""
    details: str = ""
    """The text of a status, or how an answer was lost."""
    value: str = ""
    """What a use answered, when the target says which field that is."""
    scope: str = ""
    """The check during which it was made."""
    life: int = 1
    """Which start of the server answered it: after a restart nothing is open."""

    @property
    def code(self) -> str:
        """The status code by name; ``lost`` when no answer came."""
        return "lost" if isinstance(self.answer, Lost) else self.answer.code

    def to_json(self) -> dict[str, Any]:
        """The record as a line of the journal holds it."""
        kind = next(name for name, cls in _KINDS.items() if isinstance(self.call, cls))
        answer: dict[str, Any] = {"code": self.code}
        if isinstance(self.answer, Answer) and self.answer.session:
            answer |= {"session": self.answer.session, "new": self.answer.new}
        line: dict[str, Any] = {
            "number": self.number,
            "lane": self.lane,
            "started": round(self.started, 6),
            "ended": None if math.isinf(self.ended) else round(self.ended, 6),
            "call": {"kind": kind, **vars(self.call)},
            "answer": answer,
        }
        extra = {"rpc": self.rpc, "details": self.details, "value": self.value, "scope": self.scope}
        if self.life > 1:
            line["life"] = self.life
        return line | {name: text for name, text in extra.items() if text}


def from_json(line: dict[str, Any]) -> Record:
    """Read a line of a journal; raise ValueError, with the reason, when it is none."""
    try:
        call = dict(line["call"])
        kind = _KINDS[call.pop("kind")]
        answer = line["answer"]
        lost = answer["code"] == "lost"
        return Record(
            number=int(line["number"]),
            lane=str(line["lane"]),
            call=kind(**call),
            answer=LOST
            if lost
            else Answer(answer["code"], answer.get("session", ""), bool(answer.get("new", False))),
            started=float(line["started"]),
            ended=math.inf if line["ended"] is None else float(line["ended"]),
            **{name: line.get(name, "") for name in ("rpc", "details", "value", "scope")},
            life=int(line.get("life", 1)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a call of a journal ({type(error).__name__}: {error})") from error


def read_journal(lines: Iterable[str]) -> Iterator[Record]:
    """Read a journal line by line; a ValueError names the line that is none."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield from_json(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"line {number}: {error}") from error


class Journal:
    """Keeps the records of a run, and writes them to a file as they come."""

    def __init__(self, path: Path | None = None) -> None:
        """Begin a run; ``path`` is written line by line, so that a crash loses nothing."""
        self.records: list[Record] = []
        self._by_scope: defaultdict[str, list[Record]] = defaultdict(list)
        self.life = 1
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._count = 0
        self._file = path.open("w", buffering=1, encoding="utf-8") if path else None

    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def next_number(self) -> int:
        """A number for a call that begins now."""
        with self._lock:
            self._count += 1
            return self._count

    def add(self, record: Record) -> None:
        """Keep a call that ended."""
        with self._lock:
            self.records.append(record)
            self._by_scope[record.scope].append(record)
            if self._file:
                self._file.write(json.dumps(record.to_json()) + "\n")

    def within(self, scope: str) -> list[Record]:
        """The calls of one check, in the order in which they began."""
        with self._lock:
            ended = list(self._by_scope.get(scope, ()))
        return sorted(ended, key=lambda record: record.number)

    def close(self) -> None:
        """End the file."""
        if self._file:
            self._file.close()
            self._file = None
