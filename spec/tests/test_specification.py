"""The specification of the project as it stands: its examples run, its tables are the model's."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from session_spec import (
    Requirement,
    SourceError,
    Specification,
    UnknownRequirementError,
    load,
    matrix,
)
from session_spec import __main__ as command
from session_spec.catalogue import FOLDER
from session_spec.demonstration import demonstrate
from session_spec.examples import parse_example
from session_spec.requirement import CLAIMS
from session_spec.tables import TABLES, fill, stale

SPECIFICATION = load()


def requirements_named_by_the_matrices() -> Iterator[str]:
    """Every requirement that a rule of the data names."""
    for cell in [*matrix.SERVER_MATRIX.values(), *matrix.DRIVER_MATRIX.values()]:
        yield cell.requirement
        if cell.flag_requirement:
            yield cell.flag_requirement
    for rule in matrix.CLIENT_MATRIX.values():
        yield from (rule.wire_requirement, rule.exit_requirement)
    yield from (trouble.requirement for trouble in matrix.TROUBLES.values())


@pytest.mark.parametrize("requirement", list(SPECIFICATION), ids=lambda r: r.id)
def test___requirement___its_examples_run___they_hold(requirement: Requirement) -> None:
    assert list(demonstrate(requirement)) == []


def test___names_in_the_data___looked_up___all_exist() -> None:
    assert [n for n in requirements_named_by_the_matrices() if n not in SPECIFICATION] == []


def test___every_claim___looked_for___has_requirements() -> None:
    stated = {(r.conformance_class, r.claim) for r in SPECIFICATION if r.claim}

    assert stated == {(name, claim) for name, claims in CLAIMS.items() for claim in claims}


def test___every_class___looked_for___has_requirements() -> None:
    for name in CLAIMS:
        assert SPECIFICATION.of_class(name)


def test___every_example___looked_at___forbids_something() -> None:
    tame = [
        r.id
        for r in SPECIFICATION
        if r.examples and not any(e.forbidden for x in r.examples for e in x.events)
    ]

    shapes = {"SHAPE-RESOURCE", "SHAPE-BEHAVIOR", "SHAPE-ANSWER", "SHAPE-CLOSE"}
    assert set(tame) <= shapes, "an example that forbids nothing proves nothing"


def changed(requirement: Requirement, text: str) -> Requirement:
    """The requirement with another example."""
    example = parse_example(text.splitlines(), 1)
    return dataclasses.replace(requirement, examples=(example,))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Close(s1) -> OK", "the example is not allowed: session s1 is not open"),
        ("Close(s1) -> NOT_FOUND\nnot: Close(s1) -> NOT_FOUND", "is allowed by the model"),
        ("Close(s1) -> NOT_FOUND\nnot: Initialize(R, 1) -> OK", "breaks INIT-ID-PRESENT, not"),
        ("Close(s1, now) -> OK", "is no call that the server model knows"),
    ],
)
def test___wrong_example___run___is_found(text: str, problem: str) -> None:
    (finding,) = demonstrate(changed(SPECIFICATION["CLOSE-UNKNOWN"], text))

    assert problem in finding.problem
    assert finding.problem.startswith("CLOSE-UNKNOWN: ")


def test___overlapping_example_that_the_model_allows___run___is_found() -> None:
    text = "a: Close(s1) ...\na: -> NOT_FOUND\nb: Close(s1) ...\nnot: b: -> NOT_FOUND"

    (finding,) = demonstrate(changed(SPECIFICATION["RACE-ONE-CLOSE"], text))

    assert "is allowed by the model" in finding.problem


@pytest.mark.parametrize("name", TABLES)
def test___generated_table___in_the_documents___is_what_the_model_says(name: str) -> None:
    texts = [p.read_text(encoding="utf-8") for p in sorted(FOLDER.glob("*.md"))]

    (holder,) = (text for text in texts if f"<!-- table: {name} -->" in text)

    assert TABLES[name]() in holder
    assert fill(holder) == holder


def test___table_changed_by_hand___looked_at___is_stale(tmp_path: Path) -> None:
    path = tmp_path / "server.md"
    text = (FOLDER / "server.md").read_text(encoding="utf-8")
    path.write_text(text.replace("| Close | `NOT_FOUND`", "| Close | `OK`"), encoding="utf-8")

    assert stale([path]) == [path]


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ("CLOSE-UNKNWON", "CLOSE-UNKNOWN"),
        ("close-unkown", "CLOSE-UNKNOWN"),
        ("INIT-ATTACH-MISING", "INIT-ATTACH-MISSING"),
        ("one-creator", "RACE-ONE-CREATOR"),
    ],
)
def test___mistyped_id___asked_for___nearest_is_suggested(asked: str, nearest: str) -> None:
    with pytest.raises(UnknownRequirementError) as caught:
        SPECIFICATION[asked]

    assert nearest in caught.value.nearest
    assert f"Did you mean {caught.value.nearest[0]}" in str(caught.value)


def test___hopeless_id___asked_for___nothing_is_suggested() -> None:
    with pytest.raises(UnknownRequirementError, match=r"no requirement 'zzz'\.$"):
        SPECIFICATION["zzz"]


def test___no_id_at_all___asked_for___nothing_is_suggested() -> None:
    with pytest.raises(UnknownRequirementError, match=r"no requirement ''\.$"):
        SPECIFICATION[""]


def test___right_id_in_small_letters___asked_for___found() -> None:
    assert SPECIFICATION["close-unknown"].id == "CLOSE-UNKNOWN"


# python -m session_spec ---------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the requirement files that a test may spoil."""
    for source in FOLDER.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    return tmp_path


