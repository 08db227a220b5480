"""Records and the logs that they are to stand in, in the words of the examples."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from session_contract.profiles.served import Answered, Client
from session_spec.class_models.log import TORN

SENT = datetime(2019, 2, 3, 4, 5, 6, 789012, tzinfo=timezone.utc)
"""The time ``T`` of the examples."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_CLOCK = 5.0
"""Seconds by which the server's clock may differ from ours, on one machine: clocks are set."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|\+00:00)", re.ASCII)


@dataclass(frozen=True)
class Record:
    """A record as it is sent."""

    name: str
    configurations: Mapping[str, str] = field(default_factory=dict[str, str])
    outputs: Mapping[str, str] = field(default_factory=dict[str, str])
    moment: datetime | None = None
    """None lets the server take its own."""
    at: float = field(default_factory=time.time)
    """When it was made, and soon sent."""

    def send(self, client: Client, session: str) -> Answered:
        """Log it."""
        given: dict[str, object] = {}
        if self.moment is not None:
            since = self.moment - _EPOCH
            seconds = since.days * 86_400 + since.seconds
            given["timestamp"] = {"seconds": seconds, "nanos": since.microseconds * 1000}
        return client.call(
            "LogMeasurementData",
            session_id=session,
            measurement_name=self.name,
            measurement_configurations=self.configurations,
            measurement_outputs=self.outputs,
            **given,
        )

    def fault(self, line: Mapping[str, Any]) -> str:
        """How a line of the log differs from it: ``fields``, ``time``, or not at all."""
        sent = (self.name, dict(self.configurations), dict(self.outputs))
        keys = ("measurement_name", "measurement_configurations", "measurement_outputs")
        if tuple(line.get(key) for key in keys) != sent:
            return "fields"
        return "" if self._has_time(line.get("timestamp")) else "time"

    def _has_time(self, told: object) -> bool:
        if not isinstance(told, str) or not _TIME.fullmatch(told):
            return False
        found = datetime.fromisoformat(told.removesuffix("Z").removesuffix("+00:00"))
        if self.moment is not None:
            return found == self.moment.replace(tzinfo=None)
        seconds = found.replace(tzinfo=timezone.utc).timestamp()
        return self.at - _CLOCK <= seconds <= time.time() + _CLOCK


def read_log(path: Path) -> Iterator[dict[str, Any] | None]:
    """The lines of a log; None for one that is no JSON object, or has no end."""
    *lines, rest = path.read_bytes().split(b"\n")
    for line in [*lines, *([rest] if rest else [])]:
        try:
            found: object = json.loads(line.decode())
        except ValueError:
            found = None
        yield found if isinstance(found, dict) and line is not rest else None


def told(lines: Iterator[dict[str, Any] | None], records: Mapping[str, Record]) -> Sequence[str]:
    """The lines of a log in the words of the examples; ``records`` are those that were sent."""
    by_name = {record.name: symbol for symbol, record in records.items()}
    words: list[str] = []
    for line in lines:
        if line is None:
            words.append(TORN)
            continue
        symbol = by_name.get(str(line.get("measurement_name")), "")
        if not symbol:
            words.append(str(line.get("old", "unknown")))
            continue
        fault = records[symbol].fault(line)
        words.append(f"{symbol}~{fault}" if fault else symbol)
    return words
