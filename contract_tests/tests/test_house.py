"""The rules of the house: who imports whom, what each package ships, what the README promises."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
ROOMS = {
    "session_spec": "spec",
    "session_reference": "reference_impl",
    "session_contract": "contract_tests",
    "session_fakes": "fakes",
}
NI = {"ni", "ni_grpc_extensions", "ni_measurement_plugin_sdk_service"}
GRPC = {"click", "grpc", "google"}

MAY_IMPORT: dict[str, set[str]] = {
    "session_spec": set(),
    "session_reference": GRPC | NI | {"grpc_reflection", "grpc_health"},
    "session_fakes": GRPC | NI,
    "session_contract": GRPC | {"session_spec", "pytest", "hypothesis"},
}
"""What each package may import besides the standard library and itself."""

DRIVERS = {"nidaqmx", "nidcpower", "nidigital", "nidmm", "nifgen", "niscope", "niswitch"}
EXCEPTIONS: dict[tuple[str, str], set[str]] = {
    ("session_fakes", "pytest_plugin.py"): {"pytest"},
    ("session_fakes", "device/"): DRIVERS,
    ("session_contract", "environment.py"): {"session_fakes"},
    # A station is judged by NI's messages and stubs, and by NI's own clients.
    ("session_contract", "station/"): NI,
    ("session_contract", "checks/station/"): NI,
    # A device server is judged with the descriptors of NI's drivers, and with these as clients.
    ("session_contract", "driver/"): DRIVERS,
    ("session_contract", "sequences/environment.py"): {"session_fakes"},
    # What a new project is made of, which is never imported.
    ("session_contract", "scaffold/template/"): NI | {"gadget_service"},
    # Tests that travel with a copy.
    ("session_reference", "file_logger/tests/"): {"pytest"},
    ("session_reference", "custom_instrument/tests/"): {"pytest"},
}
"""What single modules or folders of a package may import beyond that."""


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The top-level packages that a module imports absolutely, with the lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0], node.lineno


def trespasses(package: str, folder: Path) -> list[str]:
    """The imports of a package that the rules do not allow, as ``file:line imports name``."""
    found: list[str] = []
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder).as_posix()
        allowed = MAY_IMPORT[package] | {package} | set(sys.stdlib_module_names)
        for (owner, place), names in EXCEPTIONS.items():
            if owner == package and inside.startswith(place):
                allowed |= names
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [
            f"{inside}:{n} imports {name}" for name, n in imports(tree) if name not in allowed
        ]
    return found


@pytest.mark.parametrize("package", ROOMS)
def test___package___its_imports___are_those_of_the_rules(package: str) -> None:
    assert trespasses(package, HOUSE / ROOMS[package] / package) == []


@pytest.mark.parametrize(
    ("package", "place", "line", "found"),
    [
        ("session_spec", "a.py", "import click", ["a.py:1 imports click"]),
        ("session_spec", "a.py", "import json", []),
        ("session_reference", "a.py", "def f():\n    from session_spec import load", ["a.py:2"]),
        ("session_reference", "a.py", "from .session_spec import load", []),
        ("session_fakes", "a.py", "import pytest", ["a.py:1 imports pytest"]),
        ("session_fakes", "pytest_plugin.py", "import pytest", []),
        ("session_fakes", "device/dmm.py", "import nidmm", []),
        ("session_fakes", "pins.py", "import nidmm", ["pins.py:1 imports nidmm"]),
        ("session_contract", "a.py", "import session_reference.x", ["a.py:1 imports session_ref"]),
        ("session_contract", "a.py", "import session_fakes", ["a.py:1 imports session_fakes"]),
        ("session_contract", "environment.py", "import session_fakes", []),
    ],
)
def test___forbidden_import___looked_for___is_found(
    tmp_path: Path, package: str, place: str, line: str, found: list[str]
) -> None:
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(line, encoding="utf-8")

    reported = trespasses(package, tmp_path)

    assert len(reported) == len(found)
    assert all(r.startswith(f) for r, f in zip(reported, found, strict=True))


@pytest.mark.parametrize("package", ROOMS)
def test___package___looked_at___has_marker_readme_and_docstring(package: str) -> None:
    room = HOUSE / ROOMS[package]

    assert (room / package / "py.typed").exists()
    assert (room / "README.md").read_text(encoding="utf-8").startswith("# ")
    assert ast.get_docstring(
        ast.parse((room / package / "__init__.py").read_text(encoding="utf-8"))
    )


DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "[a-z]*/README.md", "spec/guides/*.md")
    for path in HOUSE.glob(pattern)
)


def nox_sessions() -> set[str]:
    """The sessions that noxfile.py defines."""
    tree = ast.parse((HOUSE / "noxfile.py").read_text(encoding="utf-8"))
    return {n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.decorator_list}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(HOUSE).as_posix())
def test___document___sessions_and_commands_it_names___exist(path: Path) -> None:
    from session_contract.cli import cli

    text = path.read_text(encoding="utf-8")
    sessions = re.findall(r"(?:nox|noxfile\.py) -s ([a-z]+)", text)
    commands = re.findall(r"session-contract ([a-z]+)\b(?! =)", "\n".join(code_of(text)))

    assert set(sessions) <= nox_sessions()
    assert set(commands) <= set(cli.commands)


def code_of(text: str) -> list[str]:
    """What stands in code spans and blocks."""
    return re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)


def test___readme___number_of_wrong_implementations___is_that_of_the_matrix() -> None:
    matrix = json.loads((HOUSE / "contract_tests/kill_matrix.json").read_text(encoding="utf-8"))
    readme = (HOUSE / "README.md").read_text(encoding="utf-8")

    assert f"{len(matrix['rows'])} wrong servers, clients" in readme
    assert {row["outcome"] for row in matrix["rows"]} == {"killed"}