def run(folder: Path, name: str) -> int:
    """Run one of the writers' commands."""
    return command.main(["--folder", str(folder), name])


def test___right_files___check___says_how_many_hold(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "check") == 0

    assert f"{len(list(SPECIFICATION))} requirements and" in capsys.readouterr().out


SPOILED = {
    "unparsable": ("`revision 1` ·", "`revision one` ·", "the line of revision and level"),
    "keyword": ("A server owns", "A server MUST own", "the keyword MUST stands outside"),
    "stale lock": (
        "A Close of an open session",
        "Closing an open session",
        "changed, its revision",
    ),
    "wrong example": ("not: Close(s9) -> OK\n", "Close(s9) -> OK\n", "the example is not allowed"),
    "stale table": ("| Close | `NOT_FOUND`", "| Close | `OK`", "a generated table is stale"),
    "unknown table": ("table: server-matrix", "table: matrix", "server.md:12: there is no table"),
    "table without an end": ("<!-- end -->\n", "", "server.md:12: the table has no end"),
    "end without a table": ("<!-- table: server-matrix -->\n", "", "an end without a table"),
    "mark of another form": ("<!-- table: server-", "<!-- Table: server-", "is no mark of a table"),
}


@pytest.mark.parametrize("name", SPOILED)
def test___spoiled_file___check___place_remedy_and_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    before, after, problem = SPOILED[name]
    path = folder / "server.md"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")

    assert run(folder, "check") == 2

    error = capsys.readouterr().err
    assert f"{path}:" in error
    assert problem in error
    assert "Traceback" not in error


def test___unreadable_lock___check___place_and_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "spec.lock").write_text("nonsense\n", encoding="utf-8")

    assert run(folder, "check") == 2
    assert "spec.lock:1: cannot read 'nonsense'" in capsys.readouterr().err


def test___changed_text_with_a_raised_revision___lock___check_is_content(folder: Path) -> None:
    path = folder / "server.md"
    head, tail = path.read_text(encoding="utf-8").split("### CLOSE-OPEN")
    tail = tail.replace("revision 1", "revision 2", 1).replace(
        "A Close of an", "The Close of an", 1
    )
    path.write_text(f"{head}### CLOSE-OPEN{tail}", encoding="utf-8")

    assert run(folder, "check") == 2
    assert run(folder, "lock") == 0
    assert run(folder, "check") == 0


def test___stale_table___tables___is_printed_anew(folder: Path) -> None:
    path = folder / "server.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("| Close | `NOT_FOUND`", "| Close | `OK`"), encoding="utf-8")

    assert run(folder, "tables") == 0

    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", [n for n in SPOILED if n.endswith(" table") and "stale" not in n])
def test___wrong_mark___tables___nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    before, after, problem = SPOILED[name]
    path = folder / "server.md"
    text = path.read_text(encoding="utf-8").replace(before, after, 1)
    path.write_text(text, encoding="utf-8")

    assert run(folder, "tables") == 2

    assert problem in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == text


def test___table_without_an_end_before_another___filled___nothing_between_is_lost(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.md"
    marks = "<!-- table: server-matrix -->\n\nkeep\n\n<!-- table: client-matrix -->\n<!-- end -->\n"
    path.write_text(marks, encoding="utf-8")

    with pytest.raises(SourceError) as caught:
        stale([path])

    assert [finding.line for finding in caught.value.findings] == [1]


@pytest.mark.parametrize("name", ["check", "lock", "tables"])
def test___no_such_folder___any_command___says_where_it_looked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(tmp_path / "nowhere", name) == 2
    assert f"{tmp_path / 'nowhere'}:0: there are no requirement files" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["check", "lock", "tables"])
@pytest.mark.parametrize("as_folder", [True, False])
def test___unreadable_file___any_command___finding_and_no_traceback(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, as_folder: bool
) -> None:
    path = folder / "x.md"
    if as_folder:
        path.mkdir()
    else:
        path.write_bytes(b"# Caf\xe9")

    assert run(folder, name) == 2
    assert f"{path}:" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["check", "lock"])
def test___folder_in_the_place_of_the_lock___check_or_lock___finding_and_no_traceback(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (folder / "spec.lock").unlink()
    (folder / "spec.lock").mkdir()

    assert run(folder, name) == 2
    assert "spec.lock:0: the file cannot be read" in capsys.readouterr().err


def test___file_that_cannot_be_written___tables___finding_and_no_traceback(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = folder / "server.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("| Close | `NOT_FOUND`", "| Close | `OK`"), encoding="utf-8")
    monkeypatch.setattr(Path, "write_text", refuse)

    assert run(folder, "tables") == 2
    assert "the file cannot be written: Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "exit_code"), [("check", 0), ("tables", 2)])
def test___reader_that_has_gone___any_command___exit_code_tells(
    folder: Path, name: str, exit_code: int
) -> None:
    if exit_code:
        (folder / "x.md").mkdir()
    reading, writing = os.pipe()
    os.close(reading)

    result = subprocess.run(
        [sys.executable, "-m", "session_spec", "--folder", str(folder), name],
        stdout=writing,
        stderr=writing,
        timeout=60,
        check=False,
    )

    os.close(writing)
    assert result.returncode == exit_code


def test___wrong_files___loaded___error_has_every_finding(folder: Path) -> None:
    path = folder / "server.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("**Source.**", "**Sauce.**"), encoding="utf-8")

    with pytest.raises(SourceError) as caught:
        load(folder)

    assert len(caught.value.findings) > 50


def test___empty_specification___looked_into___contains_nothing() -> None:
    assert list(Specification(())) == []
    assert "CLOSE-OPEN" not in Specification(())
