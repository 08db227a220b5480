"""NI's own Discovery beside a fake station: what counts as one, and who is refused beside it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from session_fakes import real_discovery
from session_fakes.cli import main
from session_fakes.errors import FakeError
from session_fakes.real_discovery import BESIDE_NI, is_running, key_file, refuse_beside
from session_fakes.redirect import redirected
from session_fakes.station import FakeStation


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user of these tests may have said it."""
    monkeypatch.delenv(BESIDE_NI, raising=False)


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Something that listens where a key file says that NI's Discovery does."""
    path = tmp_path / "MeasurementLink" / "Discovery" / "v1" / "DiscoveryService.json"
    path.parent.mkdir(parents=True)
    monkeypatch.setattr(real_discovery, "_public_data", lambda: tmp_path)
    for name in ("NIDiscovery_ClusterId", "ClusterId"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        path.write_text(f'{{"InsecurePort": "{port}", "SecurePort": 1}}', encoding="utf-8-sig")
        yield path


def locked(_: Path) -> bytes:
    """What a file does on Windows that its owner holds open."""
    raise PermissionError(13, "The process cannot access the file")


def test___port_that_answers___asked___runs(real: Path) -> None:
    assert is_running(real)
    assert real.exists()


def test___file_held_by_its_owner___asked___runs(real: Path) -> None:
    assert is_running(real, read=locked, answers=lambda _: False)


@pytest.mark.parametrize(
    "left",
    [
        b'{"InsecurePort": 5}', b'{"InsecurePort": "5"}', b"", b"{", b"[]", b"7", b"\xff",
        b'{"SecurePort": 5}', b'{"InsecurePort": "x"}', b'{"InsecurePort": null}',
    ],
)  # fmt: skip
def test___file_left_over___asked___does_not_run(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "DiscoveryService.json"
    path.write_bytes(left)

    assert not is_running(path, answers=lambda _: False)
    assert path.read_bytes() == left


@pytest.mark.parametrize("port", [0, -1, 70000])
def test___port_that_is_none___asked___does_not_run(tmp_path: Path, port: int) -> None:
    path = tmp_path / "DiscoveryService.json"
    path.write_text(f'{{"InsecurePort": {port}}}', encoding="utf-8")

    assert not is_running(path)


def test___no_file___asked___does_not_run(tmp_path: Path) -> None:
    assert not is_running(tmp_path / "DiscoveryService.json")


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "DiscoveryService.json"),
        ({"NIDiscovery_ClusterId": "a", "ClusterId": "b"}, "DiscoveryService_a.json"),
        ({"NIDiscovery_ClusterId": "", "ClusterId": "b"}, "DiscoveryService_b.json"),
        ({"ClusterId": ""}, "DiscoveryService_.json"),
    ],
)
def test___cluster___key_file___is_the_one_that_nis_client_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], name: str
) -> None:
    monkeypatch.setattr(real_discovery, "_public_data", lambda: tmp_path)

    assert key_file(environ) == tmp_path / "MeasurementLink" / "Discovery" / "v1" / name


@pytest.mark.skipif(sys.platform == "win32", reason="NI's software may be installed there")
def test___no_windows___key_file___there_is_none() -> None:
    assert key_file({"ClusterId": "a"}) is None


def test___running___refuse_beside___says_where_and_what_to_do(real: Path) -> None:
    with pytest.raises(FakeError) as caught:
        refuse_beside()

    for part in (str(real), "--beside-ni", f"{BESIDE_NI}=1", "stop NI's services"):
        assert part in str(caught.value)


def test___stopped___refuse_beside___lets_pass(real: Path) -> None:
    real.write_text("{}", encoding="utf-8")

    refuse_beside()


@pytest.mark.parametrize("word", ["1", "true", "YES", "on"])
@pytest.mark.usefixtures("real")
def test___running_and_told___refuse_beside___lets_pass(word: str) -> None:
    refuse_beside(environ={BESIDE_NI: word})
    refuse_beside(beside_ni=True)


@pytest.mark.parametrize("word", ["", "0", "false", "no"])
@pytest.mark.usefixtures("real")
def test___running_and_told_no___refuse_beside___refuses(word: str) -> None:
    with pytest.raises(FakeError, match="NI's own Discovery runs"):
        refuse_beside(environ={BESIDE_NI: word})


@pytest.mark.usefixtures("real")
def test___running___redirected___refuses_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(sys.meta_path)

    with pytest.raises(FakeError, match="NI's own Discovery runs"), redirected("localhost:1"):
        pass
    assert sys.meta_path == before

    with redirected("localhost:1", beside_ni=True):
        assert sys.meta_path != before
    with FakeStation() as station:
        with pytest.raises(FakeError, match="beside_ni=True"), station.installed():
            pass
        with station.installed(beside_ni=True):
            assert sys.meta_path != before

    monkeypatch.setenv(BESIDE_NI, "1")
    with redirected("localhost:1"):
        assert sys.meta_path != before


def _nothing(*_: object, **__: object) -> None:
    """Instead of a station that stays."""


def ended(*arguments: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> int | str | None:
    """Run session-fakes in this process; return its exit code."""
    monkeypatch.setenv("SESSION_FAKES_READY_FILE", str(tmp_path / "ready.json"))
    monkeypatch.setattr(sys, "argv", ["session-fakes", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    return exit_.value.code


@pytest.mark.usefixtures("real")
def test___running___run___refuses_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--", sys.executable, "-c", "print('it ran')"]

    refused = ended("run", *command, monkeypatch=monkeypatch, tmp_path=tmp_path)
    said = capsys.readouterr()
    told = ended("run", "--beside-ni", *command, monkeypatch=monkeypatch, tmp_path=tmp_path)

    assert (refused, told) == (2, 0)
    assert "NI's own Discovery runs" in said.err
    assert not (tmp_path / "ready.json").exists()


@pytest.mark.usefixtures("real")
def test___running___up___refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("session_fakes.cli.up._show", _nothing)

    assert ended("up", monkeypatch=monkeypatch, tmp_path=tmp_path) == 2
    assert "--beside-ni" in capsys.readouterr().err


def test___running___doctor___notes_it(
    real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended("doctor", monkeypatch=monkeypatch, tmp_path=tmp_path)

    printed = capsys.readouterr().out
    assert f"NI's Discovery: it runs here (its key file is {real})" in printed
    assert "--beside-ni" in printed
