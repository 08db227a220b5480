"""The file logger over real sockets: what each call does to the log, and which status it has."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from session_reference.file_logger import server as file_logger
from session_reference.file_logger.log_file import open_log
from session_reference.file_logger.server import JsonLoggerServicer
from session_reference.file_logger.stubs import json_logger_pb2 as messages
from session_reference.file_logger.stubs import json_logger_pb2_grpc as rpcs
from session_reference.hosting import Options, Service
from session_reference.hosting.registration import read_service_config
from session_reference.paths import Root

PATIENCE = 60
AUTO, NEW, ATTACH = 0, 1, 2
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Logger:
    """A client that says what a call answered: a value, or the name of the status."""

    def __init__(self, stub: rpcs.JsonLoggerStub) -> None:
        self.stub = stub
        self.details = ""

    def initialize(self, path: object, behavior: int = AUTO) -> tuple[str, bool]:
        """Its id, and whether it is new."""
        request = messages.InitializeFileRequest(
            resource_name=str(path),
            initialization_behavior=behavior,  # type: ignore[arg-type]
        )
        answer = self.stub.InitializeFile(request, timeout=PATIENCE)
        return answer.session_id, answer.new_session_initialized

    def log(self, session_id: str, name: str = "m", **fields: Any) -> None:  # noqa: ANN401
        """Log a record of this name."""
        request = messages.LogMeasurementDataRequest(
            session_id=session_id, measurement_name=name, **fields
        )
        self.stub.LogMeasurementData(request, timeout=PATIENCE)

    def close(self, session_id: str) -> None:
        """Close a session."""
        self.stub.CloseFile(messages.CloseFileRequest(session_id=session_id), timeout=PATIENCE)

    def status(self, call: Callable[..., object], *arguments: Any, **fields: Any) -> str:  # noqa: ANN401
        """The name of the status that a call ends with; ``details`` has its text."""
        try:
            call(*arguments, **fields)
        except grpc.RpcError as error:
            return self._refused(error)
        return "OK"

    def _refused(self, error: grpc.RpcError) -> str:
        assert isinstance(error, grpc.Call)
        self.details = error.details() or ""
        assert 0 < len(self.details) < 2000
        return error.code().name


@contextmanager
def serving(root: Path | None = None, **options: Any) -> Generator[Logger, None, None]:  # noqa: ANN401
    """Serve on a free port."""
    servicer = JsonLoggerServicer(Root(root), **options)
    with served(partial(rpcs.add_JsonLoggerServicer_to_server, servicer)) as logger:
        yield logger
    servicer.table.close_all()


@contextmanager
def served(add_to: Callable[[grpc.Server], None]) -> Generator[Logger, None, None]:
    """Serve what is added."""
    server = grpc.server(ThreadPoolExecutor(64), options=[("grpc.so_reuseport", 0), *UNLIMITED])
    add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=UNLIMITED) as channel:
            yield Logger(rpcs.JsonLoggerStub(channel))
    finally:
        server.stop(0).wait()


@pytest.fixture
def logger() -> Generator[Logger, None, None]:
    with serving() as client:
        yield client


def records(log: Path) -> list[dict[str, Any]]:
    """The records of a log; it fails unless each is a line of its own."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


# Initialize


@pytest.mark.parametrize("behavior", [AUTO, NEW])
def test___no_log___initialize___made_and_new(
    logger: Logger, tmp_path: Path, behavior: int
) -> None:
    session, new = logger.initialize(tmp_path / "a.log", behavior)

    assert session
    assert new
    assert (tmp_path / "a.log").read_bytes() == b""


@pytest.mark.parametrize("name", ["a.log", "missing/a.log", "file/b.log", "dir", "a.bin"])
def test___no_session___attach___not_found_and_nothing_made(
    logger: Logger, tmp_path: Path, name: str
) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.iterdir())

    assert logger.status(logger.initialize, tmp_path / name, ATTACH) == "NOT_FOUND"

    assert sorted(tmp_path.iterdir()) == before


def test___open_session___initialized_again___the_matrix(logger: Logger, tmp_path: Path) -> None:
    session, _ = logger.initialize(tmp_path / "a.log", NEW)

    assert logger.initialize(tmp_path / "a.log", AUTO) == (session, False)
    assert logger.initialize(tmp_path / "a.log", ATTACH) == (session, False)
    assert logger.status(logger.initialize, tmp_path / "a.log", NEW) == "ALREADY_EXISTS"
    logger.log(session)
    logger.close(session)
    assert logger.status(logger.close, session) == "NOT_FOUND"
    assert logger.status(logger.log, session) == "NOT_FOUND"
    assert logger.initialize(tmp_path / "a.log", NEW)[1]
    assert len(records(tmp_path / "a.log")) == 1


