"""With ``durable``, a record is acknowledged when a sync that began after it was written has ended.

That a disk keeps what it said it had, when the power fails, is for nobody here to try.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from session_reference.file_logger.log_file import LogFile, open_log
from session_reference.file_logger.open_files import OpenFiles, identity

LINE = b'{"a":1}\n'
PATIENCE = 30


def opened(path: Path, files: OpenFiles | None = None) -> LogFile:
    path.touch()
    key = identity(path.stat())
    return open_log(str(path), key, files or OpenFiles(8), lambda: True, durable=True)


class Syncs:
    """Stands in for os.fsync: each sync waits until it is let go, and does what it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.before: Callable[[], object] = lambda: None
        self.error: OSError | None = None
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fsync(self, descriptor: int) -> None:
        """Sync, as the test wants it."""
        self.sizes.append(os.fstat(descriptor).st_size)
        before, self.before = self.before, lambda: None
        before()
        error, self.error = self.error, None
        if error:
            raise error


class Gate:
    """Holds up whoever comes to it."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self) -> None:
        """Wait to be let go."""
        self.reached.set()
        assert self.opened.wait(PATIENCE)


def wait_for_size(log: Path, size: int) -> None:
    """Wait until others have written so much; the time limit of the test is the patience."""
    while log.stat().st_size < size:
        threading.Event().wait(0.001)


def test___durable___opened___file_and_folder_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        synced.append(os.path.realpath(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", fsync)

    opened(tmp_path / "a.log").close()

    assert synced == [str(tmp_path / "a.log"), str(tmp_path)]


def test___not_durable___appended___not_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs = Syncs(monkeypatch)
    log = tmp_path / "a.log"
    log.touch()

    open_log(str(log), identity(log.stat()), OpenFiles(1), lambda: True).append(LINE)

    assert not syncs.sizes


def test___sync_has_not_returned___append___not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, gate = opened(tmp_path / "a.log"), Gate()
    syncs = Syncs(monkeypatch)
    syncs.before = gate

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(session.append, LINE)
        assert gate.reached.wait(PATIENCE)
        assert not answer.done()
        gate.opened.set()
        answer.result(PATIENCE)

    assert syncs.sizes == [len(LINE)]


def test___sync_is_running___others_append___one_more_sync_serves_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, gate = tmp_path / "a.log", Gate()
    session, syncs = opened(log), Syncs(monkeypatch)
    syncs.before = gate

    with ThreadPoolExecutor(21) as pool:
        answers = [pool.submit(session.append, LINE)]
        assert gate.reached.wait(PATIENCE)
        answers += [pool.submit(session.append, LINE) for _ in range(20)]
        wait_for_size(log, 21 * len(LINE))
        assert not any(answer.done() for answer in answers)
        gate.opened.set()
        for answer in answers:
            answer.result(PATIENCE)

    assert syncs.sizes == [len(LINE), 21 * len(LINE)]


def test___sync_fails___everything_behind_the_last_good_one_is_refused_and_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, gate = tmp_path / "a.log", Gate()
    session, syncs = opened(log), Syncs(monkeypatch)
    session.append(b"1\n")
    syncs.before, syncs.error = gate, OSError(errno.ENOSPC, "No space left on device")

    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(session.append, b"2\n")]
        assert gate.reached.wait(PATIENCE)
        answers += [pool.submit(session.append, b"3\n") for _ in range(5)]
        wait_for_size(log, 14)
        gate.opened.set()
        errors = [answer.exception(PATIENCE) for answer in answers]

    assert [getattr(error, "errno", None) for error in errors] == [errno.ENOSPC] * 6
    assert all(str(log) in str(error) for error in errors)
    assert log.read_bytes() == b"1\n"
    session.append(b"4\n")
    assert log.read_bytes() == b"1\n4\n"


def test___sync_fails_and_the_cut_too___next_append___cut_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "a.log"
    session, syncs = opened(log), Syncs(monkeypatch)
    syncs.error = OSError(errno.EIO, "Input/output error")

    def ftruncate(_descriptor: int, _length: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "ftruncate", ftruncate)
        for _ in range(2):
            with pytest.raises(OSError, match="Input/output"):
                session.append(b"1\n")
        assert log.read_bytes() == b"1\n"
    session.append(b"2\n")

    assert log.read_bytes() == b"2\n"


def test___sync_is_running___file_would_be_put_away___its_descriptor_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, gate = OpenFiles(1), Gate()
    first, second, third = (opened(tmp_path / f"{name}.log", files) for name in "abc")
    syncs = Syncs(monkeypatch)
    syncs.before = gate

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(first.append, LINE)
        assert gate.reached.wait(PATIENCE)
        second.append(LINE)
        third.append(LINE)
        gate.opened.set()
        answer.result(PATIENCE)

    assert (tmp_path / "a.log").read_bytes() == LINE


def test___many_threads_and_failing_syncs___append___exactly_the_acknowledged_lines_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "a.log"
    session, syncs = opened(log), 0

    def fsync(_descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        if syncs % 3 == 0:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    lines = [b"%d\n" % number for number in range(2000)]
    with ThreadPoolExecutor(16) as pool:
        answers: list[Future[None]] = [pool.submit(session.append, line) for line in lines]
    refused = [answer.exception() for answer in answers]

    acknowledged = [line for line, error in zip(lines, refused, strict=True) if error is None]
    assert sorted(log.read_bytes().splitlines(keepends=True)) == sorted(acknowledged)
    assert 0 < len(acknowledged) < len(lines)


CHILD = """
import os, sys, threading
from pathlib import Path
from session_reference.file_logger.log_file import open_log
from session_reference.file_logger.open_files import OpenFiles, identity

