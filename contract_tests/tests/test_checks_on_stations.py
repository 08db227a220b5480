"""The checks on the fakes, which are right, and on stations that are wrong in one thing."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from session_contract.checks.marking import specification
from session_contract.results.run_result import CheckResult, Outcome
from session_contract.results.verdict import MINIMUM
from session_contract.running import checking, outcomes, plugin
from session_fakes.station import FakeStation

wrong: Any = importlib.import_module("wrong_stations")


class Listening:
    """A plugin that keeps what the checks came to."""

    def __init__(self) -> None:
        self.checks: list[CheckResult] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the results that a report carries."""
        packed = getattr(report, outcomes.RESULTS, None)
        if packed is not None:
            self.checks += outcomes.unpack(packed).checks


def run(
    station: FakeStation, *options: str, only: str = "", claim: str = "reference"
) -> list[CheckResult]:
    """Run checks, quickly, on a station of this process."""
    listening = Listening()
    arguments = [
        str(checking.CHECKS / "station" / only),
        *("-c", str(Path(plugin.__file__).with_name("pytest.ini"))),
        *("--rootdir", str(checking.CHECKS.parent), "--noconftest"),
        *("-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:warnings"),
        *("-p", "session_contract.running.plugin", "-p", "pytest_grpc.plugin"),
        *("--contract-station", station.discovery_address, "--contract-budget", "quick"),
        *(["--contract-claim", claim] if claim else []),
        *options,
    ]
    with pytest.MonkeyPatch.context() as patch:
        # Only what is named: plugins of this environment have no part in it.
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        pytest.main(arguments, plugins=[listening])
    return listening.checks


def not_met(checks: Sequence[CheckResult]) -> list[str]:
    """What did not come out as met, in words."""
    return [
        f"{c.requirement} {c.check}: {c.outcome.value} {c.reason or c.finding}"
        for c in checks
        if c.outcome is not Outcome.MET
    ]


def test___the_fakes___every_check___met_and_what_others_have_untouched() -> None:
    with FakeStation() as station:
        names = wrong.furnish(station)
        before = (station.sessions(), station.services())

        checks = run(station)

        assert not_met(checks) == []
        assert len(checks) >= sum(MINIMUM["station"].values())
        assert (station.sessions(), station.services()) == before
        assert {session.name for session in station.sessions()} == names
        assert station.internal_errors == []


def test___checks___looked_at___are_of_every_requirement() -> None:
    with FakeStation() as station:
        checks = run(station, "--collect-only")

    assert checks == []
    covered = {r.id for r in specification().of_class("station")}
    assert {case.requirement for case in wrong.WRONG.values()} == covered


@pytest.mark.parametrize("otherwise", ["OTHERWISE", "PER_PIN", "LAST_FIRST"])
def test___a_station_that_chose_otherwise_where_ni_is_silent___core_checks___met(
    otherwise: str,
) -> None:
    with wrong.WrongStation(getattr(wrong, otherwise)) as station:
        checks = run(station, claim="")

        assert not_met(checks) == []
        assert station.sessions() == []
    assert len(checks) >= MINIMUM["station"]["core"]


@pytest.mark.parametrize("name", wrong.WRONG)
def test___a_station_that_is_wrong___checked___is_found_by_the_check_of_its_requirement(
    name: str,
) -> None:
    case = wrong.WRONG[name]
    with wrong.WrongStation(case.wrong) as station:
        checks = run(station, "-k", case.requirement, only=case.checks)

    found = {
        c.requirement: c.finding for c in checks if c.outcome is Outcome.VIOLATED and c.finding
    }
    assert set(found) == {case.requirement}, checks
    assert case.words in found[case.requirement].sentence
