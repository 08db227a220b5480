"""A log: taken over with its good lines, appended to whole or not at all, kept open in bounds."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_reference.file_logger.log_file import LogFile, open_log
from session_reference.file_logger.open_files import File, FileGoneError, OpenFiles, identity
from session_reference.file_logger.server import JsonLoggerServicer
from session_reference.file_logger.stubs import json_logger_pb2 as messages
from session_reference.file_logger.taking_over import LONGEST_LINE, are_records
from session_reference.refusals import CallerGoneError, InvalidRequestError

DESCRIPTORS = Path("/proc/self/fd")
LINE = b'{"a":1}\n'


def always() -> bool:
    return True


def opened(path: Path, files: OpenFiles | None = None) -> LogFile:
    """Open a log, which is made if it is missing."""
    path.touch()
    return open_log(str(path), identity(path.stat()), files or OpenFiles(8), always)


def descriptors_of(folder: Path) -> list[str]:
    """The files in a folder that this process has open."""
    found: list[str] = []
    for entry in DESCRIPTORS.iterdir():
        with suppress(FileNotFoundError):  # another thread has closed it
            found.append(str(entry.readlink()))
    return [name for name in found if name.startswith(str(folder))]


class Disk:
    """A disk that fails when it is told to; other files are left alone."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._path = path
        self._write, self._ftruncate = os.write, os.ftruncate
        self.room: int | None = None
        self.truncates = True
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "ftruncate", self.ftruncate)

    def write(self, descriptor: int, data: bytes) -> int:
        """Write as far as there is room."""
        if self.room is None or os.fstat(descriptor).st_ino != self._path.stat().st_ino:
            return self._write(descriptor, data)
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(descriptor, data[: self.room])
        self.room -= written
        return written

    def ftruncate(self, descriptor: int, length: int) -> None:
        """Cut, if that works at the moment."""
        if not self.truncates and os.fstat(descriptor).st_ino == self._path.stat().st_ino:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._ftruncate(descriptor, length)


