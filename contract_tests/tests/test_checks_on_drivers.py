"""The checks of device servers: on the fake, which is right, and on ones that are wrong."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nidaqmx", reason="the extra drivers is not installed")
pytest.importorskip("nidcpower", reason="the extra drivers is not installed")
pytest.importorskip("nidigital", reason="the extra drivers is not installed")
pytest.importorskip("nidmm", reason="the extra drivers is not installed")
pytest.importorskip("nifgen", reason="the extra drivers is not installed")
pytest.importorskip("niscope", reason="the extra drivers is not installed")
pytest.importorskip("niswitch", reason="the extra drivers is not installed")

from session_contract.checks.marking import specification
from session_contract.driver.interfaces import INTERFACES
from session_contract.driver.opening import examine
from session_contract.driver.target import DriverTarget
from session_contract.results.run_result import CheckResult, Outcome
from session_contract.results.verdict import MINIMUM
from session_contract.running import checking, outcomes, plugin
from session_contract.running.classes import load_any_target
from session_contract.running.flags import load
from session_contract.subject.target import TargetError
from session_fakes.device.repository import SessionRepository
from session_fakes.station import FakeStation

wrong: Any = importlib.import_module("wrong_devices")
DMM = "nidmm_grpc.NiDmm"
HOUSE = Path(__file__).resolve().parents[2]
TARGET = """
[target]
class = "driver"
name = "a device server for a test"
address = "{address}"
interface = "{interface}"
"""


class Listening:
    """A plugin that keeps what the checks came to."""

    def __init__(self) -> None:
        self.checks: list[CheckResult] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the results that a report carries."""
        packed = getattr(report, outcomes.RESULTS, None)
        if packed is not None:
            self.checks += outcomes.unpack(packed).checks


@pytest.fixture
def station() -> Iterator[FakeStation]:
    """A station with a device server."""
    with FakeStation() as station:
        yield station


def run(
    folder: Path,
    station: FakeStation,
    *options: str,
    only: str = "",
    interface: str = DMM,
    limits: str = "",
) -> list[CheckResult]:
    """Run checks, quickly, on the device server of a station."""
    target = folder / "target.toml"
    text = TARGET.format(address=station.device_server.address, interface=interface)
    target.write_text(text + limits, encoding="utf-8")
    listening = Listening()
    arguments = [
        str(checking.CHECKS / "driver" / only),
        *("-c", str(Path(plugin.__file__).with_name("pytest.ini"))),
        *("--rootdir", str(checking.CHECKS.parent), "--noconftest"),
        *("-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:warnings"),
        *("-p", "session_contract.running.plugin", "--contract-target", str(target)),
        *("--contract-budget", "quick", *options),
    ]
    with pytest.MonkeyPatch.context() as patch:
        # Only what is named: plugins of this environment have no part in it.
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        pytest.main(arguments, plugins=[listening])
    return listening.checks


@pytest.mark.parametrize("interface", sorted(INTERFACES))
def test___the_fake_device_server___every_check___met_and_nothing_left(
    tmp_path: Path, station: FakeStation, interface: str
) -> None:
    checks = run(tmp_path, station, interface=interface)

    assert [c for c in checks if c.outcome is not Outcome.MET] == []
    assert len(checks) >= MINIMUM["driver"]["core"]
    assert {c.requirement for c in checks} == {r.id for r in specification().of_class("driver")}
    assert station.leaks() == []


def test___a_station_whose_pin_map_has_no_such_instrument___every_check___simulates_its_own(
    tmp_path: Path, station: FakeStation
) -> None:
    station.load_pin_map(HOUSE / "fakes" / "tests" / "pin_maps" / "everything.pinmap")

    checks = run(tmp_path, station)

    assert [c for c in checks if c.outcome is not Outcome.MET] == []


def test___a_package_that_opens_no_session___checked___nothing_is_said_of_leaving_it(
    tmp_path: Path, station: FakeStation
) -> None:
    station.faults.on("InitWithOptions").fail("UNAVAILABLE", "off")

    checks = run(tmp_path, station, "-k", "DRIVER-EXIT-CREATED", only="test_packages.py")

    assert {c.outcome for c in checks} == {Outcome.INCONCLUSIVE}
    assert all("nidmm opens no session" in c.reason for c in checks)


