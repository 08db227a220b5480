"""The page that traces NI's guide: its form, its references, and the page that is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from session_spec import catalogue, guide_trace
from session_spec.errors import SourceError
from session_spec.guide_trace import Answer, Kind, Trace, faults, missing_files, read, render

ROOT = Path(__file__).parents[2]
HEAD = """\
# Trace

What it is.

## Close

| Statement | Where | Covered by |
| --- | --- | --- |
"""
RIGHT = HEAD + "| Close takes an id | sharing guide, Close | [SHAPE-CLOSE] |\n"

REQUIREMENTS = """\
# Server

Class: server

## Close

### SHAPE-CLOSE · Close takes the id

`revision 1` · `MUST` · `core` · `not observable`

> Close MUST take an id.

**Why.** So.

**Source.** our decision

**Also allowed.** none

**Not observable.** It is an example.

**Decision: the name.** Any.

### CLOSE-OPEN · Closing succeeds

`revision 1` · `MUST` · `core` · `not observable`

> A Close MUST answer OK.

**Why.** So.

**Source.** our decision

**Also allowed.** none

**Not observable.** It is an example.
"""


def file(folder: Path, text: str) -> Path:
    """A trace file with this text."""
    path = folder / "trace.md"
    path.write_text(text, encoding="utf-8")
    return path


def with_answer(folder: Path, covered: str) -> Path:
    """A trace file of one statement that is answered so."""
    return file(folder, f"{HEAD}| Close takes an id | sharing guide, Close | {covered} |\n")


@pytest.fixture
def specification(tmp_path: Path) -> catalogue.Specification:
    folder = tmp_path / "requirements"
    folder.mkdir()
    (folder / "server.md").write_text(REQUIREMENTS, encoding="utf-8")
    found, findings = catalogue.read(folder)
    assert findings == []
    return found


def test___one_statement___read___gives_it_with_section_place_and_line(tmp_path: Path) -> None:
    path = file(tmp_path, RIGHT)

    assert read(path) == (
        Trace(
            statement="Close takes an id",
            where="sharing guide, Close",
            section="Close",
            answers=(Answer(Kind.REQUIREMENT, "SHAPE-CLOSE"),),
            path=path,
            line=9,
        ),
    )
    assert read(path)[0].line == 9


def test___answers_of_several_kinds___read___tells_them_apart(tmp_path: Path) -> None:
    covered = "[A-B], [C-D] [E-F]; `LICENSE`; departure: other, see [A-B]; open: the suite; open: x"

    (trace,) = read(with_answer(tmp_path, covered))

    assert trace.texts(Kind.REQUIREMENT) == ("A-B", "C-D", "E-F")
    assert trace.texts(Kind.FILE) == ("LICENSE",)
    assert trace.texts(Kind.DEPARTURE) == ("other, see [A-B]",)
    assert trace.texts(Kind.OPEN) == ("the suite", "x")
    assert trace.texts(Kind.BACKGROUND) == ()


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "does not begin with '# Title'"),
        ("text\n" + RIGHT, 1, "does not begin with '# Title'"),
        ("# Trace\n", 1, "has no '## Section'"),
        ("# Trace\n\n| a | b | c |\n", 3, "before the first '## Section'"),
        ("# Trace\n\n## Close\n\nNothing.\n", 3, "'Close' has no statements"),
        (HEAD, 5, "'Close' has no statements"),
        (RIGHT + "\n## Next\n", 11, "'Next' has no statements"),
        (RIGHT.replace("Where", "Place"), 7, "the columns are not Statement, Where, Covered by"),
        (RIGHT.replace("| --- |\n", "|\n"), 8, "the line below the columns"),
        (RIGHT + "| a | sharing guide, b |\n", 10, "three cells with text, this one has 2"),
        (RIGHT + "| a | sharing guide, b | |\n", 10, "three cells with text"),
        (RIGHT + "| a | sharing guide, b | open: x | y |\n", 10, "three cells with text"),
        (RIGHT + "| a | some guide, b | background |\n", 10, "no place in the guide"),
        (RIGHT + "| a | sharing guide | background |\n", 10, "no place in the guide"),
        (RIGHT + "\nMore words.\n", 11, "text stands after the table"),
        (RIGHT + "\n| a | sharing guide, b | background |\n", 11, "has a second table"),
    ],
)
def test___file_of_wrong_form___read___names_line_and_fault(
    tmp_path: Path, text: str, line: int, problem: str
) -> None:
    path = file(tmp_path, text)

    with pytest.raises(SourceError) as caught:
        read(path)

    assert any(f"{path}:{line}: " in str(f) and problem in f.problem for f in caught.value.findings)


@pytest.mark.parametrize(
    ("covered", "problem"),
    [
        ("SHAPE-CLOSE", "cannot read the answer 'SHAPE-CLOSE'"),
        ("[shape-close]", "cannot read the answer"),
        ("[SHAPE-CLOSE] and more", "cannot read the answer"),
        ("[SHAPE-CLOSE];", "cannot read the answer ''"),
        ("open:", "cannot read the answer 'open:'"),
        ("open", "cannot read the answer 'open'"),
        ("departure:", "cannot read the answer"),
        ("``", "cannot read the answer"),
        ("todo: later", "cannot read the answer"),
        ("background; open: x", "'background' stands beside another answer"),
    ],
)
def test___answer_of_wrong_form___read___says_so(
    tmp_path: Path, covered: str, problem: str
) -> None:
    with pytest.raises(SourceError) as caught:
        read(with_answer(tmp_path, covered))

    (finding,) = caught.value.findings
    assert finding.line == 9
    assert problem in finding.problem


def test___several_faults___read___reports_them_all(tmp_path: Path) -> None:
    text = RIGHT + "| a | nowhere | background |\n| b | sharing guide, b | todo |\n"

    with pytest.raises(SourceError) as caught:
        read(file(tmp_path, text))

    assert [finding.line for finding in caught.value.findings] == [10, 11]


def test___file_not_in_utf_8___read___says_so(tmp_path: Path) -> None:
    path = tmp_path / "trace.md"
    path.write_bytes(b"# Trac\xe9\n")

    with pytest.raises(SourceError, match="not UTF-8"):
        read(path)


@pytest.mark.parametrize(
    "covered",
    ["[SHAPE-CLOSE], [CLOSE-OPEN]", "departure: see [SHAPE-CLOSE]", "departure: x", "open: x"],
)
def test___references_that_hold___faults___finds_none(
    tmp_path: Path, specification: catalogue.Specification, covered: str
) -> None:
    assert faults(read(with_answer(tmp_path, covered)), specification) == []


@pytest.mark.parametrize(
    ("covered", "problem"),
    [
        ("[CLOSE-NEVER]", "there is no requirement CLOSE-NEVER"),
        ("[SHAPE-CLOSE], [CLOSE-NEVER]; open: x", "there is no requirement CLOSE-NEVER"),
        ("departure: see [CLOSE-NEVER]", "there is no requirement CLOSE-NEVER"),
        ("departure: see [CLOSE-OPEN]", "CLOSE-OPEN has no Decision box"),
    ],
)
def test___reference_that_does_not_hold___faults___names_it(
    tmp_path: Path, specification: catalogue.Specification, covered: str, problem: str
) -> None:
    path = with_answer(tmp_path, covered)

    (finding,) = faults(read(path), specification)

    assert problem in finding.problem
    assert (finding.path, finding.line) == (path, 9)


def test___misspelled_id___faults___offers_the_near_ones(
    tmp_path: Path, specification: catalogue.Specification
) -> None:
    (finding,) = faults(read(with_answer(tmp_path, "[SHAPE-CLOSED]")), specification)

    assert "SHAPE-CLOSE" in finding.remedy


def test___statement_told_twice___faults___names_the_first(
    tmp_path: Path, specification: catalogue.Specification
) -> None:
    text = RIGHT + "| Close takes an id | sharing guide, Close | open: x |\n"

    (finding,) = faults(read(file(tmp_path, text)), specification)

    assert finding.line == 10
    assert "stands also in line 9" in finding.problem


@pytest.mark.parametrize("name", ["absent.md", "spec/absent.md", "../outside.md", "/"])
def test___path_that_is_not_in_the_repository___missing_files___names_it(
    tmp_path: Path, name: str
) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    (tmp_path / "outside.md").touch()

    (finding,) = missing_files(read(with_answer(tmp_path, f"`{name}`")), root)

    assert finding.line == 9
    assert f"there is no file {name}" in finding.problem


def test___path_that_is_in_the_repository___missing_files___finds_none(tmp_path: Path) -> None:
    (tmp_path / "spec").mkdir()

    assert missing_files(read(with_answer(tmp_path, "`trace.md`; `spec`")), tmp_path) == []


def test___statements_of_all_kinds___render___counts_them_below_the_title(tmp_path: Path) -> None:
    text = (
        RIGHT
        + "| b | NI-SCOPE, Enums | [CLOSE-OPEN]; open: the suite |\n"
        + "| c | older sharing guide, Close | open: the suite; open: the fakes |\n"
        + "| d | both sharing guides, Close | background |\n"
        + "| e | both sharing guides, Close | `README.md`; departure: other |\n"
    )

    page = render(file(tmp_path, text))

    assert page.startswith("# Trace\n\n**5 statements, of which 3 are settled.**")
    for row in (
        "| by requirements | 2 |",
        "| by files | 1 |",
        "| by a stated departure | 1 |",
        "| open, wholly or in part | 2 |",
        "| background only | 1 |",
        "| the suite | 2 |",
        "| the fakes | 1 |",
    ):
        assert f"{row}\n" in page
    assert page.endswith(text.removeprefix("# Trace\n"))


def test___nothing_open___render___lists_nothing_to_wait_for(tmp_path: Path) -> None:
    page = render(file(tmp_path, RIGHT))

    assert "| open, wholly or in part | 0 |" in page
    assert "wait for" not in page


def test___the_trace_of_the_guide___read___covers_every_document() -> None:
    traces = read()

    assert {trace.where.partition(",")[0] for trace in traces} == set(guide_trace.DOCUMENTS)
    assert len(traces) >= 90


def test___the_trace_of_the_guide___faults___finds_none() -> None:
    specification, _ = catalogue.read()

    assert [str(finding) for finding in faults(read(), specification)] == []


def test___the_trace_of_the_guide___missing_files___finds_none() -> None:
    assert [str(finding) for finding in missing_files(read(), ROOT)] == []


def test___the_trace_of_the_guide___background___is_kept_small() -> None:
    only_told = [t for t in read() if t.texts(Kind.BACKGROUND)]

    assert len(only_told) <= len(read()) // 20