# Taking over


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\n \t\r\n\n",
        LINE * 3,
        b'{"a":1}\r\n{"b":2}\r\n',
        b'1\n"x"\nnull\n[1,2]\n1e999\n',
        b"1" * 5000 + b"\n",
        '{"ä":"\\ud800 \u2028"}\n'.encode(),
        b"[" * 500 + b"]" * 500 + b"\n",
    ],
)
def test___log_of_json_lines___taken_over___unchanged(tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(content)

    opened(log).close()

    assert log.read_bytes() == content
    assert list(tmp_path.iterdir()) == [log]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LINE + b"no json\n", "line 2 is not JSON \\(Expecting value, column 1\\)"),
        (b"no json", "line 1 is not JSON"),
        (b"{torn\n" + LINE, "line 1 is not JSON"),
        (LINE + b"\n{}{}\n", "line 3 is not JSON \\(Extra data, column 3\\)"),
        (b'{"a":NaN}\n', "line 1 is not JSON \\(NaN is no number there\\)"),
        (b"-Infinity\n", "line 1 is not JSON \\(-Infinity is no number there\\)"),
        (LINE * 2 + b'"\xff"\n', "line 3 is not UTF-8"),
        (b"\xef\xbb\xbf{}\n", "line 1 is not JSON"),
        (b"\x0c\n", "line 1 is not JSON"),
        (b"\xa0\n", "line 1 is not UTF-8"),
        (b"[" * 200_000 + b"\n", "line 1 is not JSON \\(too many brackets"),
        (b'"' + b"x" * LONGEST_LINE + b'"\n', "line 1 is longer than 16777216 bytes"),
        (b'{"' + b"x" * LONGEST_LINE, "line 1 is longer than 16777216 bytes"),
        (b"\0\n", "line 1 is not JSON"),
    ],
    ids=range(14),
)
def test___log_with_another_line___taken_over___refused_and_unchanged(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(content)

    with pytest.raises(InvalidRequestError, match=f"a.log', {reason}.*: correct the line"):
        opened(log)

    assert log.read_bytes() == content
    assert list(tmp_path.iterdir()) == [log]
    assert not descriptors_of(tmp_path)


@pytest.mark.parametrize("last", [b'{"b":2}', b"12", b" ", b'{"b":2}\r'])
def test___last_line_without_newline___appended___next_record_is_a_line_of_its_own(
    tmp_path: Path, last: bytes
) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(LINE + last)

    session = opened(log)
    session.append(LINE)
    session.close()

    assert log.read_bytes() == LINE + last + b"\n" + LINE


@pytest.mark.parametrize(
    "torn", [b'{"timestamp":"20', b"{", b'{"a":"\xc3', b'[1,"', b'{"a":1\0\0', b"\0" * 9]
)
def test___torn_last_line___taken_over___moved_and_good_lines_kept(
    tmp_path: Path, torn: bytes
) -> None:
    log, aside = tmp_path / "a.log", tmp_path / "a.log.torn"
    log.write_bytes(LINE + b"2\r\n" + torn)
    aside.write_bytes(b"before\n")

    session = opened(log)
    session.append(LINE)
    session.close()

    assert log.read_bytes() == LINE + b"2\r\n" + LINE
    assert aside.read_bytes() == b"before\n" + torn + b"\n"


def test___torn_file_is_a_pipe___taken_over___refused_and_unchanged(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(LINE + b"{")
    os.mkfifo(tmp_path / "a.log.torn")

    with pytest.raises(OSError, match=r"a\.log\.torn") as refused:
        opened(log)

    assert refused.value.errno == errno.ENXIO
    assert log.read_bytes() == LINE + b"{"


def test___large_log___taken_over___memory_stays_small(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("wb") as file:
        for _ in range(40):
            file.write(b'{"a":"%s"}\n' % (b"x" * 100_000) * 10)

    tracemalloc.start()
    try:
        opened(log).close()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert log.stat().st_size > 40_000_000
    assert peak < 2_000_000


def test___line_without_end___taken_over___refused_with_little_memory(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.touch()
    os.truncate(log, 300_000_000)

    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequestError, match="longer than 16777216 bytes"):
            opened(log)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4 * LONGEST_LINE


def test___large_log___client_gives_up___check_is_dropped(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b'{"a":"%s"}\n' % (b"x" * 100_000) * 100 + b"no json at the end\n")

    with pytest.raises(CallerGoneError):
        open_log(str(log), identity(log.stat()), OpenFiles(8), lambda: False)

    assert not descriptors_of(tmp_path)


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.floats(allow_nan=False)))),
    st.data(),
)
def test___good_lines_and_a_cut_record___taken_over___every_good_line_kept(
    values: list[object], data: st.DataObject
) -> None:
    good = (
        "".join(f"{json.dumps(value)}\n" for value in values)
        .encode()
        .replace(b"Infinity", b"1e999")
    )
    record = json.dumps({"text": data.draw(st.text())}, ensure_ascii=False).encode()
    torn = record[: data.draw(st.integers(1, len(record) - 1))]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "a.log"
        log.write_bytes(good + torn)

        opened(log).close()

        assert log.read_bytes() == good
        assert log.with_name("a.log.torn").read_bytes() == torn + b"\n"


# Appending


def test___many_threads___append___lines_are_whole_and_complete(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    session = opened(log)
    lines = [b'{"n":%d,"x":"%s"}\n' % (number, b"x" * (number % 977)) for number in range(2000)]

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(session.append, lines))
    session.close()

    assert sorted(log.read_bytes().splitlines(keepends=True)) == sorted(lines)


