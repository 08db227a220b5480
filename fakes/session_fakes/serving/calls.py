"""The log of all calls that a station answered, typed, with assertions for tests."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

from google.protobuf.message import Message

from session_fakes.errors import FakeError
from session_fakes.serving.names import MethodNames

_LONGEST_LOG = 100_000


class RecordedCall(NamedTuple):
    """One call as it was answered. Times are seconds of the fakes' clock."""

    seq: int
    """Counts all calls of the station from 1, in the order in which they were answered."""
    service: str
    method: str
    request: Message
    response: Message | None
    code: str
    """The name of the status code, ``OK`` for success."""
    details: str
    metadata: tuple[tuple[str, str | bytes], ...]
    peer: str
    started: float
    elapsed: float
    deadline: float | None
    """Seconds that the caller was still willing to wait when the call came; None for ever."""
    fault: str | None
    """What was injected, in words; None when the fake answered by itself."""

    @property
    def full_name(self) -> str:
        """``package.Service/Method``."""
        return f"{self.service}/{self.method}"

    def as_dict(self) -> dict[str, Any]:
        """The call as data for JSON."""
        from google.protobuf.json_format import MessageToDict  # slow to import, seldom needed

        data = self._asdict()
        data["request"] = MessageToDict(self.request, preserving_proto_field_name=True)
        data["response"] = self.response and MessageToDict(
            self.response, preserving_proto_field_name=True
        )
        data["metadata"] = [[key, str(value)] for key, value in self.metadata]
        return data

    def __str__(self) -> str:
        fault = f"  (injected: {self.fault})" if self.fault else ""
        details = f" {self.details}" if self.details else ""
        return f"{self.seq} {self.method} -> {self.code}{details}{fault}"


class Calls(Sequence[RecordedCall]):
    """Some recorded calls, in their order."""

    def __init__(self, calls: Sequence[RecordedCall], what: str) -> None:
        self._calls = calls
        self._what = what

    @overload
    def __getitem__(self, index: int) -> RecordedCall: ...
    @overload
    def __getitem__(self, index: slice) -> Calls: ...
    def __getitem__(self, index: int | slice) -> RecordedCall | Calls:
        """One call, or some of them."""
        if isinstance(index, slice):
            return Calls(self._calls[index], self._what)
        return self._calls[index]

    def __len__(self) -> int:
        return len(self._calls)

    def __repr__(self) -> str:
        return f"<{len(self)} calls of {self._what}>"

    @property
    def first(self) -> RecordedCall:
        """The earliest of them; raise FakeError when there was none."""
        return self._one(0)

    @property
    def last(self) -> RecordedCall:
        """The latest of them; raise FakeError when there was none."""
        return self._one(-1)

    def _one(self, index: int) -> RecordedCall:
        if not self._calls:
            raise FakeError(f"There was no call of {self._what}.")
        return self._calls[index]


class CallLog:
    """All calls of a station. At most 100,000 are kept; ``dropped`` counts those that are gone."""

    def __init__(self, names: MethodNames) -> None:
        self._names = names
        self._calls: deque[RecordedCall] = deque(maxlen=_LONGEST_LOG)
        self._changed = threading.Condition()
        self._watchers = 0
        self._count = 0
        self.dropped = 0
        """How many of the oldest calls are no longer in the log."""

    def record(self, *facts: Any) -> None:  # noqa: ANN401 - the fields of RecordedCall after seq
        """Add a call; for the dispatcher."""
        with self._changed:
            self._count += 1
            self.dropped += len(self._calls) == _LONGEST_LOG
            self._calls.append(RecordedCall(self._count, *facts))
            if self._watchers:
                self._changed.notify_all()

    def __iter__(self) -> Iterator[RecordedCall]:
        return iter(self._copy())

    def __len__(self) -> int:
        return len(self._calls)

    def __repr__(self) -> str:
        return f"<CallLog of {self._count} calls>"

    def _copy(self) -> list[RecordedCall]:
        with self._changed:
            return list(self._calls)

    def of(self, pattern: str) -> Calls:
        """The calls of a method, of a service and method, or of a glob of either."""
        wanted = self._names.matching(pattern)
        return Calls([call for call in self._copy() if call.full_name in wanted], pattern)

    @property
    def last_seq(self) -> int:
        """The number of the last call, also when it is forgotten; 0 before the first."""
        return self._count

    def since(self, seq: int) -> list[RecordedCall]:
        """The calls after the one with this number."""
        return [call for call in self._copy() if call.seq > seq]

    def clear(self) -> None:
        """Forget all calls; the numbers go on."""
        with self._changed:
            self._calls.clear()
            self.dropped = 0

    def wait_for(self, pattern: str, *, times: int = 1, timeout: float = 10.0) -> Calls:
        """Wait, in real time, until a method was answered so often; else raise FakeError."""
        self.wait_until(
            lambda: len(self.of(pattern)) >= times, timeout, f"{times} calls of {pattern}"
        )
        return self.of(pattern)

    def wait_until(self, holds: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait (in real time) until a condition on the log holds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            self._watchers += 1
            try:
                while not holds():
                    rest = deadline - time.monotonic()
                    if rest <= 0:
                        raise FakeError(f"Waited {timeout:g} s for {what}.{self._tail()}")
                    self._changed.wait(rest)
            finally:
                self._watchers -= 1

    def assert_called(self, pattern: str, *, times: int | None = None) -> None:
        """Fail unless a method was called, or called exactly so often."""
        count = len(self.of(pattern))
        if times is None and count == 0:
            raise AssertionError(f"{pattern} was not called.{self._tail()}")
        if times is not None and count != times:
            raise AssertionError(f"{pattern} was called {count} times, not {times}.{self._tail()}")

    def assert_not_called(self, pattern: str) -> None:
        """Fail when a method was called."""
        self.assert_called(pattern, times=0)

    def assert_sequence(self, *patterns: str) -> None:
        """Fail unless calls of these methods came in this order, others between them or not."""
        rest = iter(self._copy())
        for number, pattern in enumerate(patterns):
            wanted = self._names.matching(pattern)
            if not any(call.full_name in wanted for call in rest):
                before = f" after {', '.join(patterns[:number])}" if number else ""
                raise AssertionError(f"No call of {pattern} came{before}.{self._tail()}")

    def _tail(self) -> str:
        calls = self._copy()[-12:]
        lines = "".join(f"\n  {call}" for call in calls)
        return f" The last calls:{lines}" if calls else " There were no calls at all."

    def dump(self, path: str | Path) -> int:
        """Write all calls as JSON lines; return how many."""
        calls = self._copy()
        lines = [json.dumps(call.as_dict(), ensure_ascii=False) + "\n" for call in calls]
        Path(path).write_text("".join(lines), encoding="utf-8")
        return len(calls)
