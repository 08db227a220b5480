"""The lock: no text changes without a new revision, and no id comes back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from session_spec import SourceError, load
from session_spec.catalogue import FOLDER, LOCK_NAME
from session_spec.lock import compare, read_lock, write_lock
from session_spec.requirement import Level, Requirement, Verification

ONE = load()["CLOSE-UNKNOWN"]


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock of one requirement."""
    path = tmp_path / LOCK_NAME
    assert write_lock([ONE], path) == []
    return path


def problems(requirement: Requirement, lock: Path) -> list[str]:
    """What is said of a requirement, without its place."""
    return [f"{f.problem}. {f.remedy}" for f in compare([requirement], lock)]


def test___locked___unchanged___nothing_to_say(lock: Path) -> None:
    assert problems(ONE, lock) == []


@pytest.mark.parametrize(
    "change",
    [
        {"obligation": "A Close MUST answer OK."},
        {"level": Level.SHOULD},
        {"claim": "use"},
        {"conformance_class": "driver"},
        {"verification": Verification.STATISTICAL},
        {"also_allowed": "OK"},
        {"examples": ()},
    ],
)
def test___locked___binding_part_changed___revision_has_to_rise(
    lock: Path, change: dict[str, object]
) -> None:
    changed = dataclasses.replace(ONE, **change)  # type: ignore[arg-type]

    (problem,) = problems(changed, lock)

    assert "CLOSE-UNKNOWN changed, its revision did not. Raise it to 2" in problem
    assert write_lock([changed], lock) != []
    assert problems(ONE, lock) == []
    raised = dataclasses.replace(changed, revision=2)
    assert "has a new revision that is not locked" in problems(raised, lock)[0]
    assert write_lock([raised], lock) == []
    assert problems(raised, lock) == []


@pytest.mark.parametrize("change", [{"why": "Because."}, {"source": "x"}, {"title": "y"}])
def test___locked___explanation_changed___revision_stays(
    lock: Path, change: dict[str, str]
) -> None:
    assert problems(dataclasses.replace(ONE, **change), lock) == []  # type: ignore[arg-type]


def test___locked___only_white_space_changed___revision_stays(lock: Path) -> None:
    spaced = dataclasses.replace(ONE, obligation=ONE.obligation.replace(" ", "  "))

    assert problems(spaced, lock) == []


def test___locked_at_a_later_revision___read___never_falls(lock: Path) -> None:
    write_lock([dataclasses.replace(ONE, revision=3)], lock)

    assert "fell from revision 3 to 1" in problems(ONE, lock)[0]
    assert write_lock([ONE], lock) != []


def test___new_requirement___not_locked___says_how(tmp_path: Path) -> None:
    (problem,) = problems(ONE, tmp_path / LOCK_NAME)

    assert problem == "CLOSE-UNKNOWN is not in the lock. Run: python -m session_spec lock"


def test___locked___requirement_removed___its_id_has_to_stay(lock: Path) -> None:
    (finding,) = compare([], lock)

    assert (finding.path, finding.line) == (lock, 1)
    assert "CLOSE-UNKNOWN withdrawn REASON" in finding.remedy
    assert write_lock([], lock) == [finding]


def test___withdrawn_id___comes_back___refused_and_kept(lock: Path) -> None:
    lock.write_text("CLOSE-UNKNOWN withdrawn merged into another\n", encoding="utf-8")

    assert "was withdrawn (merged into another)" in problems(ONE, lock)[0]
    assert write_lock([], lock) == []
    assert read_lock(lock)["CLOSE-UNKNOWN"].rest == "merged into another"


@pytest.mark.parametrize(
    "line",
    [
        "CLOSE-UNKNOWN",
        "CLOSE-UNKNOWN one abc",
        "CLOSE-UNKNOWN 1",
        "CLOSE-UNKNOWN ² abc",
        "CLOSE-UNKNOWN 1٢ abc",
        "CLOSE-UNKNOWN 0 abc",
        f"CLOSE-UNKNOWN {'1' * 5000} abc",
    ],
)
def test___unreadable_lock___read___line_and_remedy(tmp_path: Path, line: str) -> None:
    path = tmp_path / LOCK_NAME
    path.write_text(f"A-B 1 0123\n{line}\n", encoding="utf-8")

    with pytest.raises(SourceError) as caught:
        read_lock(path)

    assert f"{path}:2: cannot read" in str(caught.value)


def test___lock_that_names_an_id_twice___read___both_lines(tmp_path: Path) -> None:
    path = tmp_path / LOCK_NAME
    path.write_text("A-B 1 0123\nC-D 1 4567\nA-B withdrawn merged\n", encoding="utf-8")

    with pytest.raises(SourceError) as caught:
        read_lock(path)

    (finding,) = caught.value.findings
    assert (finding.line, finding.problem) == (3, "A-B stands also in line 1")


def test___lock_with_several_faults___read___all_are_reported(tmp_path: Path) -> None:
    path = tmp_path / LOCK_NAME
    path.write_text("A-B\nC-D 1 4567\nC-D 1 4567\n", encoding="utf-8")

    with pytest.raises(SourceError) as caught:
        read_lock(path)

    assert [finding.line for finding in caught.value.findings] == [1, 3]


def test___lock_with_a_byte_order_mark___read___as_without(lock: Path) -> None:
    lock.write_text(lock.read_text(encoding="utf-8"), encoding="utf-8-sig")

    assert problems(ONE, lock) == []


def test___lock_that_is_not_utf8___read___line_and_byte(tmp_path: Path) -> None:
    path = tmp_path / LOCK_NAME
    path.write_bytes(b"A-B 1 0123\nC-D withdrawn caf\xe9\n")

    with pytest.raises(SourceError, match=r":2: the file is not UTF-8: it has the byte 0xE9"):
        read_lock(path)


def test___folder_in_the_place_of_the_lock___read___finding(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="the file cannot be read"):
        read_lock(tmp_path)


def test___the_lock_of_the_project___stale___load_raises(tmp_path: Path) -> None:
    for source in FOLDER.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    text = (tmp_path / "server.md").read_text(encoding="utf-8")
    changed = text.replace("A Close of an open session MUST", "A Close of any open session MUST")
    (tmp_path / "server.md").write_text(changed, encoding="utf-8")

    with pytest.raises(SourceError, match="CLOSE-OPEN changed, its revision did not"):
        load(tmp_path)
