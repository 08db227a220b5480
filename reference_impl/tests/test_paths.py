"""What a path from a client leads to, and whether it may."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from session_reference.paths import OutsideRootError, Root
from session_reference.refusals import InvalidRequestError

WHAT = "The path of the log"
PARTS = st.one_of(
    st.sampled_from(["..", ".", "", "logs", "out", "in", "a.log", "A.LOG"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300),
)


def resolved(root: Root, text: str) -> Path:
    return Path(root.resolve(text, WHAT))


def test___no_root___relative_path___starts_at_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = Root()
    monkeypatch.chdir("/")

    assert resolved(root, "a.log") == tmp_path.resolve() / "a.log"


def test___no_root___complete_path___as_it_is(tmp_path: Path) -> None:
    assert resolved(Root(), str(tmp_path / "a.log")) == tmp_path.resolve() / "a.log"


def test___root___relative_path___starts_there(tmp_path: Path) -> None:
    assert resolved(Root(tmp_path), "logs/a.log") == tmp_path.resolve() / "logs" / "a.log"


@pytest.mark.parametrize(
    "spelling", ["x/../a.log", "./a.log", "link/a.log", "link.log", "x//../a.log"]
)
def test___one_file___spelled_otherwise___one_path(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "link.log").symlink_to("a.log")

    assert resolved(Root(tmp_path), spelling) == tmp_path.resolve() / "a.log"


@pytest.mark.parametrize("text", ["", "a\0.log", "x" * 4097, "../" * 5000])
def test___text_that_is_no_path___resolved___invalid(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        InvalidRequestError, match=r"The path of the log '.* give the path"
    ) as refused:
        Root(tmp_path).resolve(text, WHAT)

    assert len(str(refused.value)) < 1000


def test___characters_the_file_system_cannot_have___resolved___invalid(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="use others"):
        Root(tmp_path).resolve("\ud800.log", WHAT)


@pytest.mark.parametrize(
    "text",
    ["/etc/passwd", "..", "../a", "in/../../a.log", "out/a.log", "out.log", "loop/../.."],
)
def test___root___path_leads_out___denied_with_remedy(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "root"
    (folder / "in").mkdir(parents=True)
    (folder / "out").symlink_to(tmp_path)
    (folder / "out.log").symlink_to("../elsewhere.log")
    (folder / "loop").symlink_to("loop")

    with pytest.raises(OutsideRootError, match="start the server with another --root") as refused:
        Root(folder).resolve(text, WHAT)

    assert refused.value.code == "PERMISSION_DENIED"


def test___root___its_name_begins_that_of_a_neighbour___neighbour_is_outside(
    tmp_path: Path,
) -> None:
    (tmp_path / "root").mkdir()

    with pytest.raises(OutsideRootError):
        Root(tmp_path / "root").resolve(str(tmp_path / "rooted" / "a.log"), WHAT)


def test___root_is_a_link___path_inside___allowed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to("real")

    path = resolved(Root(tmp_path / "root"), str(tmp_path / "root" / "a.log"))

    assert path == (tmp_path / "real" / "a.log").resolve()


def test___links_in_a_circle___resolved___left_to_whoever_opens(tmp_path: Path) -> None:
    (tmp_path / "a.log").symlink_to("b.log")
    (tmp_path / "b.log").symlink_to("a.log")

    path = resolved(Root(tmp_path), "a.log")

    assert path.parent == tmp_path.resolve()


@settings(deadline=None)
@given(st.lists(PARTS, min_size=1, max_size=12), st.booleans())
@example(["out", "..", "a.log"], False)
@example(["in", "x", "..", "..", "..", "a.log"], True)
def test___root___any_path___inside_or_refused(parts: list[str], complete: bool) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve() / "root"
        (folder / "logs").mkdir(parents=True)
        (folder / "out").symlink_to(place)
        (folder / "in").symlink_to("logs")
        text = "/".join(parts)

        try:
            path = resolved(Root(folder), f"{folder}/{text}" if complete else text)
        except (InvalidRequestError, OutsideRootError):
            return

        assert path.is_relative_to(folder)
        assert os.path.realpath(path) == str(path)


def test___no_root___path_to_be_opened_once___links_are_left_in_it(tmp_path: Path) -> None:
    (tmp_path / "real.csv").touch()
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    link = str(tmp_path / "link.csv")

    assert Root().find(link, WHAT) == link
    assert Root(tmp_path).find(link, WHAT) == str(tmp_path / "real.csv")
    with pytest.raises(OutsideRootError):
        Root(tmp_path).find("../other.csv", WHAT)
    with pytest.raises(InvalidRequestError):
        Root().find("a\0b", WHAT)
