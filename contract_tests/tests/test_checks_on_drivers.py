"""The checks of device servers: on the fake, which is right, and on ones that are wrong."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytest.importorskip("nidmm", reason="the extra drivers is not installed")
pytest.importorskip("nidcpower", reason="the extra drivers is not installed")

from session_contract.checks.marking import specification
from session_contract.results.run_result import CheckResult, Outcome
from session_contract.results.verdict import MINIMUM
from session_contract.running import checking, outcomes, plugin
from session_contract.running.classes import load_any_target
from session_contract.running.flags import load
from session_contract.subject.target import TargetError
from session_fakes.device.repository import SessionRepository
from session_fakes.errors import Refusal
from session_fakes.station import FakeStation

AUTO, NEW, ATTACH = 0, 1, 2
DMM, DC_POWER = "nidmm_grpc.NiDmm", "nidcpower_grpc.NiDCPower"
HOUSE = Path(__file__).resolve().parents[2]
TARGET = """
[target]
class = "driver"
name = "a device server for a test"
address = "{address}"
interface = "{interface}"
"""
_OPEN, _CLOSE = SessionRepository.open, SessionRepository.close


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
    folder: Path, station: FakeStation, *options: str, only: str = "", interface: str = DMM
) -> list[CheckResult]:
    """Run checks, quickly, on the device server of a station."""
    target = folder / "target.toml"
    address = station.device_server.address
    target.write_text(TARGET.format(address=address, interface=interface), encoding="utf-8")
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


@pytest.mark.parametrize("interface", [DMM, DC_POWER])
def test___the_fake_device_server___every_check___met_and_nothing_left(
    tmp_path: Path, station: FakeStation, interface: str
) -> None:
    checks = run(tmp_path, station, interface=interface)

    assert [c for c in checks if c.outcome is not Outcome.MET] == []
    assert len(checks) >= MINIMUM["driver"]["core"]
    assert {c.requirement for c in checks} == {r.id for r in specification().of_class("driver")}
    assert station.leaks() == []


# Wrong ones ---------------------------------------------------------------------------------------


Given = Any
"""Arguments of the repository, handed on as they are."""


def _refusing(code: str, *behaviors: int, taken: bool) -> Callable[..., Any]:
    """An initialization that is refused with these behaviours, by whether the name is taken."""

    def wrong(self: Given, driver: Given, name: str, behavior: int, *rest: Given) -> Given:
        is_taken = any(session.name == name for session in self.all())
        if behavior in behaviors and is_taken == taken:
            raise Refusal(code, "no")
        return _OPEN(self, driver, name, behavior, *rest)

    return wrong


def _as(behavior_of: Callable[[int], int]) -> Callable[..., Any]:
    """An initialization that takes one behaviour for another."""

    def wrong(self: Given, driver: Given, name: str, behavior: int, *rest: Given) -> Given:
        return _OPEN(self, driver, name, behavior_of(behavior), *rest)

    return wrong


def _saying(code: str) -> Callable[..., Any]:
    """An initialization with one code in place of another, and other words."""

    def wrong(*given: Given) -> Given:
        try:
            return _OPEN(*given)
        except Refusal as refusal:
            raise Refusal(code or refusal.code, "in other words") from None

    return wrong


def _renaming(self: Given, *given: Given) -> Given:
    session, is_new = _OPEN(self, *given)
    return replace(session, name=f"{session.name}2"), is_new


def _always_new(self: Given, *given: Given) -> Given:
    return _OPEN(self, *given)[0], True


def _one_without_name(self: Given, driver: Given, name: str, behavior: int, *rest: Given) -> Given:
    shared = behavior != ATTACH and not name
    return _OPEN(self, driver, "shared" if shared else name, AUTO if shared else behavior, *rest)


def _once(self: Given, driver: Given, name: str, behavior: int, *rest: Given) -> Given:
    if behavior == NEW and name in _seen:
        raise Refusal(
            "ALREADY_EXISTS", f"Cannot initialize '{name}' when a session already exists."
        )
    _seen.add(name)
    return _OPEN(self, driver, name, behavior, *rest)


_seen: set[str] = set()


def _in_two_steps(self: Given, driver: Given, name: str, behavior: int, *rest: Given) -> Given:
    is_free = all(session.name != name for session in self.all())
    threading.Event().wait(0.01)
    session, is_new = _OPEN(self, driver, name, behavior, *rest)
    return session, is_new or is_free


def _closes_all_names(self: Given, driver: Given, name: str) -> Given:
    if any(session.name == name for session in self.all()):
        return _CLOSE(self, driver, name)
    return None


def _not_found(self: Given, driver: Given, name: str) -> Given:
    if any(session.name == name for session in self.all()):
        return _CLOSE(self, driver, name)
    raise Refusal("NOT_FOUND", "no such session")


def _without_code(self: Given, driver: Given, name: str) -> Given:
    try:
        return _CLOSE(self, driver, name)
    except Refusal as refusal:
        raise Refusal("UNKNOWN", refusal.text) from None


def _closes_nothing(*_: Given) -> None:
    pass


class Case(NamedTuple):
    """Whose check finds it, what that has to say, and what is done instead of which method."""

    requirement: str
    words: str
    method: str
    wrong: Given
    checks: str = "test_examples.py"


_AT, _END = "open", "close"
WRONG = {
    "renames": Case("DRIVER-NAME", "the client named the session dmm", _AT, _renaming),
    "auto only attaches": Case(
        "DRIVER-AUTO-CREATE",
        "it answered FAILED_PRECONDITION",
        _AT,
        _refusing("FAILED_PRECONDITION", AUTO, taken=False),
    ),
    "auto only creates": Case(
        "DRIVER-AUTO-ATTACH",
        "it answered ALREADY_EXISTS",
        _AT,
        _refusing("ALREADY_EXISTS", AUTO, taken=True),
    ),
    "a name is used once": Case("DRIVER-NEW-CREATE", "it answered ALREADY_EXISTS", _AT, _once),
    "new attaches": Case(
        "DRIVER-NEW-EXISTS", "ALREADY_EXISTS", _AT, _as(lambda b: AUTO if b == NEW else b)
    ),
    "new in other words": Case(
        "DRIVER-NEW-EXISTS", "word for word", _AT, _saying(""), "test_words.py"
    ),
    "attach never finds": Case(
        "DRIVER-ATTACH-OPEN",
        "it answered FAILED_PRECONDITION",
        _AT,
        _refusing("FAILED_PRECONDITION", ATTACH, taken=True),
    ),
    "attach is not found": Case(
        "DRIVER-ATTACH-MISSING", "FAILED_PRECONDITION", _AT, _saying("NOT_FOUND")
    ),
    "attach in other words": Case(
        "DRIVER-ATTACH-MISSING", "word for word", _AT, _saying(""), "test_words.py"
    ),
    "one for all without a name": Case(
        "DRIVER-EMPTY-NAME", "always creates a new session", _AT, _one_without_name
    ),
    "always new": Case("DRIVER-FLAG", "new", _AT, _always_new),
    "knows its enum": Case(
        "DRIVER-BEHAVIOR-OTHER",
        "does not act as AUTO",
        _AT,
        _refusing("INVALID_ARGUMENT", 3, 4, 77, -1, taken=False),
        "test_words.py",
    ),
    "two steps": Case(
        "DRIVER-ONE-CREATOR", "say that the session is new", _AT, _in_two_steps, "test_races.py"
    ),
    "any close is good": Case("DRIVER-CLOSE-UNKNOWN", "UNKNOWN", _END, _closes_all_names),
    "close is not found": Case("DRIVER-CLOSE-UNKNOWN", "UNKNOWN", _END, _not_found),
    "no driver code": Case(
        "DRIVER-CLOSE-UNKNOWN", "is due as ni-error", _END, _without_code, "test_words.py"
    ),
    "close counts": Case("DRIVER-CLOSE-FOR-ALL", "FAILED_PRECONDITION", _END, _closes_nothing),
}


@pytest.mark.parametrize("name", WRONG)
def test___a_device_server_that_is_wrong___checked___is_found_by_the_check_of_its_requirement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = WRONG[name]
    _seen.clear()
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

    def leave(self: Given, *_: object) -> None:
        if always:
            self.close()

    monkeypatch.setattr(session, "__exit__", leave)

    checks = run(tmp_path, station, "-k", requirement, only="test_packages.py")

    assert {c.outcome for c in checks} == {Outcome.VIOLATED}
    assert {c.requirement for c in checks} == {requirement}


# How it is named ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nidmm", "nidcpower"])
def test___the_target_files_of_the_fake___loaded___are_of_class_driver(name: str) -> None:
    target = load_any_target(HOUSE / "contract_tests" / "targets" / f"{name}.toml")

    assert target.conformance_class == "driver"
    assert name.removeprefix("ni") in target.where.lower()


def test___an_interface_that_nobody_knows___loaded___names_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "target.toml"
    file.write_text(TARGET.format(address="localhost:1", interface="nidmm_grpc.NiDMM"))

    with pytest.raises(TargetError, match=r"did you mean nidmm_grpc\.NiDmm"):
        load_any_target(file)


def test___a_device_server_by_flags___loaded___is_sent_to_a_target_file() -> None:
    with pytest.raises(TargetError, match='class = "driver"'):
        load({"address": "localhost:1", "dialect": "grpc-device"})
