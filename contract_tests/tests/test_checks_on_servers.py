"""The checks on servers that are right, and on servers that are wrong in one thing."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from session_contract.checks.marking import specification
from session_contract.results.run_result import CheckResult, Outcome
from session_contract.running import checking, outcomes, plugin

HERE = Path(__file__).parent
CLAIMS = {"use", "strict-input", "attach-ignores-configuration", "independent", "lost-calls"}


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


servers = _load("sharing_server")

TARGET = """
[target]
name = "a server for a test"
{place}
claims = [{claims}]
[descriptors]
source = "sharing.proto"
[resource]
slow = "slow-{{unique}}"
[initialize.bad]
mode = 99
[[use]]
rpc = "Write"
request = {{ text = "{{value}}" }}
writes = true
[[use]]
rpc = "Write"
answer = "text"
"""


SERVICER = """
servicer = "sharing_server:{server}"
folder = "{folder}"
"""
COMMAND = """
command = ["{{python}}", "{folder}/sharing_server.py", "{server}", "{{port}}"]
environment = {{ TMPDIR = "{{tmp}}" }}
"""
LATER = {"restart", "lost-calls"}
"""Claims whose faults are looked for in tests of their own."""


SERVER_KINDS = {"example", "matrix", "input", "stateful", "race", "lost", "slow", "attach"}
"""The kinds of the checks that need no process of their own."""


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
    folder: Path,
    server: str,
    claims: set[str],
    *options: str,
    only: Sequence[str] = ("",),
    place: str = SERVICER,
    more: str = "",
) -> list[CheckResult]:
    """Run checks, quickly, on one of the servers."""
    servers.write_proto(folder)
    told = ", ".join(f'"{claim}"' for claim in sorted(claims))
    target = folder / "target.toml"
    where = place.format(server=server, folder=HERE.as_posix())
    text = TARGET.format(place=where, claims=told)
    target.write_text(text + more, encoding="utf-8")
    listening = Listening()
    arguments = [
        *(str(checking.CHECKS / "server" / name) for name in only),
        *("-c", str(Path(plugin.__file__).with_name("pytest.ini")), "--rootdir", str(folder)),
        *("-p", "no:cacheprovider", "-p", "no:terminal"),
        *("-p", "session_contract.running.plugin", "--contract-target", str(target)),
        *(options or ("--contract-budget", "quick")),
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


def test___a_correct_server___every_check___met(tmp_path: Path) -> None:
    checks = run(tmp_path, "correct", CLAIMS)

    assert not_met(checks) == []
    assert {c.kind for c in checks} == SERVER_KINDS
    assert len(checks) > 150


def test___a_server_whose_uses_always_fail___used_after_close___not_established(
    tmp_path: Path,
) -> None:
    checks = run(tmp_path, "fails_in_use", {"use"}, only=["test_matrix.py"])

    of_uses = [check for check in checks if check.requirement == "USE-CLOSED"]
    assert {check.outcome for check in of_uses} == {Outcome.INCONCLUSIVE}
    assert all("of an open session answered INTERNAL" in check.reason for check in of_uses)


def test___a_server_built_from_the_guide_alone___core_checks___met(tmp_path: Path) -> None:
    checks = run(tmp_path, "guide", set())

    assert not_met(checks) == []
    assert len(checks) > 100


WHERE = {
    "ATTACH": "test_attach_config.py",
    "SLOW": "test_slow.py",
    "RACE": "test_races.py",
    "INPUT": "test_inputs.py",
    "reads_after_close": "test_matrix.py",
    "tires": "test_matrix.py",
}
"""Where the faults are looked for that no example shows; to try all on each takes too long."""


def faults(*claims: str) -> list[str]:
    """The names of the servers with a fault against one of these claims; none: against others."""
    found = {name: specification()[due].claim or "" for name, (due, _) in servers.WRONG.items()}
    return [name for name, claim in found.items() if (claim in (claims or LATER)) is bool(claims)]


@pytest.mark.parametrize("name", faults())
def test___a_server_with_one_fault___checked___violates_that_requirement(
    tmp_path: Path, name: str
) -> None:
    due, words = servers.WRONG[name]
    where = WHERE.get(name) or WHERE.get(due.partition("-")[0])

    checks = run(
        tmp_path, f"wrong.{name}", CLAIMS, only=["test_examples.py", *([where] if where else [])]
    )

    violated = {c.requirement for c in checks if c.outcome is Outcome.VIOLATED}
    assert due in violated
    assert any(c.finding and words in c.finding.sentence for c in checks if c.requirement == due)
    # Who checks and then creates breaks what is said of INITIALIZE_NEW, too.
    assert {each for each in violated if not (due.startswith("RACE") and each[:4] == "RACE")} <= {
        due
    }
    assert {c.outcome for c in checks} <= {Outcome.MET, Outcome.VIOLATED, Outcome.INCONCLUSIVE}


def test___a_server_that_dies___checked___said_to_be_dead(tmp_path: Path) -> None:
    checks = run(tmp_path, "mortal", set(), only=["test_examples.py"])

    assert checks[-1].outcome is Outcome.TARGET_DIED


@pytest.mark.parametrize("name", ["new_refused_but_closes", "use_of_nothing_creates"])
def test___a_fault_that_shows_later___random_calls___named_for_its_cause(
    tmp_path: Path, name: str
) -> None:
    checks = run(tmp_path, f"wrong.{name}", CLAIMS, only=["test_stateful.py"])

    found = [c.finding for c in checks if c.finding]
    assert [each.requirement for each in found] == [servers.WRONG[name][0]]
    assert len(found[0].records) <= 5


@pytest.mark.parametrize("name", faults("lost-calls"))
def test___a_server_that_minds_lost_calls___calls_lost___violates_that_requirement(
    tmp_path: Path, name: str
) -> None:
    lost = "close" if servers.WRONG[name][0] == "LOST-CLOSE" else "initialize"
    options = ("--contract-budget", "default", "-k", f"a_lost_{lost} and too_late")

    checks = run(
        *(tmp_path, f"wrong.{name}", CLAIMS, *options),
        only=["test_lost.py"],
        more="[limits]\ncall = 2\n",
    )

    assert [c.requirement for c in checks if c.finding] == [servers.WRONG[name][0]]


@pytest.mark.parametrize("name", ["correct", *faults("restart")])
def test___a_server_started_by_a_command___restarted___met_or_that_requirement_violated(
    tmp_path: Path, name: str
) -> None:
    checks = run(tmp_path, name, {"restart", "use"}, only=["test_restart.py"], place=COMMAND)

    violated = {c.requirement for c in checks if c.finding}
    assert violated == ({servers.WRONG[name][0]} if name in servers.WRONG else set())
    assert len(checks) == 4
