"""Reading .serviceconfig files: what is understood, and what is refused with its line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from session_fakes.discovery import ServiceConfig, read_serviceconfig
from session_fakes.errors import FakeError
from session_fakes.fidelity import holds

WHOLE = """\
{
  // What NI's guide prints has comments.
  "services": [
    {
      "displayName": "JSON // Logger", // the slashes in the name stay
      "version": "1.0.0",
      "serviceClass": "ni.logger.JSONLogService",
      "descriptionUrl": "https://example.com/\\"//\\"",
      "providedInterface": "ni.logger.v1.json",
      "path": "start.bat",
      "annotations": {"ni/service.tags": ["a", "b"], "ni/service.collection": "Log"}
    },
    { "displayName": "B", "serviceClass": "B", "providedInterfaces": ["I", "J"] }
  ]
}
"""


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "x.serviceconfig"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def one(folder: Path, **changes: object) -> ServiceConfig:
    entry: dict[str, object] = {
        "displayName": "C",
        "serviceClass": "C",
        "providedInterfaces": ["I"],
        **changes,
    }
    (config,) = read_serviceconfig(written(folder, json.dumps({"services": [entry]})))
    return config


def error_of(folder: Path, text: str | bytes) -> str:
    with pytest.raises(FakeError) as caught:
        read_serviceconfig(written(folder, text))
    return str(caught.value)


@holds("DISC-CONFIG-KEYS")
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test___comments_and_marks___read___gives_the_services(
    tmp_path: Path, mark: bytes, ends: str
) -> None:
    file = written(tmp_path, mark + WHOLE.replace("\n", ends).encode())

    first, second = read_serviceconfig(file)

    assert first.service.display_name == "JSON // Logger"
    assert first.service.versions == ("1.0.0",)
    assert first.service.service_class == "ni.logger.JSONLogService"
    assert first.service.provided_interfaces == ("ni.logger.v1.json",)
    assert first.service.description_url == 'https://example.com/"//"'
    assert first.service.annotations == {
        "ni/service.tags": '["a","b"]',
        "ni/service.collection": "Log",
    }
    assert (first.path, first.line, first.place) == ("start.bat", 4, f"{file}:4")
    assert second.service.provided_interfaces == ("I", "J")
    assert (second.service.version, second.path, second.line) == ("0.0.1", "", 13)


@holds("DISC-CONFIG-KEYS")
def test___both_interface_keys___read___gives_each_once(tmp_path: Path) -> None:
    config = one(tmp_path, providedInterfaces=["I", "J"], providedInterface="I")

    assert config.service.provided_interfaces == ("I", "J")


@holds("DISC-CONFIG-STRICT")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"services": [\n{"displayName": "A",\n}\n]}', ":2: a comma"),
        ('{"services": [\n{},\n]}', ":2: a comma"),
        ('{"services": [\n{"a" "b"}]}', ":2: this is not JSON"),
        ("{\n// only a comment\n", "this is not JSON"),
        ("", ":1: this is not JSON"),
        ("[" * 100_000, "JSON"),
        ("[1]", ":1: an object"),
        ("{}", ":1: 'services'"),
        ('{\n"services": []}', ":2: 'services'"),
        ('{\n"services": {}}', ":2: 'services'"),
        ('{"services":\n [1]}', ":2: an object"),
    ],
)
def test___a_wrong_form___read___is_refused_with_its_line(
    tmp_path: Path, text: str, said: str
) -> None:
    error = error_of(tmp_path, text)

    assert "x.serviceconfig" in error
    assert said in error


@holds("DISC-CONFIG-STRICT")
@pytest.mark.parametrize(
    ("removed", "added", "line", "said"),
    [
        ("displayName", "", 2, "no 'displayName'"),
        ("serviceClass", "", 2, "no 'serviceClass'"),
        ("providedInterfaces", "", 2, "no 'providedInterfaces'"),
        ("displayName", '"displayName": " "', 6, "'displayName' is empty"),
        ("serviceClass", '"serviceClass": 1', 6, "'serviceClass' has to be a text"),
        ("providedInterfaces", '"providedInterfaces": "I"', 6, "has to be a list"),
        ("providedInterfaces", '"providedInterfaces": []', 6, "has to be a list"),
        ("providedInterfaces", '"providedInterfaces": ["I",\n""]', 7, "an interface has to be"),
        ("providedInterfaces", '"providedInterface": ["I"]', 6, "an interface has to be"),
        ("", '"version": 1.0', 6, "'version' has to be a text"),
        ("", '"version": "1.0"', 6, "not of the form 1.2.3"),
        ("", '"version": "0.0.1"', 6, "reserved"),
        ("", '"path": null', 6, "'path' has to be a text"),
        ("", '"annotations": []', 6, "'annotations' has to be an object"),
        ("", '"serviceClass": "D"', 6, "line 4 already"),
    ],
)
def test___a_wrong_key___read___is_refused_with_its_line(
    tmp_path: Path, removed: str, added: str, line: int, said: str
) -> None:
    keys = ['"displayName": "C"', '"serviceClass": "C"', '"providedInterfaces": ["I"]', added]
    kept = [key if not removed or not key.startswith(f'"{removed}"') or key is added else '"x": 1'
            for key in keys]  # fmt: skip
    body = ",\n".join(key for key in kept if key)

    error = error_of(tmp_path, f'{{"services": [\n{{\n{body}\n}}]}}')

    assert said in error
    assert f"x.serviceconfig:{line}: " in error


@holds("DISC-CONFIG-STRICT")
def test___one_service_twice___read___is_refused_with_both_lines(tmp_path: Path) -> None:
    entry = '{"displayName": "C", "serviceClass": "C", "providedInterface": "I"}'

    error = error_of(tmp_path, f'{{"services": [\n{entry},\n{entry}\n]}}')

    assert "x.serviceconfig:3: 'C' stands on line 2" in error


@pytest.mark.parametrize("make", ["missing", "folder", "latin"])
def test___no_text_file___read___is_refused(tmp_path: Path, make: str) -> None:
    file = tmp_path / "x.serviceconfig"
    if make == "folder":
        file.mkdir()
    if make == "latin":
        file.write_bytes('{"a": "ü"}'.encode("latin-1"))

    with pytest.raises(FakeError, match=r"x\.serviceconfig"):
        read_serviceconfig(file)


@holds("DISC-START-SCRIPT")
@pytest.mark.parametrize("path", ["start.bat", "Start.CMD", "server.exe", "bin\\start.bat"])
def test___a_windows_script___command_elsewhere___is_the_shell_script_beside(
    tmp_path: Path, path: str
) -> None:
    config = one(tmp_path, path=path)
    script = (tmp_path / path.replace("\\", "/")).with_suffix(".sh")
    script.parent.mkdir(exist_ok=True)
    script.write_text("#!/bin/sh\n")

    script.chmod(0o755)
    assert config.command(windows=False) == (str(script),)
    script.chmod(0o644)
    if sys.platform != "win32":
        assert config.command(windows=False) == ("/bin/sh", str(script))


def test___a_windows_script___command_on_windows___is_itself(tmp_path: Path) -> None:
    (tmp_path / "start.bat").write_text("rem")

    config = one(tmp_path, path="start.bat")

    assert config.command(windows=True) == (str(tmp_path / "start.bat"),)
    assert config.folder == tmp_path


@holds("DISC-START-SCRIPT")
def test___no_script___command___says_which_is_missing(tmp_path: Path) -> None:
    (tmp_path / "start.bat").write_text("rem")

    with pytest.raises(FakeError) as caught:
        one(tmp_path, path="start.bat").command(windows=False)

    for part in ("x.serviceconfig:1", "start.sh", "'start.bat'", "Write that file"):
        assert part in str(caught.value)


def test___no_path___command___says_so(tmp_path: Path) -> None:
    with pytest.raises(FakeError, match="has no 'path'"):
        one(tmp_path).command()