@pytest.mark.parametrize("behavior", [3, -1, 99])
def test___unknown_behavior___initialize___invalid_before_anything_else(
    logger: Logger, tmp_path: Path, behavior: int
) -> None:
    assert logger.status(logger.initialize, tmp_path / "a.log", behavior) == "INVALID_ARGUMENT"
    assert logger.status(logger.initialize, "", behavior) == "INVALID_ARGUMENT"
    assert "behaviour" in logger.details
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("behavior", [AUTO, NEW, ATTACH])
@pytest.mark.parametrize("path", ["", "a\0.log", "/" + "x" * 5000 + ".log", "/" * 100_000])
def test___no_path___initialize___invalid(logger: Logger, path: str, behavior: int) -> None:
    assert logger.status(logger.initialize, path, behavior) == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "spelling", ["x/../a.log", "link/a.log", "linked.log", "hard.txt", "./a.log", "//a.log"]
)
def test___other_spelling_of_an_open_log___initialize___same_session(
    logger: Logger, tmp_path: Path, spelling: str
) -> None:
    (tmp_path / "a.log").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "linked.log").symlink_to("a.log")
    (tmp_path / "hard.txt").hardlink_to(tmp_path / "a.log")
    session, _ = logger.initialize(tmp_path / "a.log")

    assert logger.initialize(f"{tmp_path}/{spelling}") == (session, False)
    assert logger.initialize(f"{tmp_path}/{spelling}", ATTACH) == (session, False)


def test___name_differs_in_case___initialize___as_the_file_system_has_it(
    logger: Logger, tmp_path: Path
) -> None:
    session, _ = logger.initialize(tmp_path / "a.log")
    folds = (tmp_path / "A.LOG").exists()

    assert (logger.initialize(tmp_path / "A.LOG")[0] == session) is folds


@pytest.mark.parametrize("name", ["a.ndjson", "a.log", "a.txt", "a.NDJSON", "ä\u2028.Log", ".log"])
def test___suffix_of_a_log___initialize___new(logger: Logger, tmp_path: Path, name: str) -> None:
    assert logger.initialize(tmp_path / name)[1]
    assert (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["a", "a.json", "a.log.bak", "alog", "a.log ", "log", "a.bin"])
def test___other_suffix___initialize___invalid_with_those_that_are_right(
    logger: Logger, tmp_path: Path, name: str
) -> None:
    assert logger.status(logger.initialize, tmp_path / name) == "INVALID_ARGUMENT"
    assert ".ndjson, .log or .txt" in logger.details
    assert not list(tmp_path.iterdir())


def test___link_to_another_suffix___initialize___invalid_and_target_unchanged(
    logger: Logger, tmp_path: Path
) -> None:
    (tmp_path / "secret.key").write_text("key")
    (tmp_path / "a.log").symlink_to("secret.key")

    assert logger.status(logger.initialize, tmp_path / "a.log") == "INVALID_ARGUMENT"
    assert (tmp_path / "secret.key").read_text() == "key"


UNFIT: dict[str, Callable[[Path], object]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/full"),
    "circle": lambda path: path.symlink_to(path),
    "nowhere": lambda path: path.symlink_to(path.parent / "missing" / "a.log"),
    "no json": lambda path: path.write_text("no json\n"),
    "nan": lambda path: path.write_text('{"a":1}\n[NaN]\n'),
    "long name": lambda path: path.symlink_to("x" * 300 + ".log"),
}


@pytest.mark.parametrize("make", list(UNFIT.values()), ids=list(UNFIT))
@pytest.mark.parametrize("behavior", [AUTO, NEW])
def test___no_log_that_can_be_appended_to___initialize___invalid_at_once(
    logger: Logger, tmp_path: Path, make: Callable[[Path], object], behavior: int
) -> None:
    path = tmp_path / "a.log"
    make(path)

    assert logger.status(logger.initialize, path, behavior) == "INVALID_ARGUMENT"
    assert logger.status(logger.initialize, path, ATTACH) != "OK"


