"""Several targets at once: one table, one page, one exit code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from session_contract.cli import cli
from session_contract.results import overview
from session_contract.results.run_result import Verdict
from session_contract.running import together
from session_contract.running.classes import missing_needs
from session_contract.running.together import Judged, Together, verdict_of
from session_contract.subject.target import TargetError

HERE = Path(__file__).parent
TARGET = f"""
[target]
name = "{{name}}"
servicer = "{{servicer}}"
folder = {json.dumps(str(HERE))}
{{more}}
"""
GOOD = "lock_server:add_to"
STANDS_IN = f"""
import sys
from pathlib import Path

sys.path.insert(0, {json.dumps(str(HERE))})
import result_makers
from session_contract.checks.marking import specification
from session_contract.results import files
from session_contract.running.classes import load_any_target
from session_contract.subject.target import TargetError

_, run, _, target, _, results, *flags = sys.argv
assert (run, flags) == ("run", ["--quick"])
try:
    load_any_target(Path(target))
except TargetError as error:
    sys.exit(print(error) or 2)
Path(results).mkdir(parents=True)
files.write_all(result_makers.MET, specification(), Path(results))
"""
"""A program in the place of a run: it takes no time, and leaves what a run leaves."""


def written(
    folder: Path, name: str, *, servicer: str = GOOD, more: str = "", title: str = ""
) -> Path:
    """A target file in a folder."""
    path = folder / f"{name}.toml"
    text = TARGET.format(name=title or name, servicer=servicer, more=more)
    path.write_text(text, encoding="utf-8")
    return path


def run_all(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(cli, ["run-all", *arguments])


def judged(code: int, left_out: str = "") -> Judged:
    """A target that came to this."""
    return Judged(Path("a.toml"), Path("a"), code, left_out=left_out)


@pytest.mark.parametrize(
    ("codes", "due"),
    [
        ([0, 0], Verdict.HOLDS),
        ([0, 1], Verdict.VIOLATED),
        ([1, 5], Verdict.VIOLATED),
        ([1, 3], Verdict.UNREACHABLE),
        ([3, 2], Verdict.USAGE),
        ([2, 4], Verdict.KIT_FAILED),
        ([0, 5], Verdict.NOT_ESTABLISHED),
        ([0, -9], Verdict.KIT_FAILED),
        ([], Verdict.NOT_ESTABLISHED),
    ],
)
def test___several_runs___verdict___is_the_gravest(codes: Sequence[int], due: Verdict) -> None:
    assert verdict_of([judged(code) for code in codes]) is due


def test___all_left_out___verdict___nothing_is_established() -> None:
    assert verdict_of([judged(0, "the program no-such is not installed")]) == 5


def test___a_good_and_a_bad_target___run_all___table_page_and_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "_PROGRAM", STANDS_IN)
    targets = tmp_path / "targets"
    targets.mkdir()
    written(targets, "good")
    written(targets, "missing", more='needs = ["program:no-such-program"]')
    written(targets, "wrong", more='nmae = "x"')
    results = tmp_path / "results"

    done = run_all(str(targets), "--quick", "--results", str(results))

    assert done.exit_code == Verdict.USAGE
    lines = done.output.splitlines()
    assert any(line.startswith("acme     server  Met ") for line in lines)
    assert "missing: left out, the program no-such-program is not installed" in lines
    assert any("nmae is no key of ours; did you mean name?" in line for line in lines)
    assert lines[-1] == "1 of 2 meets what is claimed. 1 left out."
    page = (results / "index.html").read_text("utf-8")
    assert '<a href="good/index.html">acme</a>' in page
    assert "the program no-such-program is not installed" in page
    assert (results / "good" / "index.html").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C reaches the whole console there")
def test___ctrl_c___run_all___runs_clean_up_and_130(tmp_path: Path) -> None:
    path = written(tmp_path, "slow")
    waits = (
        "import threading\n"
        "try:\n    open('ready', 'w').close()\n    threading.Event().wait(60)\n"
        "except KeyboardInterrupt:\n    open('tidied', 'w').close()\n"
    )
    program = (
        "from session_contract.running import together\n"
        f"together._PROGRAM = {waits!r}\n"
        "from session_contract.cli import main\n"
        "main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "run-all", str(path)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        while not (tmp_path / "ready").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 130
    assert b"Traceback" not in stdout + stderr
    assert (tmp_path / "tidied").exists()


def test___targets_of_one_file_name___run___have_folders_of_their_own(tmp_path: Path) -> None:
    for each in ("a", "b"):
        (tmp_path / each).mkdir()
    files = [written(tmp_path / each, "same", more="needs = ['module:no_such']") for each in "ab"]

    found = Together(files, tmp_path / "results").run(lambda _: None)

    assert [each.folder.name for each in found] == ["same", "same-2"]
    assert {each.left_out for each in found} == {"the module no_such is not installed"}


def test___json___printed___says_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, "missing", more='needs = ["module:no_such.inside"]')

    done = run_all(str(path), "--json", "--results", str(tmp_path / "results"))

    told: dict[str, Any] = json.loads(done.output)
    assert (done.exit_code, told["verdict"]) == (5, "NOT_ESTABLISHED")
    assert told["targets"][0]["left_out"] == "the module no_such.inside is not installed"


def test___empty_folder___run_all___says_what_is_missing(tmp_path: Path) -> None:
    done = run_all(str(tmp_path))

    assert done.exit_code == Verdict.USAGE
    assert "holds no target file: name a folder with .toml files" in done.output


@pytest.mark.parametrize(("needs", "missing"), [("module:json", ""), ("module:", None)])
def test___needs_of_a_target___looked_for___missing_or_refused(
    tmp_path: Path, needs: str, missing: str | None
) -> None:
    path = written(tmp_path, "a", more=f'needs = ["{needs}"]')

    if missing is None:
        with pytest.raises(TargetError, match="write program:NAME or module:NAME"):
            missing_needs(path)
    else:
        assert missing_needs(path) == missing


def test___texts_of_a_target___on_the_page___are_texts_and_nothing_else(tmp_path: Path) -> None:
    bad = Judged(Path("<script>.toml"), tmp_path, 1, output="")

    text = overview.page([bad], overview_specification(), tmp_path)

    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def overview_specification() -> Any:  # noqa: ANN401 - the specification
    """The specification, loaded here only."""
    from session_spec import load

    return load()
