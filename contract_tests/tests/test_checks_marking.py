"""Which checks are collected, and whom they bind."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from session_contract.checks import marking
from session_contract.checks.marking import StaleCheckError, is_claimed, requirement, specification
from session_contract.running.checking import CHECKS
from session_spec import Specification
from session_spec.requirement import Origin, Verification


def test___a_requirement___marked___says_which_and_of_what_kind() -> None:
    mark = requirement("CLOSE-UNKNOWN", 1, kind="input").mark

    assert (mark.name, mark.args, mark.kwargs) == (
        *("requirement", ("CLOSE-UNKNOWN", 1)),
        {"kind": "input"},
    )


@pytest.mark.parametrize(
    ("name", "revision", "kind", "text"),
    [
        ("CLOSE-UNKNOW", 1, "input", "CLOSE-UNKNOWN"),
        ("close-unknown", 1, "input", "as the specification does, CLOSE-UNKNOWN"),
        ("CLOSE-UNKNOWN", 2, "input", "written for revision 2, and the requirement is at"),
        ("HOST-START-SCRIPT", 1, "hosting", "not observable"),
        ("CLOSE-UNKNOWN", 1, "magic", "one of example"),
    ],
)
def test___a_mark_that_does_not_fit___made___refused_with_reason(
    name: str, revision: int, kind: str, text: str
) -> None:
    with pytest.raises(StaleCheckError, match=text):
        requirement(name, revision, kind=kind)


def test___a_requirement_that_was_revised___checks_of_it___are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = specification().documents[0]
    area = document.areas[0]
    revised = replace(area.requirements[0], revision=2)
    changed = Specification((replace(document, areas=(replace(area, requirements=(revised,)),)),))
    monkeypatch.setattr(marking, "specification", lambda: changed)

    with pytest.raises(StaleCheckError, match=f"at revision 2 now: .*{document.path.name}"):
        requirement(revised.id, 1, kind="example")


@pytest.mark.parametrize(
    ("name", "claims", "binds"),
    [
        ("CLOSE-UNKNOWN", set[str](), True),
        ("USE-CLOSED", set[str](), False),
        ("USE-CLOSED", {"use"}, True),
        ("NAME-FILE", {"use"}, False),
    ],
)
def test___claims___a_requirement___binds_or_not(name: str, claims: set[str], binds: bool) -> None:
    assert is_claimed(specification()[name], claims) is binds


def test___each_observable_requirement_of_core_and_claims___has_a_check() -> None:
    # Those that have only examples are found by the parameters of test_examples.
    from session_contract.checks.server.test_examples import _cases  # pyright: ignore[reportPrivateUsage]

    due = {
        r.id
        for r in specification().of_class("server")
        if r.origin is not Origin.REFERENCE and r.verification is not Verification.NOT_OBSERVABLE
    }
    texts = {
        node.value
        for path in (CHECKS / "server").glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    checked = texts | {case.id for case in _cases()}

    assert due - checked == set()
