"""The checks on clients that are right, in whatever way they are made."""

from __future__ import annotations

from pathlib import Path

import pytest

from selftest import clients
from session_contract.checks.marking import specification
from session_contract.results.run_result import CheckResult, Outcome
from session_contract.results.verdict import MINIMUM
from session_contract.running import checking, outcomes, plugin

CLAIMS = '"errors", "tidy"'


class Listening:
    """A plugin that keeps what the checks came to."""

    def __init__(self) -> None:
        self.checks: list[CheckResult] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the results that a report carries."""
        packed = getattr(report, outcomes.RESULTS, None)
        if packed is not None:
            self.checks += outcomes.unpack(packed).checks


def run(folder: Path, target: str, *options: str) -> list[CheckResult]:
    """Run checks on a target, quickly."""
    path = folder / "target.toml"
    path.write_text(target, encoding="utf-8")
    listening = Listening()
    arguments = [
        str(checking.CHECKS / "client"),
        *("-c", str(Path(plugin.__file__).with_name("pytest.ini"))),
        *("--rootdir", str(folder), "-p", "no:cacheprovider", "-p", "no:terminal"),
        *("-p", "session_contract.running.plugin", "--contract-target", str(path)),
        *("--contract-budget", "quick", *options),
    ]
    with pytest.MonkeyPatch.context() as patch:
        # Only what is named: plugins of this environment have no part in it.
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        pytest.main(arguments, plugins=[listening])
    return listening.checks


def not_met(checks: list[CheckResult]) -> list[str]:
    """What did not come out as met, in words."""
    return [
        f"{c.requirement} {c.check}: {c.outcome.value} {c.reason or c.finding}"
        for c in checks
        if c.outcome is not Outcome.MET
    ]


def test___a_right_client___every_check___met(tmp_path: Path) -> None:
    checks = run(tmp_path, clients.small_target("Right", CLAIMS, clients.LATE, tmp_path))

    assert not_met(checks) == []
    assert {c.requirement for c in checks} == {r.id for r in specification().of_class("client")}
    assert len(checks) >= sum(MINIMUM["client"].values())


def test___a_client_built_from_the_guide_alone___core_checks___met(tmp_path: Path) -> None:
    checks = run(tmp_path, clients.small_target("FromTheGuide", "", clients.LATE, tmp_path))

    assert not_met(checks) == []
    assert len(checks) >= MINIMUM["client"]["core"]


WAYS = {
    "inferred": "",
    "channel": (
        'keywords = { file_path = "{resource}", initialization_behavior = "{behavior}", '
        'channel = "{channel}", timeout = "{timeout}" }'
    ),
    "pool": (
        'arguments = ["{resource}", "{behavior}"]\n'
        'keywords = { address = "{address}", grpc_channel_pool = "{channel_pool}" }'
    ),
    "discovery": (
        'arguments = ["{resource}", "{behavior}"]\n'
        'keywords = { discovery_client = "{discovery}", timeout = "{timeout}" }'
    ),
    "things to make": (
        'arguments = [{ make = "pathlib:Path", arguments = ["{resource}"] }]\n'
        'keywords = { initialization_behavior = "{import '
        'ni_measurement_plugin_sdk_service.session_management:SessionInitializationBehavior.AUTO}",'
        ' address = "{host}:{port}" }'
    ),
}
LOGGER = """
[target]
class = "client"
name = "logger"
client = "session_reference.file_logger.session:JsonLoggerClient"
[client]
{how}
[descriptors]
source = "module:session_reference.file_logger.stubs.json_logger_pb2"
[discovery]
interface = "ni.logger.v1.json"
class = "ni.logger.JSONLogService"
[resource]
name = "{{tmp}}/{{unique}}.ndjson"
"""


@pytest.mark.parametrize("way", WAYS)
def test___a_reference_client___made_in_this_way___met(tmp_path: Path, way: str) -> None:
    checks = run(tmp_path, LOGGER.format(how=WAYS[way]), "-k", "cell and AUTO and cleanly")

    assert not_met(checks) == []
    assert len(checks) >= 4