def test___another_process_appends___append___nothing_is_lost(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    session = opened(log)
    session.append(b"1\n")
    with log.open("ab") as other:
        other.write(b"2\n")

    session.append(b"3\n")

    assert log.read_bytes() == b"1\n2\n3\n"


@pytest.mark.parametrize("room", [0, 1, len(LINE) - 1])
def test___disk_is_full___append___nothing_is_left_and_the_next_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    log = tmp_path / "a.log"
    session, disk = opened(log), Disk(log, monkeypatch)
    session.append(LINE)

    disk.room = room
    with pytest.raises(OSError, match=r"a\.log") as refused:
        session.append(b'{"b":2}\n')
    disk.room = None

    assert refused.value.errno == errno.ENOSPC
    assert log.read_bytes() == LINE
    session.append(LINE)
    assert log.read_bytes() == LINE * 2


def test___room_for_the_line_in_two_writes___append___whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "a.log"
    session = opened(log)
    real_write = os.write

    def write(descriptor: int, data: bytes) -> int:
        return real_write(descriptor, data[:3])

    monkeypatch.setattr(os, "write", write)

    session.append(LINE)

    assert log.read_bytes() == LINE


def test___failed_line_cannot_be_cut___next_append___cut_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "a.log"
    session, disk = opened(log), Disk(log, monkeypatch)
    disk.room, disk.truncates = 3, False

    for _ in range(3):
        with pytest.raises(OSError, match=r"a\.log|Input/output"):
            session.append(LINE)
        disk.room = None
    assert log.read_bytes() == LINE[:3]
    disk.truncates = True
    session.append(b'{"b":2}\n')

    assert log.read_bytes() == b'{"b":2}\n'


def test___failed_line_cannot_be_cut___closed___cut_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "a.log"
    session, disk = opened(log), Disk(log, monkeypatch)
    disk.room, disk.truncates = 3, False
    with pytest.raises(OSError, match="No space"):
        session.append(LINE)

    disk.truncates = True
    session.close()

    assert log.read_bytes() == b""
    assert not descriptors_of(tmp_path)


def test___failed_line_can_never_be_cut___closed___said_and_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "a.log"
    session, disk = opened(log), Disk(log, monkeypatch)
    disk.room, disk.truncates = 3, False
    with pytest.raises(OSError, match="No space"):
        session.append(LINE)

    with pytest.raises(OSError, match="Input/output"):
        session.close()

    assert not descriptors_of(tmp_path)


def test___file_may_not_grow___append_in_a_child___refused_and_log_is_whole(tmp_path: Path) -> None:
    script = (
        "import sys, resource, errno; from pathlib import Path\n"
        "from session_reference.file_logger.log_file import open_log\n"
        "from session_reference.file_logger.open_files import OpenFiles, identity\n"
        "path = Path(sys.argv[1]); path.touch()\n"
        "log = open_log(str(path), identity(path.stat()), OpenFiles(1), lambda: True)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))\n"
        "log.append(b'{\"a\":12345}\\n')\n"
        "try: log.append(b'{\"b\":12345}\\n')\n"
        "except OSError as error: assert error.errno == errno.EFBIG, error\n"
        "else: sys.exit('not refused')\n"
        "assert path.read_bytes() == b'{\"a\":12345}\\n'\n"
        "log.append(b'{\"c\":1}\\n'); log.close()\n"
    )
    log = tmp_path / "a.log"

    subprocess.run([sys.executable, "-c", script, log], check=True, timeout=60)

    assert log.read_bytes() == b'{"a":12345}\n{"c":1}\n'


# A log that disappears


def replace_by_folder(log: Path) -> None:
    log.unlink()
    log.mkdir()


def replace_by_file(log: Path) -> None:
    (log.parent / "new").touch()
    (log.parent / "new").replace(log)


def replace_by_link(log: Path) -> None:
    log.rename(log.parent / "a.log.1")
    log.symlink_to("a.log.1")


def replace_by_pipe(log: Path) -> None:
    log.unlink()
    os.mkfifo(log)


def rename_folder(log: Path) -> None:
    log.parent.rename(log.parent.parent / "elsewhere")


WAYS_TO_GO: list[Callable[[Path], object]] = [
    Path.unlink,
    lambda log: log.rename(log.parent / "a.log.1"),
    replace_by_file,
    replace_by_folder,
    replace_by_link,
    replace_by_pipe,
    rename_folder,
]


@pytest.mark.parametrize("vanish", WAYS_TO_GO)
def test___log_vanishes___asked___is_gone(tmp_path: Path, vanish: Callable[[Path], object]) -> None:
    log = tmp_path / "folder" / "a.log"
    log.parent.mkdir()
    session = opened(log)
    assert not session.is_gone()

    vanish(log)

    assert session.is_gone()
    session.close()


@pytest.mark.parametrize("vanish", WAYS_TO_GO)
def test___log_vanishes_while_it_is_not_kept_open___append___gone(
    tmp_path: Path, vanish: Callable[[Path], object]
) -> None:
    log = tmp_path / "folder" / "a.log"
    log.parent.mkdir()
    files = OpenFiles(1)
    session = opened(log, files)
    opened(tmp_path / "other.log", files)
    assert not descriptors_of(log.parent)

    vanish(log)

    with pytest.raises(FileGoneError, match="deleted or replaced"):
        session.append(LINE)
    session.close()
    assert not descriptors_of(log.parent)


def test___log_is_deleted_and_made_again___asked___is_gone(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    files = OpenFiles(1)
    kept, parked = opened(tmp_path / "b.log", files), opened(log, files)
    parked.append(LINE)
    kept.append(LINE)

    for session, path in ((kept, tmp_path / "b.log"), (parked, log)):
        path.unlink()
        path.touch()  # perhaps with the number of the file before
        assert session.is_gone()


def test___log_was_emptied_by_somebody___append___goes_on(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    session = opened(log)
    session.append(LINE)

    os.truncate(log, 0)

    assert not session.is_gone()
    session.append(LINE)
    assert log.read_bytes() == LINE


# Open files


def test___more_logs_than_may_stay_open___all_appended_to___bounded_and_complete(
    tmp_path: Path,
) -> None:
    files = OpenFiles(8)
    sessions = [opened(tmp_path / f"{number}.log", files) for number in range(100)]

    for _ in range(3):
        for session in sessions:
            session.append(LINE)
            assert len(descriptors_of(tmp_path)) <= 8

    assert len(descriptors_of(tmp_path)) == 8
    assert all(log.read_bytes() == LINE * 3 for log in tmp_path.iterdir())
    for session in sessions:
        session.close()
    assert not descriptors_of(tmp_path)


def test___more_logs_than_may_stay_open___appended_to_by_many_threads___bounded_and_complete(
    tmp_path: Path,
) -> None:
    files, rounds, threads = OpenFiles(8), 20, 16
    sessions = [opened(tmp_path / f"{number}.log", files) for number in range(100)]
    highest = 0

    def log(number: int) -> None:
        nonlocal highest
        sessions[number].append(b"%d\n" % number)
        if number == 0:
            highest = max(highest, len(descriptors_of(tmp_path)))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(log, list(range(100)) * rounds))

    assert highest <= 8 + threads
    assert len(descriptors_of(tmp_path)) == 8
    for number in range(100):
        assert (tmp_path / f"{number}.log").read_bytes() == b"%d\n" % number * rounds


def test___file_in_use___others_are_used___stays_open(tmp_path: Path) -> None:
    files = OpenFiles(1)
    paths = [tmp_path / f"{number}.log" for number in range(4)]
    for path in paths:
        path.touch()
    first, *others = [File(str(path), identity(path.stat())) for path in paths]

    with files.using(first):
        pass
    with files.using(first) as descriptor:
        for other in others:
            with files.using(other):
                pass
        os.write(descriptor, LINE)
        with files.using(first) as again:
            assert again == descriptor
        assert len(descriptors_of(tmp_path)) == 2

    assert paths[0].read_bytes() == LINE
    assert len(descriptors_of(tmp_path)) == 1


def test___one_file_is_slow_to_open___another_is_used___does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = tmp_path / "slow.log", tmp_path / "quick.log"
    files, go, began = OpenFiles(8), threading.Event(), threading.Event()
    real_open = os.open

    def open_slowly(path: str, *arguments: int) -> int:
        if str(path) == str(slow):
            began.set()
            assert go.wait(30)
        return real_open(path, *arguments)

    slow.touch()
    key = identity(slow.stat())
    monkeypatch.setattr(os, "open", open_slowly)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(open_log, str(slow), key, files, always)
        assert began.wait(30)
        session = opened(quick, files)
        session.append(LINE)
        go.set()
        waiting.result(30).append(LINE)

    assert slow.read_bytes() == quick.read_bytes() == LINE


def test___closing_a_parked_descriptor_fails___append_to_another___answered_as_usual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = OpenFiles(1)
    first, second = (opened(tmp_path / name, files) for name in ("a.log", "b.log"))
    real_close = os.close

    def close(descriptor: int) -> None:
        real_close(descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "close", close)
    first.append(LINE)
    second.append(LINE)
    monkeypatch.undo()

    assert (tmp_path / "a.log").read_bytes() == (tmp_path / "b.log").read_bytes() == LINE


@pytest.mark.parametrize("limit", [1, 2])
def test___log_is_deleted___closed___descriptor_is_released(tmp_path: Path, limit: int) -> None:
    files = OpenFiles(limit)
    session = opened(tmp_path / "a.log", files)
    (tmp_path / "a.log").unlink()

    session.close()

    assert not descriptors_of(tmp_path)


# Checking a log quickly ---------------------------------------------------------------------------


_ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_ANY_TEXTS = st.dictionaries(_ANY_TEXT, _ANY_TEXT, max_size=3)


class _NoContext:
    def is_active(self) -> bool:
        return True


def written(*records: messages.LogMeasurementDataRequest) -> bytes:
    """The lines that the server makes of records."""
    context: Any = _NoContext()
    with tempfile.TemporaryDirectory() as folder:
        path, servicer = Path(folder) / "a.log", JsonLoggerServicer()
        opened = servicer.InitializeFile(
            messages.InitializeFileRequest(resource_name=str(path)), context
        )
        for record in records:
            record.session_id = opened.session_id
            servicer.LogMeasurementData(record, context)
        servicer.table.close_all()
        return path.read_bytes()


def record(
    name: str, one: dict[str, str] | None = None, two: dict[str, str] | None = None
) -> messages.LogMeasurementDataRequest:
    return messages.LogMeasurementDataRequest(
        measurement_name=name, measurement_configurations=one, measurement_outputs=two
    )


@settings(max_examples=50)
@given(st.lists(st.builds(record, _ANY_TEXT, _ANY_TEXTS, _ANY_TEXTS), min_size=1, max_size=4))
def test___records_of_the_server___checked_as_one_block___are_records(
    records: list[messages.LogMeasurementDataRequest],
) -> None:
    assert are_records(written(*records))


_LINES = written(
    record('\u00e9"\\\x01', {"a": "1", "\u2028": ""}, {"b\n": "\U0001f600"}), record("x")
)


@settings(max_examples=300)
@given(st.integers(0, len(_LINES) - 1), st.binary(max_size=3), st.integers(0, 2))
def test___records_with_some_bytes_changed___checked_as_one_block___are_records_only_if_json(
    place: int, put: bytes, left_out: int
) -> None:
    changed = _LINES[:place] + put + _LINES[place + left_out :]

    if are_records(changed):
        assert changed.endswith(b"\n")
        for line in changed[:-1].split(b"\n"):
            json.loads(line.decode())


@pytest.mark.parametrize("place", [0, 5000, 9999])
def test___one_bad_line_among_many_records___checked___is_named_by_its_number(
    tmp_path: Path, place: int
) -> None:
    log = tmp_path / "a.log"
    records = [written(record("x" * 60))] * 10_000
    log.write_bytes(b"".join([*records[:place], b'{"a":\n', *records[place:]]))
    before = log.read_bytes()

    with pytest.raises(InvalidRequestError, match=rf"line {place + 1} is not JSON"):
        opened(log)

    assert log.read_bytes() == before


def test___a_torn_line_behind_many_records___taken_over___is_cut_where_it_begins(
    tmp_path: Path,
) -> None:
    log = tmp_path / "a.log"
    records = written(record("x" * 60)) * 10_000
    log.write_bytes(records + b'{"torn')

    opened(log).close()

    assert log.read_bytes() == records
    assert (tmp_path / "a.log.torn").read_bytes() == b'{"torn\n'


def test___a_record_that_is_too_long_by_a_byte___checked___is_refused(tmp_path: Path) -> None:
    log, line = tmp_path / "a.log", written(record("x"))
    log.write_bytes(line.replace(b'"x"', b'"%b"' % (b"x" * (LONGEST_LINE - len(line) + 1))) + line)
    opened(log).close()
    log.write_bytes(line.replace(b'"x"', b'"%b"' % (b"x" * (LONGEST_LINE - len(line) + 2))) + line)

    with pytest.raises(InvalidRequestError, match="line 1 is longer than 16777216 bytes"):
        opened(log)


def test___a_record_of_many_escapes___checked___takes_no_multiple_of_its_memory(
    tmp_path: Path,
) -> None:
    log, line = tmp_path / "a.log", written(record("x"))
    log.write_bytes(line.replace(b'"x"', b'"%b"' % (rb"\n" * 2_000_000)))
    tracemalloc.start()
    try:
        opened(log).close()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 20 * log.stat().st_size