def test___a_server_that_takes_longer_than_its_limit___checked___is_not_judged(
    tmp_path: Path, station: FakeStation
) -> None:
    station.faults.on("InitWithOptions").hang()

    checks = run(tmp_path, station, "-k", "DRIVER-NEW-EXISTS", limits="[limits]\ncall = 0.5\n")

    assert {c.outcome for c in checks} == {Outcome.INCONCLUSIVE}
    assert all("got no answer within 0.5 s" in c.reason for c in checks)


# Wrong ones ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", wrong.WRONG)
def test___a_device_server_that_is_wrong___checked___is_found_by_the_check_of_its_requirement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = wrong.WRONG[name]
    monkeypatch.setattr(SessionRepository, case.method, case.wrong)
    with FakeStation() as station:
        checks = run(tmp_path, station, "-k", case.requirement, only=case.checks)

    found = {c.requirement: c.finding.sentence for c in checks if c.finding}
    assert set(found) == {case.requirement}
    assert case.words in found[case.requirement]


@pytest.mark.parametrize(
    ("requirement", "always"), [("DRIVER-EXIT-CREATED", False), ("DRIVER-EXIT-ATTACHED", True)]
)
def test___a_package_that_closes_always_or_never___checked___is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    station: FakeStation,
    requirement: str,
    always: bool,
) -> None:
    session: Any = importlib.import_module("nidmm").Session

    def leave(self: Any, *_: object) -> None:  # noqa: ANN401 - a session of the package
        if always:
            self.close()

    monkeypatch.setattr(session, "__exit__", leave)

    checks = run(tmp_path, station, "-k", requirement, only="test_packages.py")

    assert {c.outcome for c in checks} == {Outcome.VIOLATED}
    assert {c.requirement for c in checks} == {requirement}


def test___a_package_that_closes_what_is_dropped___checked___is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, station: FakeStation
) -> None:
    session: Any = importlib.import_module("nidmm").Session

    def drop(self: Any) -> None:  # noqa: ANN401 - a session of the package
        self.close()

    monkeypatch.setattr(session, "__del__", drop, raising=False)

    checks = run(tmp_path, station, "-k", "DRIVER-EXIT-DROPPED", only="test_packages.py")

    assert {c.outcome for c in checks} == {Outcome.VIOLATED}
    assert {c.requirement for c in checks} == {"DRIVER-EXIT-DROPPED"}


# How it is named ----------------------------------------------------------------------------------


@pytest.mark.parametrize("interface", sorted(INTERFACES))
def test___the_target_files_of_the_fake___loaded___are_of_class_driver(interface: str) -> None:
    name = INTERFACES[interface].package

    (path,) = (HOUSE / "contract_tests" / "targets").rglob(f"{name}.toml")
    target = load_any_target(path)

    assert target.conformance_class == "driver"
    assert target.where.startswith(f"{interface} at ")


def test___a_device_server___examined___a_session_opens_or_it_is_said_why_not(
    tmp_path: Path, station: FakeStation
) -> None:
    file = tmp_path / "target.toml"
    text = TARGET.format(address=station.device_server.address, interface=DMM)

    def last(limit: float = 20.0) -> tuple[bool, str]:
        file.write_text(f"{text}[limits]\ncall = {limit}\n", encoding="utf-8")
        target = load_any_target(file)
        assert isinstance(target, DriverTarget)
        step = list(examine(target, tmp_path))[-1]
        return step.failed, step.text

    assert last() == (False, "InitWithOptions: OK")
    station.faults.on("InitWithOptions", times=1).hang()
    failed, said = last(0.5)
    assert failed
    assert "got no answer within 0.5 s" in said
    station.faults.on("InitWithOptions", times=1).driver_error(-1074118656, "no such")
    assert last() == (
        True, "InitWithOptions: UNKNOWN no such; say in [initialize] what the driver needs"
    )  # fmt: skip


def test___an_interface_that_nobody_knows___loaded___names_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "target.toml"
    file.write_text(TARGET.format(address="localhost:1", interface="nidmm_grpc.NiDMM"))

    with pytest.raises(TargetError, match=r"did you mean nidmm_grpc\.NiDmm"):
        load_any_target(file)


def test___a_device_server_by_flags___loaded___is_sent_to_a_target_file() -> None:
    with pytest.raises(TargetError, match='class = "driver"'):
        load({"address": "localhost:1", "dialect": "grpc-device"})
