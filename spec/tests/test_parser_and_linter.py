"""One wrong file for each rule of the requirement files, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from session_spec.catalogue import read
from session_spec.errors import Finding
from session_spec.requirement import Level, Origin, Verification

RIGHT = """\
# Server

Class: server

About servers.

## Closing

About closing, see [CLOSE-UNKNOWN].

### CLOSE-UNKNOWN · Closing what is not open

`revision 2` · `MUST` · `core` · `checked`

> A Close of a session that is not open
> MUST answer NOT_FOUND.

**Why.** A cleanup that runs twice
has to be able to tell.

**Source.** the guide

**Also allowed.** none

**Decision: the code.** Another source says nothing.

```example
Close(s1) -> NOT_FOUND

not: Close(s1) -> OK
```
"""
META = "`revision 2` · `MUST` · `core` · `checked`"
WHY = "A cleanup that runs twice\nhas to be able to tell."
EXAMPLE = "```example\nClose(s1) -> NOT_FOUND\n\nnot: Close(s1) -> OK\n```\n"


def findings_of(tmp_path: Path, text: str) -> list[Finding]:
    """Read one file with this text."""
    (tmp_path / "server.md").write_text(text, encoding="utf-8")
    return read(tmp_path)[1]


def test___right_file___read___has_all_parts(tmp_path: Path) -> None:
    path = tmp_path / "server.md"
    path.write_text("\ufeff" + RIGHT, encoding="utf-8")

    specification, findings = read(tmp_path)

    assert findings == []
    (requirement,) = specification
    assert (requirement.id, requirement.title) == ("CLOSE-UNKNOWN", "Closing what is not open")
    assert (requirement.revision, requirement.level) == (2, Level.MUST)
    assert (requirement.origin, requirement.claim) == (Origin.CORE, None)
    assert requirement.verification is Verification.CHECKED
    assert requirement.obligation == "A Close of a session that is not open MUST answer NOT_FOUND."
    assert requirement.why == "A cleanup that runs twice has to be able to tell."
    assert [(d.title, d.text) for d in requirement.decisions] == [
        ("the code", "Another source says nothing.")
    ]
    assert [e.line for e in requirement.examples[0].events] == [28, 30]
    assert (requirement.area, requirement.conformance_class) == ("Closing", "server")
    assert (requirement.path, requirement.line) == (path, 11)


WRONG = {
    "no title": ("# Server\n", "", 1, "the file has no '# Title'"),
    "no class": ("Class: server\n", "", 1, "the file has no 'Class: …' line"),
    "unknown class": ("Class: server", "Class: servers", 3, "there is no class 'servers'"),
    "no area": ("## Closing\n", "", 10, "CLOSE-UNKNOWN stands before the first '## Area'"),
    "id in small letters": ("CLOSE-UNKNOWN ·", "close-unknown ·", 11, "the heading is not"),
    "id of one word": ("CLOSE-UNKNOWN ·", "CLOSE ·", 11, "the heading is not"),
    "no title of a requirement": ("· Closing what is not open", "", 11, "the heading is not"),
    "no meta line": (META + "\n\n", "", 11, "CLOSE-UNKNOWN has no meta line"),
    "revision zero": ("revision 2", "revision 0", 13, "the line of revision and level is not"),
    "unknown level": ("`MUST`", "`MAY`", 13, "the line of revision and level is not right"),
    "unknown binding": ("`core`", "`kernel`", 13, "the line of revision and level is not right"),
    "unknown claim": ("`core`", "`claim speed`", 11, "class server has no claim 'speed'"),
    "unknown verification": ("`checked`", "`believed`", 13, "the line of revision and level is"),
    "no obligation": ("> A Close of a session that is not open\n> MUST answer NOT_FOUND.\n", "",
                      11, "CLOSE-UNKNOWN has no obligation"),
    "no why": (f"**Why.** {WHY}\n", "", 11, "no Why"),
    "empty why": (f"**Why.** {WHY}\n", "**Why.**\n",
                  11, "no Why"),
    "no source": ("**Source.** the guide\n", "", 11, "CLOSE-UNKNOWN has no Source"),
    "no also allowed": ("**Also allowed.** none\n", "", 11, "CLOSE-UNKNOWN has no Also allowed"),
    "no example": (EXAMPLE, "", 11, "CLOSE-UNKNOWN has no example"),
    "not observable without a reason": ("`checked`", "`not observable`", 11, "no Not observable"),
    "reason without not observable": ("**Decision: the code.**", "**Not observable.**",
                                      11, "is not marked `not observable`"),
    "unknown part": ("**Also", "**Origin.** x\n\n**Also", 23, "not known: '**Origin.** x'"),
    "loose text": ("**Also", "By the way.\n\n**Also", 23, "a part that is not known"),
    "part twice": ("**Source.** the guide\n", "**Source.** the guide\n\n**Source.** it\n",
                   23, "CLOSE-UNKNOWN has two parts 'Source'"),
    "wrong order": (f"**Why.** {WHY}\n\n**Source.** the guide",
                    "**Source.** the guide\n\n**Why.** So.", 20, "Why stands after Source"),
    "empty example": (EXAMPLE, "```example\n```\n", 28, "the example is empty"),
    "example without a right line": ("Close(s1) -> NOT_FOUND\n", "not: Close(s1) -> OK\n",
                                     28, "the example shows only what is forbidden"),
    "unreadable call": ("Close(s1) -> NOT_FOUND\n", "Close s1\n", 28, "cannot read 'Close s1'"),
    "unreadable answer": ("Close(s1) -> NOT_FOUND\n", "Close(s1) - OK\n", 28, "cannot read"),
    "answer without a code": ("Close(s1) -> NOT_FOUND\n", "Close(s1) ->\n", 28, "cannot read"),
    "no status code": ("not: Close(s1) -> OK", "not: Close(s1) -> FINE", 30, "'FINE' is no gRPC"),
    "breaks what does not exist": ("not: C", "not [CLOSE-X]: C", 30, "no requirement CLOSE-X"),
    "two keywords": ("MUST answer NOT_FOUND.", "MUST answer NOT_FOUND and SHOULD log it.",
                     11, "the obligation has 2 keywords"),
    "no keyword": ("> MUST answer", "> answers", 11, "the obligation has 0 keywords"),
    "useless keyword": ("> MUST answer", "> MAY answer", 11, "MAY obliges to nothing here"),
    "keyword of another level": ("> MUST answer", "> SHOULD answer", 11, "says SHOULD, its level"),
    "two sentences": ("NOT_FOUND.\n\n**Why", "NOT_FOUND. It changes nothing.\n\n**Why",
                      11, "the obligation is not one sentence"),
    "no full stop": ("MUST answer NOT_FOUND.\n", "MUST answer NOT_FOUND\n", 11, "not one sentence"),
    "keyword in the why": ("has to be able to tell", "MUST tell", 19, "the keyword MUST stands"),
    "keyword in a title": ("Closing what is", "It MUST be", 11, "the keyword MUST stands outside"),
    "keyword in an introduction": ("About servers.", "You\nSHALL read.", 6, "the keyword SHALL"),
    "keyword in a decision": ("Another source says", "It is OPTIONAL and says", 25, "OPTIONAL"),
    "fence without an end": ("-> OK\n```\n", "-> OK\n", 27, "the fenced block has no end"),
    "fence that hides a requirement": ("About closing, see", "```\n\nSee", 9, "block has no end"),
    "heading without a space": ("### CLOSE", "###CLOSE", 11, "'###CLOSE-UNKNOWN · Closing"),
    "heading with a tab": ("### CLOSE", "###\tCLOSE", 11, "is no heading of this form"),
    "heading with an indent": ("### CLOSE", "  ### CLOSE", 11, "is no heading of this form"),
    "heading too deep": ("About closing", "#### About closing", 9, "is no heading of this form"),
    "area without a title": ("About closing, see [CLOSE-UNKNOWN].", "##", 9, "'##' is no heading"),
    "two titles": ("About servers.", "# Servers", 5, "the file has two titles"),
    "title in a requirement": ("**Source", "# More\n\n**Source", 21, "the file has two titles"),
    "title after the class": ("# Server\n\nClass: server", "Class: server\n\n# Server",
                              3, "the title is not the first line"),
    "two classes": ("About servers.", "Class: client", 5, "the file has two lines 'Class: …'"),
    "class in an area": ("Class: server\n\nAbout servers.\n\n## Closing",
                         "## Closing\n\nClass: server", 5, "stands after the first '## Area'"),
    "no requirement": (RIGHT[RIGHT.index("### ") :], "", 1, "the file has no requirement"),
    "decision without a title": ("**Decision: the code.**", "**Decision:.**", 25, "a title and a"),
    "decision without a colon": ("**Decision: the code.**", "**Decision.**", 25, "a title and a"),
    "decision without a text": (" Another source says nothing.", "", 25, "a title and a text"),
    "decision without its mark": ("**Decision: the code.** A", "Decision\nA", 25, "not known"),
    "example without its fence": ("```example", "example\nnot: Close(s1) -> OK\n\n```example",
                                  27, "a part that is not known: 'example'"),
    "name of another part": ("**Also", "**example.** x\n\n**Also", 23, "known: '**example.** x'"),
    "revision in other digits": ("revision 2", "revision 1٢", 13, "the line of revision and"),
    "revision without end": ("revision 2", "revision " + "2" * 5000, 13, "the line of revision"),
    "unknown reference": ("[CLOSE-UNKNOWN]", "[CLOSE-SOMETHING]", 9, "[CLOSE-SOMETHING] is no"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test___wrong_file___read___finding_names_line_fault_and_remedy(
    tmp_path: Path, name: str
) -> None:
    before, after, line, problem = WRONG[name]
    assert before in RIGHT

    findings = findings_of(tmp_path, RIGHT.replace(before, after, 1))

    assert [(f.line, problem in f.problem) for f in findings] == [(line, True)], findings
    assert findings[0].remedy
    assert str(findings[0]).startswith(f"{tmp_path / 'server.md'}:{line}: ")


def test___keyword_in_a_code_span___read___is_no_keyword(tmp_path: Path) -> None:
    assert findings_of(tmp_path, RIGHT.replace("has to be", "`MUST` be")) == []


def test___keyword_as_part_of_an_id___read___is_no_keyword(tmp_path: Path) -> None:
    text = RIGHT.replace("CLOSE-UNKNOWN", "CLOSE-OPTIONAL")

    assert findings_of(tmp_path, text) == []


def test___not_observable_with_a_reason___read___needs_no_example(tmp_path: Path) -> None:
    text = RIGHT.replace("`checked`", "`not observable`")
    text = text.replace("**Decision: the code.** Another source", "**Not observable.** The wire")

    assert findings_of(tmp_path, text.replace(EXAMPLE, "")) == []


def test___one_id_in_two_files___read___names_both_places(tmp_path: Path) -> None:
    (tmp_path / "client.md").write_text(RIGHT.replace("Class: server", "Class: client"), "utf-8")

    (finding,) = findings_of(tmp_path, RIGHT)

    assert finding.path.name == "client.md"
    assert "CLOSE-UNKNOWN stands also at server.md:11" in finding.problem


def test___several_faults___read___all_are_reported(tmp_path: Path) -> None:
    text = RIGHT.replace("**Source.** the guide\n", "").replace("revision 2", "revision x")

    findings = findings_of(tmp_path, text)

    assert len(findings) == 2


def test___no_files___read___says_where_they_were_looked_for(tmp_path: Path) -> None:
    _, (finding,) = read(tmp_path)

    assert finding.path == tmp_path
    assert "no requirement files" in finding.problem


def test___file_that_is_not_utf8___read___finding(tmp_path: Path) -> None:
    (tmp_path / "server.md").write_bytes(b"# Server\n\nCaf\xe9")

    (finding,) = read(tmp_path)[1]

    assert (finding.line, finding.problem) == (3, "the file is not UTF-8: it has the byte 0xE9")


def test___folder_that_is_named_like_a_file___read___finding(tmp_path: Path) -> None:
    (tmp_path / "x.md").mkdir()

    (finding,) = findings_of(tmp_path, RIGHT)

    assert finding.path == tmp_path / "x.md"
    assert "the file cannot be read" in finding.problem
