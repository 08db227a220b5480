"""The mutation tester, tried on a tiny module."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mutation import mutate
from mutation.mutants import Mutant, mutants_of

SCRIPT = Path(mutate.__file__)
TINY = "def sign(n: int) -> int:\n    if n < 0:\n        return -1\n    return 1\n"
FULL = (
    "import tiny\n\ndef test_all():\n    assert [tiny.sign(n) for n in (-1, 0, 1)] == [-1, 1, 1]\n"
)
PART = "import tiny\n\ndef test_some():\n    assert [tiny.sign(n) for n in (-2, 2)] == [-1, 1]\n"


class Bench:
    """A tiny project: one module in a source root, and its tests beside it."""

    def __init__(self, folder: Path, tests: str, source: str = TINY) -> None:
        (folder / "src").mkdir()
        (folder / "checks").mkdir()
        self.folder = folder
        self.module = folder / "src" / "tiny.py"
        self.tests = folder / "checks" / "test_tiny.py"
        self.explained = folder / "explained.json"
        self.results = folder / "results.jsonl"
        self.module.write_text(source, encoding="utf-8")
        self.tests.write_text(tests, encoding="utf-8")
        self.explain()

    def explain(self, *entries: dict[str, str]) -> None:
        """Write the list of explained survivors."""
        self.explained.write_text(json.dumps(entries), encoding="utf-8")

    def arguments(self, *more: str) -> list[str]:
        """The command line."""
        return [
            *(str(self.module), "--tests", str(self.tests), "--jobs", "1", "--explained"),
            *(str(self.explained), "--results", str(self.results), *more),
        ]

    def run(self, *more: str) -> int:
        """Run the tool here."""
        return mutate.main(self.arguments(*more))

    def rows(self) -> list[dict[str, Any]]:
        """The results that were written."""
        return [json.loads(line) for line in self.results.read_text(encoding="utf-8").splitlines()]

    def boundary(self) -> dict[str, str]:
        """The mutant that PART does not notice, as an explanation."""
        found = [m for m in mutants_of(self.module, "tiny") if ":compare:" in m.id]
        return {"mutant": found[0].id, "change": found[0].change, "why": "zero never comes"}


def mutants(folder: Path, source: str) -> list[Mutant]:
    path = folder / "some.py"
    path.write_text(source, encoding="utf-8")
    return list(mutants_of(path, "some"))


def changes(folder: Path, source: str) -> set[str]:
    return {f"{m.id.split(':')[2]}: {m.change}" for m in mutants(folder, source)}


# Which mutants there are --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("f()", {"delete: f() => pass"}),
        ("while f(x):\n    g", {
            "negate: while f(x): => while not f(x):", "true: while f(x): => while True:",
            "false: while f(x): => while False:", "delete: g => pass",
        }),
        ("if a is b:\n    pass", {
            "true: if a is b: => if True:", "false: if a is b: => if False:",
            "compare: if a is b: => if a is not b:",
        }),
        ("assert not a", {
            "delete: assert not a => pass", "negate: assert not a => assert a",
            "false: assert not a => assert False",
        }),
        ("[n for n in f if n <= m]", {
            "delete: [n for n in f if n <= m] => pass",
            "compare: [n for n in f if n <= m] => [n for n in f if n < m]",
            "negate: [n for n in f if n <= m] => [n for n in f if not n <= m]",
            "true: [n for n in f if n <= m] => [n for n in f if True]",
            "false: [n for n in f if n <= m] => [n for n in f if False]",
        }),
        ("x[a and b and c]", {
            "delete: x[a and b and c] => pass",
            "and-or: x[a and b and c] => x[a or b or c]",
            "operand: x[a and b and c] => x[b and c]",
            "operand: x[a and b and c] => x[a and c]",
            "operand: x[a and b and c] => x[a and b]",
        }),
        ("def f():\n    return g", {"delete: return g => pass", "return: return g => return None"}),
        ("def f() -> bool:\n    return g", {
            "delete: return g => pass", "return: return g => return True",
            "return: return g => return False",
        }),
        ("def f() -> bool:\n    return True", {
            "delete: return True => pass", "flip: return True => return False",
        }),
        ("a = 1", {"delete: a = 1 => pass", "number: a = 1 => a = 2"}),
        ("a = 'x'", {"delete: a = 'x' => pass", "string: a = 'x' => a = 'mutant'"}),
        ("with lock:\n    pass", {"with: with lock: => if True:"}),
        ("with open(p) as f, lock:\n    pass", {
            "with: with open(p) as f, lock: ... => if True: ...",
            "with: with open(p) as f, lock: => with open(p) as f:",
        }),
        (("a: 'T' = g\ndef f(x: 'T') -> 'T':\n    'Doc.'\nclass C:\n    ...\nimport os\n@d(1)\n"
         "def h():\n    pass\nif TYPE_CHECKING:\n    T = 1\n"
         "__all__ = ['C']"), {"delete: a: 'T' = g => pass"}),
    ],
)  # fmt: skip
def test___statement___mutated___all_its_changes(
    tmp_path: Path, source: str, expected: set[str]
) -> None:
    found = changes(tmp_path, source)

    assert {c for c in found if "..." not in c} == {c for c in expected if "..." not in c}
    assert len(found) == len(expected)


def test___with_that_names_its_manager___dropped___name_is_still_bound(tmp_path: Path) -> None:
    (found,) = (m for m in mutants(tmp_path, "with f() as g:\n    pass") if ":with:" in m.id)

    assert found.source == "if True:\n    g = f()\n    pass"


def test___messages___mutated___marked_as_text(tmp_path: Path) -> None:
    source = "f('NOT_FOUND', 'no such file', f'{a} {b}', f'the file {a or 1}')"

    marked = {m.after for m in mutants(tmp_path, source) if m.text}
    plain = {m.after for m in mutants(tmp_path, source) if not m.text}

    assert plain == {"pass", source.replace("NOT_FOUND", "mutant")}
    assert source.replace("no such file", "mutant") in marked
    assert source.replace("or 1", "or 2") in marked
    assert len(marked) == 7


def test___unrelated_edit___mutated_again___ids_stay(tmp_path: Path) -> None:
    edited = "import os\n\n# New.\nA = 7\n\n\n" + TINY.replace("return 1", "f()\n    return 1")

    before = {m.id for m in mutants(tmp_path, TINY)}
    after = {m.id for m in mutants(tmp_path, edited)}

    assert before < after


def test___equal_lines_in_a_function___mutated___ids_differ(tmp_path: Path) -> None:
    found = [m.id for m in mutants(tmp_path, "def f():\n    g()\n    h()\n    g()\n")]

    assert len(found) == len(set(found)) == 3
    assert [i.split(":")[3] for i in found] == ["1", "1", "2"]


# What a run says ----------------------------------------------------------------------------------


def test___full_tests___run___all_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(tmp_path, FULL)

    code = bench.run()

    assert code == 0
    assert f"tiny: {len(bench.rows())} of {len(bench.rows())} killed" in capsys.readouterr().out
    assert all(row["by"].endswith("test_all") for row in bench.rows())


def test___gap_in_the_tests___run___survivor_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(tmp_path, PART)

    code = bench.run("--only", ":compare:")

    out = capsys.readouterr().out
    assert code == 1
    assert "  - if n < 0:\n  + if n <= 0:\n  NOT EXPLAINED" in out
    assert "0 of 1 killed" in out
    assert "part of the mutants" in out


def test___explained_survivor___run___green(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PART)
    bench.explain(bench.boundary())

    assert bench.run("--only", ":compare:") == 0


@pytest.mark.parametrize("part", ["mutant", "change"])
def test___explanation_of_another_change___run___red(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    bench = Bench(tmp_path, PART)
    entry = bench.boundary()
    bench.explain({**entry, part: entry[part] + "0"})

    assert bench.run("--only", ":compare:") == 1
    out = capsys.readouterr().out
    assert "NOT EXPLAINED" in out
    assert "Stale explanation" in out


def test___explained_mutant_that_is_killed___run___stale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(tmp_path, FULL)
    bench.explain(bench.boundary())

    assert bench.run("--only", ":compare:") == 1
    assert "Stale explanation: tiny:sign:compare" in capsys.readouterr().out


def test___explanation_without_reason___run___refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PART)
    bench.explain({**bench.boundary(), "why": " "})

    assert bench.run() == 2


# What a run leaves alone, and what it refuses -----------------------------------------------------


def test___run___over___sources_unchanged_and_nothing_left(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FULL)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    bench.run("--only", ":delete:")

    after = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert after.pop(bench.results)
    assert after == before


def test___tests_that_fail_as_it_is___run___refused_with_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(tmp_path, "def test_red():\n    assert 1 == 2\n")

    assert bench.run() == 2
    assert "assert 1 == 2" in capsys.readouterr().err
    assert not bench.results.exists() or not bench.rows()


def test___tests_that_import_the_original___run___refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(tmp_path / "src")
    bench = Bench(tmp_path, f"import sys\nsys.path.insert(0, {source!r})\n{FULL}")

    assert bench.run() == 2
    assert "not from the mutated copy" in capsys.readouterr().err


def test___no_mutant_of_that_name___run___refused(tmp_path: Path) -> None:
    assert Bench(tmp_path, FULL).run("--only", "nothing") == 2


def test___list___asked___runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = Bench(tmp_path, FULL)

    assert bench.run("--list") == 0
    assert "if n < 0: => if n <= 0:" in capsys.readouterr().out
    assert not bench.results.exists()


# Interruption -------------------------------------------------------------------------------------


def test___torn_results___run_again___only_the_rest_is_tested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(tmp_path, FULL)
    bench.run("--only", ":return:")
    bench.run("--only", ":delete:")
    whole = bench.results.read_text(encoding="utf-8")
    rows = bench.rows()
    bench.results.write_text(whole[:-20], encoding="utf-8")
    capsys.readouterr()

    code = bench.run("--only", ":delete:")

    assert code == 0
    assert "1 mutants to test" in capsys.readouterr().out
    last = bench.results.read_text(encoding="utf-8").splitlines()[-1]
    assert json.loads(last)["mutant"] == rows[-1]["mutant"]


def test___changed_tests___run_again___everything_is_tested_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FULL)
    assert bench.run("--only", ":compare:") == 0
    bench.tests.write_text(PART, encoding="utf-8")

    assert bench.run("--only", ":compare:") == 1


def test___another_test_that_is_added___run_again___only_survivors_are_tested_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    bench = Bench(tmp_path, PART)
    assert bench.run() == 1
    survivors = sum(row["outcome"] == "survived" for row in bench.rows())
    more = bench.tests.with_name("test_more.py")
    more.write_text(FULL, encoding="utf-8")
    capsys.readouterr()

    assert bench.run("--tests", str(more)) == 0
    assert f"\n{survivors} mutants to test" in capsys.readouterr().out
    assert 0 < survivors < len(bench.rows()) - survivors


def test___survivors_of_other_tests___run___only_they_are_tested(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PART)
    assert bench.run() == 1
    survivors = {row["mutant"] for row in bench.rows() if row["outcome"] == "survived"}
    others = bench.results.rename(tmp_path / "others.jsonl")
    bench.tests.write_text(FULL, encoding="utf-8")

    assert bench.run("--survivors", str(others)) == 0
    assert {row["mutant"] for row in bench.rows()} == survivors


def _listen_to_interrupts() -> None:
    """What a shell starts in the background ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test___run_under_way___interrupted___ends_its_processes_and_says_how_to_go_on(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        hang = (
            "import socket, tiny\n\ndef test_hang():\n    if tiny.sign(0) != 1:\n"
            f"        socket.create_connection(('127.0.0.1', {port})).recv(1)\n"
        )
        bench = Bench(tmp_path, hang)
        command = [sys.executable, str(SCRIPT), *bench.arguments("--only", ":compare:")]
        with subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=_listen_to_interrupts,
        ) as tool:
            connection, _ = server.accept()
            with connection:
                tool.send_signal(signal.SIGINT)
                _, errors = tool.communicate()
                ended = connection.recv(1) == b""

    assert tool.returncode == 130
    assert b"The same command goes on from here" in errors
    assert ended
    assert not bench.rows()


def test___endless_mutant___run___killed_by_time_out(tmp_path: Path) -> None:
    source = "def count(n: int) -> int:\n    while n > 9:\n        n -= 1\n    return n\n"
    bench = Bench(
        tmp_path, "import tiny\n\ndef test_count():\n    assert tiny.count(12) == 9\n", source
    )

    assert bench.run("--only", ":true:", "--limit", "0") == 2
    assert bench.run("--only", ":true:", "--limit", "15") == 0
    assert bench.rows()[0]["outcome"] == "time-out"
