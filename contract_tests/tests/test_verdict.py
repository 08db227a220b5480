"""What a run says in the end, by what its checks came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from session_contract.results import verdict as verdicts
from session_contract.results.run_result import CheckResult, Outcome, RunResult, Standing, Verdict
from session_contract.results.verdict import sentence, standings, verdict
from session_spec import Origin, Verification, load

SPECIFICATION = load()
BOUND = [
    r
    for r in SPECIFICATION.of_class("server")
    if r.origin is Origin.CORE and r.verification is not Verification.NOT_OBSERVABLE
]


@pytest.fixture(autouse=True)
def _no_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "MINIMUM", {})


def check(requirement: str, outcome: Outcome = Outcome.MET) -> CheckResult:
    return CheckResult(requirement, 1, "a check", "matrix", outcome)


def run_of(changed: Mapping[str, Sequence[Outcome]] | None = None, **more: Any) -> RunResult:  # noqa: ANN401 - the fields of a run
    """A run in which every core check was met, but for those that are named."""
    outcomes = {r.id: [Outcome.MET] for r in BOUND} | dict(changed or {})
    checks = [check(name, outcome) for name, each in outcomes.items() for outcome in each]
    facts: dict[str, Any] = {
        "target": "acme",
        "target_version": "2.3.1",
        "contact": "",
        "place": "127.0.0.1:1",
        "conformance_class": "server",
        "claims": [],
        "dialect": "standard",
        "spec_version": "1.0",
        "kit_version": "1.0",
        "seed": 1,
        "began": "2026-01-01T00:00:00+00:00",
        "seconds": 1.0,
        "checks": checks,
    }
    return RunResult(**(facts | more))


def test___all_met___judged___holds_and_says_how_much() -> None:
    result = run_of()

    due = len(BOUND)
    assert verdict(result, SPECIFICATION) is Verdict.HOLDS
    assert sentence(result, SPECIFICATION).startswith(
        "acme 2.3.1 meets session sharing 1.0, class server, core only: "
        f"{due} of {due} requirements checked and met. Not claimed: "
    )


@pytest.mark.parametrize(
    ("outcomes", "standing", "expected"),
    [
        ([Outcome.VIOLATED], Standing.VIOLATED, Verdict.VIOLATED),
        ([Outcome.MET, Outcome.VIOLATED], Standing.VIOLATED, Verdict.VIOLATED),
        ([Outcome.VIOLATED, Outcome.INCONCLUSIVE], Standing.VIOLATED, Verdict.VIOLATED),
        ([], Standing.NOT_RUN, Verdict.NOT_ESTABLISHED),
        ([Outcome.MET, Outcome.NOT_RUN], Standing.NOT_RUN, Verdict.NOT_ESTABLISHED),
        ([Outcome.MET, Outcome.INCONCLUSIVE], Standing.INCONCLUSIVE, Verdict.NOT_ESTABLISHED),
        ([Outcome.TARGET_DIED], Standing.NOT_RUN, Verdict.UNREACHABLE),
        ([Outcome.MET, Outcome.KIT_ERROR], Standing.KIT_ERROR, Verdict.KIT_FAILED),
    ],
)
def test___one_requirement_not_met___judged___decides(
    outcomes: list[Outcome], standing: Standing, expected: Verdict
) -> None:
    result = run_of({"CLOSE-OPEN": outcomes})

    assert standings(result, SPECIFICATION)["CLOSE-OPEN"] is standing
    assert verdict(result, SPECIFICATION) is expected
    assert "CLOSE-OPEN" in sentence(result, SPECIFICATION)
    assert " meets session sharing" not in sentence(result, SPECIFICATION).replace(
        "whether acme 2.3.1 meets", ""
    )


def test___nothing_run___judged___not_established() -> None:
    result = run_of(checks=[])

    assert verdict(result, SPECIFICATION) is Verdict.NOT_ESTABLISHED
    assert sentence(result, SPECIFICATION).startswith(
        "It is not established whether acme 2.3.1 meets"
    )


def test___claim_without_checks___judged___not_established() -> None:
    result = run_of(claims=["use"])

    assert standings(result, SPECIFICATION)["USE-CLOSED"] is Standing.NOT_RUN
    assert verdict(result, SPECIFICATION) is Verdict.NOT_ESTABLISHED
    assert "class server with claims use" in sentence(result, SPECIFICATION)


def test___claim_not_made___judged___left_out() -> None:
    found = standings(run_of(), SPECIFICATION)

    assert found["USE-CLOSED"] is Standing.NOT_CLAIMED
    assert not [name for name in found if SPECIFICATION[name].origin is Origin.REFERENCE]


def test___reference_requirement_checked___judged___told() -> None:
    assert standings(run_of({"CODE-FULL": [Outcome.MET]}), SPECIFICATION)["CODE-FULL"]


def test___known_violation___judged___passes_but_does_not_meet() -> None:
    result = run_of({"RACE-ORDER": [Outcome.VIOLATED]}, known=["RACE-ORDER"])

    assert standings(result, SPECIFICATION)["RACE-ORDER"] is Standing.KNOWN_FAILURE
    assert verdict(result, SPECIFICATION) is Verdict.HOLDS
    assert "does not meet" in sentence(result, SPECIFICATION)
    assert "1 known to be violated (RACE-ORDER)" in sentence(result, SPECIFICATION)


@pytest.mark.parametrize(
    ("outcome", "standing"),
    [(Outcome.MET, Standing.FIXED_BUT_LISTED), (Outcome.VIOLATED, Standing.VIOLATED)],
)
def test___stale_entry___judged___red(outcome: Outcome, standing: Standing) -> None:
    result = run_of(
        {"RACE-ORDER": [outcome]}, known=["RACE-ORDER"], stale={"RACE-ORDER": "it is met now"}
    )

    assert standings(result, SPECIFICATION)["RACE-ORDER"] is standing
    assert verdict(result, SPECIFICATION) is Verdict.VIOLATED
    assert "Stale: RACE-ORDER: it is met now." in sentence(result, SPECIFICATION)


def test___stale_entry_of_an_unknown_id___judged___red_though_all_is_met() -> None:
    result = run_of(known=["NO-SUCH"], stale={"NO-SUCH": "there is no such requirement"})

    assert verdict(result, SPECIFICATION) is Verdict.VIOLATED
    assert "list of known failures of acme 2.3.1 is stale" in sentence(result, SPECIFICATION)


@pytest.mark.parametrize("ended", [Verdict.KIT_FAILED, Verdict.UNREACHABLE])
def test___run_that_was_ended___judged___as_what_ended_it(ended: Verdict) -> None:
    result = replace(run_of(), ended=ended, complaint="It ended so.")

    assert verdict(result, SPECIFICATION) is ended
    assert sentence(result, SPECIFICATION).endswith("It ended so.")


def test___fewer_checks_than_the_least___judged___not_established(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verdicts, "MINIMUM", {"server": {"core": len(BOUND) + 1, "use": 1}})

    assert verdict(run_of(), SPECIFICATION) is Verdict.NOT_ESTABLISHED
    assert f"Too few: of core, {len(BOUND)} checks" in sentence(run_of(), SPECIFICATION)


def test___target_with_braces_in_its_name___judged___as_it_is() -> None:
    assert sentence(run_of(target="{acme}"), SPECIFICATION).startswith("{acme} 2.3.1 meets")