def test___folder_is_missing___initialize___invalid_with_remedy(
    logger: Logger, tmp_path: Path
) -> None:
    assert logger.status(logger.initialize, tmp_path / "x" / "a.log") == "INVALID_ARGUMENT"
    assert "make the folder" in logger.details
    (tmp_path / "file").touch()
    assert logger.status(logger.initialize, tmp_path / "file" / "a.log") == "INVALID_ARGUMENT"


def test___system_refuses___initialize___permission_denied(
    logger: Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, *_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)

    assert logger.status(logger.initialize, tmp_path / "a.log") == "PERMISSION_DENIED"
    assert "a.log" in logger.details


def test___nobody_foresaw_it___initialize___internal_and_logged(
    logger: Logger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(file_logger, "open_log", fail)

    assert logger.status(logger.initialize, tmp_path / "a.log") == "INTERNAL"
    assert "ZeroDivisionError" in caplog.text
    assert "Traceback" in caplog.text
    monkeypatch.undo()
    assert logger.initialize(tmp_path / "a.log", NEW)[1]


@pytest.mark.parametrize("behavior", [AUTO, NEW, ATTACH])
@pytest.mark.parametrize("name", ["../b.log", "/etc/passwd", "out/b.log", "out.log"])
def test___root___path_leads_out___denied_whatever_the_behavior(
    tmp_path: Path, name: str, behavior: int
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    (root / "out.log").symlink_to("../b.log")

    with serving(root) as logger:
        assert logger.status(logger.initialize, name, behavior) == "PERMISSION_DENIED"
        assert "another --root" in logger.details
        assert logger.initialize("b.log")[1]

    assert sorted(path.name for path in tmp_path.iterdir()) == ["root"]


def test___file_is_replaced_while_it_is_opened___initialize___session_of_the_new_one(
    logger: Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, left = tmp_path / "a.log", [1, 2]
    path.touch()

    def replace_first(*arguments: Any, **options: Any) -> object:  # noqa: ANN401
        if left:
            left.pop()
            (tmp_path / "new").touch()
            (tmp_path / "new").replace(path)
        return open_log(*arguments, **options)

    monkeypatch.setattr(file_logger, "open_log", replace_first)
    session, new = logger.initialize(path)
    logger.log(session)

    assert new
    assert len(records(path)) == 1


def test___file_is_replaced_again_and_again___initialize___invalid_and_nothing_open(
    logger: Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.log"

    def replace(*arguments: Any, **options: Any) -> object:  # noqa: ANN401
        (tmp_path / "new").touch()
        (tmp_path / "new").replace(path)
        return open_log(*arguments, **options)

    monkeypatch.setattr(file_logger, "open_log", replace)

    assert logger.status(logger.initialize, path) == "INVALID_ARGUMENT"
    monkeypatch.undo()
    assert logger.initialize(path, NEW)[1]


# Log


def test___record___logged___all_of_it_in_one_line(logger: Logger, tmp_path: Path) -> None:
    session, _ = logger.initialize(tmp_path / "a.log")

    logger.log(
        session,
        "Ünit\n",
        timestamp=Timestamp(seconds=1_700_000_000, nanos=123_456_789),
        measurement_configurations={"b": "2", "a": "1"},
        measurement_outputs={"x": "\u2028\x85"},
    )

    assert (tmp_path / "a.log").read_text(encoding="utf-8") == (
        '{"timestamp":"2023-11-14T22:13:20.123456Z","measurement_name":"Ünit\\n",'
        '"measurement_configurations":{"a":"1","b":"2"},'
        '"measurement_outputs":{"x":"\\u2028\\u0085"}}\n'
    )


@pytest.mark.parametrize(
    ("seconds", "nanos", "text"),
    [
        (0, 0, "1970-01-01T00:00:00.000000Z"),
        (-1, 999_999_999, "1969-12-31T23:59:59.999999Z"),
        (-62_135_596_800, 0, "0001-01-01T00:00:00.000000Z"),
        (253_402_300_799, 999_999_999, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test___timestamp_of_the_client___logged___kept(
    logger: Logger, tmp_path: Path, seconds: int, nanos: int, text: str
) -> None:
    session, _ = logger.initialize(tmp_path / "a.log")

    logger.log(session, timestamp=Timestamp(seconds=seconds, nanos=nanos))

    assert records(tmp_path / "a.log")[0]["timestamp"] == text


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [
        (-62_135_596_801, 0),
        (253_402_300_800, 0),
        (2**63 - 1, 0),
        (-(2**63), 0),
        (0, -1),
        (0, 10**9),
        (0, -(2**31)),
    ],
)
def test___timestamp_out_of_range___logged___invalid_and_nothing_written(
    logger: Logger, tmp_path: Path, seconds: int, nanos: int
) -> None:
    session, _ = logger.initialize(tmp_path / "a.log")
    timestamp = Timestamp(seconds=seconds, nanos=nanos)

    assert logger.status(logger.log, session, timestamp=timestamp) == "INVALID_ARGUMENT"
    assert "years 1 to 9999" in logger.details
    assert (tmp_path / "a.log").read_bytes() == b""
    logger.close(session)
    assert logger.status(logger.log, session, timestamp=timestamp) == "NOT_FOUND"


def test___no_timestamp___logged___time_of_the_server(logger: Logger, tmp_path: Path) -> None:
    session, _ = logger.initialize(tmp_path / "a.log")

    before = datetime.now(timezone.utc) - timedelta(microseconds=1)
    logger.log(session)
    after = datetime.now(timezone.utc) + timedelta(microseconds=1)

    written = records(tmp_path / "a.log")[0]["timestamp"]
    assert before <= datetime.fromisoformat(written.replace("Z", "+00:00")) <= after


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
MAPS = st.dictionaries(TEXTS, TEXTS)


def test___any_record___logged___one_line_that_reads_back(logger: Logger, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    session, _ = logger.initialize(log)

    @settings(deadline=None)
    @given(name=TEXTS, configurations=MAPS, outputs=MAPS, micros=st.integers(-(10**15), 10**15))
    @example(name="x" * 2**20, configurations={"": ""}, outputs={"y" * 2**20: "\0"}, micros=0)
    @example(name="\r\n\u2029\x1c\x7f\ufeff\U0010ffff", configurations={}, outputs={}, micros=-1)
    def check(
        name: str, configurations: dict[str, str], outputs: dict[str, str], micros: int
    ) -> None:
        logger.log(
            session,
            name,
            measurement_configurations=configurations,
            measurement_outputs=outputs,
            timestamp=Timestamp(seconds=micros // 10**6, nanos=micros % 10**6 * 1000),
        )

        (record,) = records(log)
        os.truncate(log, 0)
        assert record["measurement_name"] == name
        assert record["measurement_configurations"] == configurations
        assert record["measurement_outputs"] == outputs
        time = datetime.fromisoformat(record["timestamp"].replace("Z", "+00:00"))
        assert time == datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=micros)

    check()


def test___record_longer_than_a_line_may_be___logged___invalid_and_log_can_be_opened_again(
    logger: Logger, tmp_path: Path
) -> None:
    session, _ = logger.initialize(tmp_path / "a.log")

    assert logger.status(logger.log, session, "x" * 2**24) == "INVALID_ARGUMENT"
    logger.log(session, "x" * (2**24 - 200))
    logger.close(session)

    assert logger.initialize(tmp_path / "a.log", NEW)[1]
    assert (tmp_path / "a.log").read_bytes().count(b"\n") == 1


@pytest.mark.parametrize("session", ["", "never", "x" * 100_000, "\0", "ä" * 20_000])
def test___no_such_session___used___not_found_and_quoted_in_short(
    logger: Logger, session: str
) -> None:
    assert logger.status(logger.log, session) == "NOT_FOUND"
    assert logger.status(logger.close, session) == "NOT_FOUND"


def test___closed_session___id_used_again___successor_untouched(
    logger: Logger, tmp_path: Path
) -> None:
    old, _ = logger.initialize(tmp_path / "a.log")
    logger.close(old)
    successor, _ = logger.initialize(tmp_path / "a.log")

    assert logger.status(logger.close, old) == "NOT_FOUND"
    assert logger.status(logger.log, old) == "NOT_FOUND"
    logger.log(successor)
    assert len(records(tmp_path / "a.log")) == 1


# A log that disappears, a disk that is full


def by_rotation(log: Path) -> None:
    log.rename(log.with_name("a.log.1"))


def by_folder(log: Path) -> None:
    log.unlink()
    log.mkdir()


def by_other_file(log: Path) -> None:
    log.with_name("new").write_bytes(b'{"other":1}\n')
    log.with_name("new").replace(log)


@pytest.mark.parametrize("vanish", [Path.unlink, by_rotation, by_folder, by_other_file])
@pytest.mark.parametrize("open_files", [1, 512])
def test___log_is_gone___session_used___not_found(
    tmp_path: Path, vanish: Callable[[Path], object], open_files: int
) -> None:
    log = tmp_path / "a.log"
    with serving(open_files=open_files) as logger:
        first, second = (logger.initialize(tmp_path / name)[0] for name in ("a.log", "b.log"))
        logger.log(first)
        logger.log(second)
        vanish(log)

        assert logger.status(logger.log, first) == "NOT_FOUND"
        assert logger.status(logger.close, first) == "NOT_FOUND"
        assert logger.status(logger.initialize, log, ATTACH) == "NOT_FOUND"
        logger.log(second)
        assert len(records(tmp_path / "b.log")) == 2
    assert log.is_dir() or not log.exists() or log.read_bytes() == b'{"other":1}\n'


@pytest.mark.parametrize("behavior", [AUTO, NEW])
def test___log_was_rotated___initialize___new_session_and_new_file(
    logger: Logger, tmp_path: Path, behavior: int
) -> None:
    log = tmp_path / "a.log"
    old, _ = logger.initialize(log)
    logger.log(old, "old")
    log.rename(tmp_path / "a.log.1")

    session, new = logger.initialize(log, behavior)
    logger.log(session, "new")

    assert new
    assert session != old
    assert logger.status(logger.log, old) == "NOT_FOUND"
    assert [record["measurement_name"] for record in records(log)] == ["new"]
    assert len(records(tmp_path / "a.log.1")) == 1


def test___disk_is_full___logged___exhausted_then_usable_again(
    logger: Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = logger.initialize(tmp_path / "a.log")
    write, full = os.write, True

    def write_half(descriptor: int, data: bytes) -> int:
        if full and len(data) < 40:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:-30] if full else data)

    monkeypatch.setattr(os, "write", write_half)
    assert logger.status(logger.log, session, "lost") == "RESOURCE_EXHAUSTED"
    assert "a.log': No space left on device." in logger.details
    full = False
    logger.log(session, "kept")

    assert [record["measurement_name"] for record in records(tmp_path / "a.log")] == ["kept"]


def test___log_ends_torn___initialize___good_lines_kept_and_torn_one_moved(
    logger: Logger, tmp_path: Path
) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b'{"a":1}\n{"timesta')

    session, new = logger.initialize(log, NEW)
    logger.log(session)

    assert new
    assert records(log)[0] == {"a": 1}
    assert len(records(log)) == 2
    assert (tmp_path / "a.log.torn").read_bytes() == b'{"timesta\n'


def test___attach___open_log_has_another_line___never_read_again(
    logger: Logger, tmp_path: Path
) -> None:
    log = tmp_path / "a.log"
    session, _ = logger.initialize(log)
    log.write_bytes(b"no json")

    assert logger.initialize(log, AUTO) == (session, False)
    assert logger.initialize(log, ATTACH) == (session, False)


def test___client_gives_up_while_a_log_is_opened___later___nothing_is_left(
    logger: Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = threading.Event()

    def open_slowly(*arguments: Any, **options: Any) -> object:  # noqa: ANN401
        began.set()
        while arguments[-1]():  # until the server knows that the client has gone
            threading.Event().wait(0.001)
        return open_log(*arguments, **options)

    monkeypatch.setattr(file_logger, "open_log", open_slowly)
    request = messages.InitializeFileRequest(resource_name=str(tmp_path / "a.log"))
    lost = logger.stub.InitializeFile.future(request, timeout=PATIENCE)
    assert began.wait(PATIENCE)
    lost.cancel()
    monkeypatch.undo()

    assert logger.initialize(tmp_path / "a.log", NEW)[1]


# As a process


SERVER = "from session_reference.file_logger.server import main; main()"


@contextmanager
def process(
    *flags: str | Path, within: tuple[str, ...] = ()
) -> Generator[tuple[subprocess.Popen[str], Logger], None, None]:
    """Start the server as a process, perhaps within another command."""
    command = [*within, sys.executable, "-c", SERVER, "--discovery", "off", *flags]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    try:
        assert server.stdout
        line = server.stdout.readline()
        assert " serves on localhost:" in line
        address = line.partition(" serves on ")[2].strip().rstrip(".")
        with grpc.insecure_channel(address) as channel:
            yield server, Logger(rpcs.JsonLoggerStub(channel))
    finally:
        server.kill()
        server.communicate()


@pytest.fixture
def with_tiny_disk(tmp_path: Path) -> tuple[str, ...]:
    """What starts a process that has a disk of 64 KiB on ``tmp_path``, and nobody else has it."""
    mount = 'mount -t tmpfs -o size=64k tiny "$0" && exec "$@"'
    command = ("unshare", "--mount", "sh", "-c", mount, str(tmp_path))
    try:
        tried = subprocess.run([*command, "true"], capture_output=True, check=False, timeout=60)
    except FileNotFoundError:
        pytest.skip("there is no command unshare, which gives a process mounts of its own")
    if tried.returncode:
        pytest.skip(f"this account may not mount a disk: {tried.stderr.decode().strip()}")
    return command


@pytest.mark.parametrize("flags", [[], ["--durable"]])
def test___disk_is_really_full___logged___exhausted_then_usable_again(
    tmp_path: Path, with_tiny_disk: tuple[str, ...], flags: list[str]
) -> None:
    with process(*flags, within=with_tiny_disk) as (server, logger):
        disk = Path(f"/proc/{server.pid}/root{tmp_path}")
        session, _ = logger.initialize(tmp_path / "a.log")
        logger.log(session, "x" * 3000)
        with pytest.raises(OSError, match="No space"):
            (disk / "filler").write_bytes(bytes(2**20))

        answers = [logger.status(logger.log, session, f"{n}" + "y" * 500) for n in range(5)]
        assert set(answers[-3:]) == {"RESOURCE_EXHAUSTED"}
        assert logger.status(logger.initialize, tmp_path / "a.log", NEW) == "ALREADY_EXISTS"
        assert len(records(disk / "a.log")) == 1 + answers.count("OK")
        (disk / "filler").unlink()
        logger.log(session, "z" * 5000)

        assert len(records(disk / "a.log")) == 2 + answers.count("OK")


@pytest.mark.parametrize("round_number", range(3))
def test___eight_writers___server_is_killed___acknowledged_records_are_there_once_and_whole(
    tmp_path: Path, round_number: int
) -> None:
    log, acknowledged = tmp_path / "a.log", [set[str]() for _ in range(8)]
    enough = threading.Semaphore(0)

    def write(logger: Logger, session: str, writer: int) -> None:
        for count in range(100_000):
            name = f"{writer}-{count}-" + "x" * (count % 700)
            if logger.status(logger.log, session, name) != "OK":
                return
            acknowledged[writer].add(name)
            enough.release()

    with process() as (server, logger), ThreadPoolExecutor(8) as pool:
        session, _ = logger.initialize(log)
        for writer in range(8):
            pool.submit(write, logger, session, writer)
        for _ in range(random.Random(round_number).randrange(50, 500)):
            assert enough.acquire(timeout=PATIENCE)
        server.kill()

    with serving() as logger:
        logger.initialize(log, NEW)
    names = [record["measurement_name"] for record in records(log)]
    assert len(names) == len(set(names))
    assert set[str]().union(*acknowledged) <= set(names)


def test___flags___server_started___root_durable_and_open_files_count(tmp_path: Path) -> None:
    with process("--root", tmp_path, "--durable", "--open-files", "1") as (server, logger):
        session, _ = logger.initialize("a.log")
        other, _ = logger.initialize("b.log")
        logger.log(session)
        logger.log(other)
        assert logger.status(logger.initialize, tmp_path / ".." / "c.log") == "PERMISSION_DENIED"
        entries = Path(f"/proc/{server.pid}/fd").iterdir()
        assert sum(os.path.realpath(entry).startswith(str(tmp_path)) for entry in entries) == 1
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE) == 0

    assert len(records(tmp_path / "a.log")) == len(records(tmp_path / "b.log")) == 1


@pytest.mark.parametrize("durable", [True, False])
def test___durable_flag___logged___synced_if_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    synced: list[int] = []

    def host(service: Service, _: Options) -> None:
        with served(service.add_to) as logger:
            logger.log(logger.initialize(tmp_path / "a.log")[0])
        service.release()

    monkeypatch.setattr(file_logger, "host", host)
    monkeypatch.setattr(os, "fsync", synced.append)

    file_logger.main(["--durable"] if durable else [], standalone_mode=False)

    assert bool(synced) is durable


def test___service_config___read___names_what_clients_look_for() -> None:
    folder = Path(file_logger.__file__).parent

    info = read_service_config(folder / "JsonLogger.serviceconfig")

    assert info.service_class == "ni.logger.JSONLogService"
    assert info.provided_interfaces == ["ni.logger.v1.json"]
    assert (info.display_name, info.versions) == ("JSON Logger Service", ["1.0.0"])
