"""The fidelity page: every mark is held by a test, every RPC is listed, the page is up to date."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from session_fakes import fidelity as marks

FOLDER = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """The script that writes the page; it is not installed."""
    spec = importlib.util.spec_from_file_location("make_fidelity", FOLDER / "make_fidelity.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test___every_mark___looked_for___is_held_by_a_test(maker: ModuleType) -> None:
    held = maker.tests_by_rule()

    assert sorted(name for name in maker.load_marks() if name not in held) == []


def test___every_rule_that_a_test_holds___looked_for___is_marked(maker: ModuleType) -> None:
    known = maker.load_marks()

    assert sorted(rule for rule in maker.tests_by_rule() if rule not in known) == []


def test___page___compared___is_up_to_date(
    maker: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert maker.main(["--check"]) == 0, capsys.readouterr().out


def test___stale_page___compared___is_found(
    maker: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(maker, "TARGET", tmp_path / "FIDELITY.md")

    assert maker.main(["--check"]) == 1
    assert maker.main([]) == 0
    assert maker.main(["--check"]) == 0


def test___every_rpc___of_the_installed_protos___is_on_the_page(maker: ModuleType) -> None:
    rows = list(maker.rpc_rows())

    assert len(rows) == 23
    page = maker.render()
    for service, name, implemented in rows:
        answer = "implemented" if implemented else "UNIMPLEMENTED"
        assert f"| {service} | {name} | {answer} |" in page


def test___mark___given_twice___refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "MARKS", {})

    @marks.fidelity("RULE", evidence="our choice", rule="one")
    def one() -> None: ...

    assert marks.MARKS["RULE"].place.endswith("one")
    with pytest.raises(ValueError, match="RULE is marked at"):

        @marks.fidelity("RULE", evidence="our choice", rule="two")
        def two() -> None: ...

    with pytest.raises(ValueError, match="'hearsay' is none of documented"):
        marks.fidelity("OTHER", evidence="hearsay", rule="x")  # type: ignore[arg-type]


def test___rules_that_a_test_holds___read___are_on_it() -> None:
    @marks.holds("A", "B")
    def test() -> None: ...

    assert test.__dict__["holds_rules"] == ("A", "B")