path = Path(sys.argv[1]); path.touch()
log = open_log(str(path), identity(path.stat()), OpenFiles(1), lambda: True, durable=True)
def work(number):
    for count in range(10):
        line = b'{"n":"%d-%d"}\\n' % (number, count)
        log.append(line)
        os.write(1, b"acknowledged " + line)
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


CALL = re.compile(r'(fsync|write)\((?:.*?"(acknowledged )?\{\\"n\\":\\"(\d+-\d+))?')
DONE = re.compile(r"= \d+$")


class Span(NamedTuple):
    """A system call: what it was, the record it wrote, the lines of the trace it is in."""

    kind: str
    record: str
    begin: int
    end: int


def successful_calls(trace: Path) -> Iterator[Span]:
    """The system calls of a trace; those of several threads overlap."""
    pending: dict[str, tuple[re.Match[str], int]] = {}
    for number, entry in enumerate(trace.read_text().splitlines()):
        thread, text = entry.split(maxsplit=1)
        if call := CALL.match(text):
            pending[thread] = call, number
        if DONE.search(text) and thread in pending:
            call, begin = pending.pop(thread)
            yield Span("answer" if call[2] else call[1], call[3] or "", begin, number)


@pytest.mark.skipif(not shutil.which("strace"), reason="strace shows the system calls of a process")
def test___system_calls_observed___every_answer_follows_a_sync_that_began_after_its_write(
    tmp_path: Path,
) -> None:
    trace, log = str(tmp_path / "trace"), str(tmp_path / "a.log")
    command = ["strace", "-f", "-s", "99", "-e", "trace=write,fsync", "-o", trace, sys.executable]
    done = subprocess.run(
        [*command, "-c", CHILD, log], capture_output=True, text=True, check=False, timeout=100
    )
    if "ptrace" in done.stderr.lower():
        pytest.skip(f"strace may not observe here: {done.stderr[:200]}")
    assert done.returncode == 0, done.stderr

    calls = list(successful_calls(Path(trace)))
    syncs = [call for call in calls if call.kind == "fsync"]
    written = {call.record: call.end for call in calls if call.kind == "write" and call.record}
    answers = [call for call in calls if call.kind == "answer"]

    assert len(answers) == len(written) == 40
    for answer in answers:
        assert any(
            written[answer.record] < sync.begin and sync.end < answer.begin for sync in syncs
        ), answer
