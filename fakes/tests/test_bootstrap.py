"""The bootstrap, tried on processes that know nothing of it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from session_fakes.bootstrap import DISCOVERY, FOLDER, REPORT, environment_for, read_report
from session_fakes.bootstrap.path import sitecustomize
from session_fakes.errors import FakeError

_ADDRESS = "localhost:50123"
_LOOK_UP = (
    "from ni.measurementlink.discovery.v1.client import _client, _support;"
    "print(_client._get_discovery_service_address(), _support._get_discovery_service_address())"
)


def _base(**more: str) -> dict[str, str]:
    ours = ("SESSION_FAKES_", "PYTHONPATH", "GRPC_", "MEASUREMENT_PLUGIN_")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    plain = {name: value for name, value in plain.items() if "proxy" not in name.lower()}
    return {**plain, **more}


def _run(code: str, environment: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *flags, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test___environment___made___finds_our_folder_first_and_keeps_the_rest() -> None:
    base = _base(PYTHONPATH=os.pathsep.join(["/a", str(FOLDER), "/b"]), SOME="thing")

    made = environment_for(_ADDRESS, base=base)

    assert made["PYTHONPATH"].split(os.pathsep) == [str(FOLDER), "/a", "/b"]
    assert made[DISCOVERY] == _ADDRESS
    assert made["SOME"] == "thing"
    assert base["PYTHONPATH"].startswith("/a")


def test___empty_pythonpath___environment_made___does_not_add_the_working_folder() -> None:
    assert environment_for(_ADDRESS, base=_base(PYTHONPATH=""))["PYTHONPATH"] == str(FOLDER)


def test___grpc_verbosity___unset_or_set___is_error_or_what_the_user_set() -> None:
    assert environment_for(_ADDRESS, base=_base())["GRPC_VERBOSITY"] == "ERROR"
    set_by_user = environment_for(_ADDRESS, base=_base(GRPC_VERBOSITY="DEBUG"))
    assert set_by_user["GRPC_VERBOSITY"] == "DEBUG"


def test___device_address___given_or_not___is_a_url_or_as_the_user_left_it() -> None:
    name = "MEASUREMENT_PLUGIN_GRPC_DEVICE_SERVER_ADDRESS"

    assert name not in environment_for(_ADDRESS, base=_base())
    assert environment_for(_ADDRESS, base=_base(**{name: "x"}))[name] == "x"
    for given in ("localhost:9", "http://localhost:9"):
        made = environment_for(_ADDRESS, base=_base(), device_address=given)
        assert made[name] == "http://localhost:9"


def test___no_proxy_in_use___environment_made___says_nothing_of_proxies() -> None:
    assert "no_proxy" not in environment_for(_ADDRESS, base=_base())


def test___a_proxy___environment_made___keeps_loopback_from_it_and_the_users_hosts() -> None:
    made = environment_for(_ADDRESS, base=_base(http_proxy="http://p:1", no_proxy="corp,localhost"))
    assert made["no_proxy"] == "corp,localhost,127.0.0.1,::1"
    assert made["http_proxy"] == "http://p:1"


@pytest.mark.skipif(os.name == "nt", reason="variables have no case there")
def test___no_proxy_in_capitals___environment_made___a_new_no_proxy_says_the_same() -> None:
    made = environment_for(_ADDRESS, base=_base(http_proxy="http://p:1", NO_PROXY="corp"))
    assert made["no_proxy"] == made["NO_PROXY"] == "corp,localhost,127.0.0.1,::1"


def test___grpcs_own_list___environment_made___gets_loopback_too() -> None:
    made = environment_for(_ADDRESS, base=_base(grpc_proxy="http://p:1", no_grpc_proxy="corp"))
    assert made["no_grpc_proxy"] == "corp,localhost,127.0.0.1,::1"


def test___report___not_asked_for___an_inherited_one_is_left_out() -> None:
    assert REPORT not in environment_for(_ADDRESS, base=_base(**{REPORT: "/of/another/run"}))


@pytest.mark.parametrize("address", ["", "localhost", "localhost:", ":1", "a b:1", "http://a:1"])
def test___no_address___environment_made___refuses_it(address: str) -> None:
    with pytest.raises(FakeError, match=r"host:port"):
        environment_for(address, base=_base())


def test___folder_on_the_path___listed___holds_one_importable_file() -> None:
    assert [each.name for each in FOLDER.iterdir() if each.name != "__pycache__"] == [
        "sitecustomize.py"
    ]


def test___bootstrap___read___is_python_3_9_and_imports_the_standard_library_only() -> None:
    tree = ast.parse((FOLDER / "sitecustomize.py").read_text("utf-8"), feature_version=(3, 9))

    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names


def test___unmodified_process___asks_for_discovery___gets_the_fake() -> None:
    done = _run(_LOOK_UP, environment_for(_ADDRESS, base=_base()))
    assert done.stdout.split() == [_ADDRESS, _ADDRESS], done.stderr


def test___process_without_the_variable___started___is_left_alone() -> None:
    environment = environment_for(_ADDRESS, base=_base())
    del environment[DISCOVERY]

    done = _run("import sys; print([type(f).__name__ for f in sys.meta_path])", environment)

    assert done.returncode == 0
    assert "_Bootstrap" not in done.stdout


def test___child_of_a_child___asks_for_discovery___gets_the_fake() -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_LOOK_UP!r}])"
    assert _run(code, environment_for(_ADDRESS, base=_base())).stdout.split() == [_ADDRESS] * 2


def test___sdk_2_layout___asks_for_discovery___gets_the_fake(tmp_path: Path) -> None:
    package = tmp_path / "ni_measurement_plugin_sdk_service"
    name = "_get_discovery_service_address"
    _write(package / "__init__.py", "")
    _write(package / "discovery" / "__init__.py", "")
    _write(package / "discovery" / "_support.py", f"def {name}(): return 'the real one'\n")
    _write(
        package / "discovery" / "_client.py",
        f"from {package.name}.discovery._support import {name}\n",
    )
    code = f"from {package.name}.discovery import _client; print(_client.{name}())"

    done = _run(code, environment_for(_ADDRESS, base=_base(PYTHONPATH=str(tmp_path))))

    assert done.stdout.strip() == _ADDRESS, done.stderr


def test___bad_address___asked_for_discovery___fails_and_never_asks_the_real_one() -> None:
    environment = {**environment_for(_ADDRESS, base=_base()), DISCOVERY: "nowhere"}
    assert f"ValueError: {DISCOVERY} is 'nowhere'" in _run(_LOOK_UP, environment).stderr


def test___another_sitecustomize___hidden_by_ours___runs_and_is_the_one_to_import(
    tmp_path: Path,
) -> None:
    _write(tmp_path / "sitecustomize.py", "import sys\nsys.flag_of_user = __file__\n")
    environment = environment_for(_ADDRESS, base=_base(PYTHONPATH=str(tmp_path)))
    code = "import sys, sitecustomize; print(sys.flag_of_user == sitecustomize.__file__);"

    for variables in (environment, {**environment, DISCOVERY: ""}):
        done = _run(code, variables)
        assert done.stdout.strip() == "True", done.stderr
    assert _ADDRESS in _run(code + _LOOK_UP, environment).stdout


def test___another_sitecustomize___fails___python_reports_it_as_without_us(tmp_path: Path) -> None:
    _write(tmp_path / "sitecustomize.py", "raise ValueError('of the user')\n")
    plain = _base(PYTHONPATH=str(tmp_path))

    ours = _run(_LOOK_UP, environment_for(_ADDRESS, base=plain))

    assert ours.stdout.split() == [_ADDRESS] * 2
    assert ours.stderr == _run("", plain).stderr
    assert "of the user" in ours.stderr


def test___sitecustomize_that_imports_ours_again___started___hooks_once(tmp_path: Path) -> None:
    other = (
        "import sys; sys.path.remove({!r}); del sys.modules['sitecustomize']; import sitecustomize"
    )
    _write(tmp_path / "sitecustomize.py", other.format(str(tmp_path)))
    environment = environment_for(_ADDRESS, base=_base(PYTHONPATH=str(tmp_path)))

    done = _run("import sys; print([type(f).__name__ for f in sys.meta_path])", environment)

    assert done.stdout.count("_Bootstrap") == 1, done.stderr


def test___report___asked_for___names_process_python_and_what_was_patched(tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"

    done = _run(
        f"import os; print(os.getpid());{_LOOK_UP}",
        environment_for(_ADDRESS, base=_base(), report=report),
    )

    (process,) = read_report(report)
    assert process.pid == int(done.stdout.split()[0])
    assert process.python == ".".join(str(part) for part in sys.version_info[:3])
    assert process.executable == sys.executable
    assert any(name.endswith("_client._get_discovery_service_address") for name in process.patched)
    assert process.errors == ()


def test___no_report___read___is_empty(tmp_path: Path) -> None:
    assert read_report(tmp_path / "none.jsonl") == ()


def test___sdk_unlike_those_we_know___imported___is_reported_and_works_as_it_is(
    tmp_path: Path,
) -> None:
    package = tmp_path / "ni_measurement_plugin_sdk_service"
    _write(package / "__init__.py", "")
    _write(package / "discovery" / "__init__.py", "")
    _write(package / "discovery" / "_client.py", "found = 'otherwise'\n")
    report = tmp_path / "report.jsonl"
    environment = environment_for(_ADDRESS, base=_base(PYTHONPATH=str(tmp_path)), report=report)

    done = _run(f"from {package.name}.discovery import _client; print(_client.found)", environment)

    assert done.stdout.strip() == "otherwise"
    (error,) = read_report(report)[0].errors
    assert "_get_discovery_service_address" in error


def test___report_that_cannot_be_written___process_started___runs_all_the_same(
    tmp_path: Path,
) -> None:
    done = _run(_LOOK_UP, environment_for(_ADDRESS, base=_base(), report=tmp_path / "no" / "file"))
    assert (done.returncode, done.stderr) == (0, "")


def test___patched_module___looked_at___has_its_own_loader_and_survives_a_reload() -> None:
    code = (
        "import importlib, inspect, json;"
        "from ni.measurementlink.discovery.v1.client import _client as c;"
        "c = importlib.reload(c);"
        "kinds = [type(c.__loader__).__name__, type(c.__spec__.loader).__name__];"
        "source = len(inspect.getsource(c)) > 99;"
        "print(json.dumps([*kinds, c._get_discovery_service_address(), source]))"
    )
    done = _run(code, environment_for(_ADDRESS, base=_base()))
    expected = ["SourceFileLoader", "SourceFileLoader", _ADDRESS, True]
    assert json.loads(done.stdout) == expected, done.stderr


@pytest.mark.parametrize("flag", ["-I", "-E", "-S"])
def test___isolated_python___started___is_not_reached(flag: str, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    _run("", environment_for(_ADDRESS, base=_base(), report=report), flag)
    assert read_report(report) == ()


def _hosted(monkeypatch: pytest.MonkeyPatch, *, ipv6: bool) -> tuple[ModuleType, Any, list[str]]:
    """NI's plug-in host, its gRPC as it was, and what the reports say."""
    monkeypatch.setattr(sitecustomize, "has_ipv6_loopback", lambda: ipv6)
    bound: list[str] = []
    grpc = SimpleNamespace(
        server=lambda: SimpleNamespace(add_insecure_port=bound.append), StatusCode="as it was"
    )
    module = ModuleType(sitecustomize.HOST)
    module.__dict__["grpc"] = grpc
    hook = sitecustomize.Hook(_ADDRESS, lambda _, text: bound.append(text))
    hook.patch(module)
    return module, grpc, bound


def test___no_ipv6_loopback___plug_in_hosted___listens_on_ipv4(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module, _, bound = _hosted(monkeypatch, ipv6=False)

    module.grpc.server().add_insecure_port("[::1]:0")

    assert bound[-1] == "127.0.0.1:0"
    assert "127.0.0.1 in place of [::1]" in bound[0]
    assert module.grpc.StatusCode == "as it was"


def test___ipv6_loopback___plug_in_hosted___nothing_is_patched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module, grpc, bound = _hosted(monkeypatch, ipv6=True)
    assert module.grpc is grpc
    assert bound == []
