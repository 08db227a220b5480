"""The checks on clients that are right, and on clients that are wrong in one thing."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from session_contract.checks.marking import specification
from session_contract.results.run_result import CheckResult, Outcome
from session_contract.results.verdict import MINIMUM
from session_contract.running import checking, outcomes, plugin

HERE = Path(__file__).parent
HOUSE = HERE.parents[1]
wrong: Any = importlib.import_module("wrong_clients")

TARGET = """
[target]
class = "client"
name = "a client for a test"
client = "{client}"
folder = "{folder}"
claims = [{claims}]
{more}
[resource]
name = "{resource}"
[limits]
hang = 2
"""
LOGGER = """
[client]
{call}
[client.use]
call = "{use}"
arguments = {arguments}
[descriptors]
source = "{house}/reference_impl/session_reference/file_logger/json_logger.proto"
"""
INSTRUMENT = """
[client]
arguments = ["{{resource}}", 1, "map.csv", false, "{{behavior}}"]
keywords = {{ address = "{{address}}", timeout = "{{timeout}}" }}
[descriptors]
source = "{house}/reference_impl/session_reference/custom_instrument/device_comm_service.proto"
"""
BY_NAME = 'arguments = ["{resource}", "{behavior_name}", "{address}", "{timeout}"]'
AS_NI = (
    'arguments = ["{resource}", "{behavior}"]\n'
    'keywords = { address = "{address}", timeout = "{timeout}" }'
)
CLAIMS = ("errors", "tidy")


class Listening:
    """A plugin that keeps what the checks came to."""

    def __init__(self) -> None:
        self.checks: list[CheckResult] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the results that a report carries."""
        packed = getattr(report, outcomes.RESULTS, None)
        if packed is not None:
            self.checks += outcomes.unpack(packed).checks


def run(target: Path, *options: str) -> list[CheckResult]:
    """Run checks on a target, quickly."""
    listening = Listening()
    arguments = [
        str(checking.CHECKS / "client"),
        *("-c", str(Path(plugin.__file__).with_name("pytest.ini"))),
        *("--rootdir", str(target.parent), "-p", "no:cacheprovider", "-p", "no:terminal"),
        *("-p", "session_contract.running.plugin", "--contract-target", str(target)),
        *("--contract-budget", "quick", *options),
    ]
    with pytest.MonkeyPatch.context() as patch:
        # Only what is named: plugins of this environment have no part in it.
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        pytest.main(arguments, plugins=[listening])
    return listening.checks


def target(folder: Path, client: str, more: str, claims: tuple[str, ...] = CLAIMS) -> Path:
    """Write a target file."""
    path = folder / "target.toml"
    text = TARGET.format(
        client=client,
        folder=(folder if "." in client else HERE).as_posix(),
        claims=", ".join(f'"{claim}"' for claim in claims),
        more=more,
        resource="{tmp}/{unique}.ndjson" if "log" in more else "contract-{unique}",
    )
    path.write_text(text, encoding="utf-8")
    return path


def written(folder: Path, name: str, claims: tuple[str, ...] = CLAIMS) -> Path:
    """The target file of a client of ``sharing_client``."""
    more = LOGGER.format(call=BY_NAME, use="use", arguments="[]", house=HOUSE.as_posix())
    return target(folder, f"sharing_client:{name}", more, claims)


def patched(folder: Path, name: str) -> Path:
    """The target file of a patched copy of a reference client."""
    if (folder / name / "log_file.py").exists():
        more = LOGGER.format(
            call=AS_NI, use="log_data", arguments='["voltage", {}, {}]', house=HOUSE.as_posix()
        )
        return target(folder, f"{name}.session:JsonLoggerClient", more)
    more = INSTRUMENT.format(house=HOUSE.as_posix())
    return target(folder, f"{name}.session:DeviceCommunicationClient", more)


def not_met(checks: list[CheckResult]) -> list[str]:
    """What did not come out as met, in words."""
    return [
        f"{c.requirement} {c.check}: {c.outcome.value} {c.reason or c.finding}"
        for c in checks
        if c.outcome is not Outcome.MET
    ]


def test___a_right_client___every_check___met(tmp_path: Path) -> None:
    checks = run(written(tmp_path, "Right"))

    assert not_met(checks) == []
    assert {c.requirement for c in checks} == {r.id for r in specification().of_class("client")}
    assert len(checks) >= sum(MINIMUM["client"].values())


def test___a_client_built_from_the_guide_alone___core_checks___met(tmp_path: Path) -> None:
    checks = run(written(tmp_path, "FromTheGuide", ()))

    assert not_met(checks) == []
    assert len(checks) >= MINIMUM["client"]["core"]


@pytest.mark.parametrize("client", wrong.WRITTEN, ids=lambda each: str(each.name))
def test___a_client_with_one_fault___checked___found_by_the_check_of_its_requirement(
    tmp_path: Path,
    client: Any,  # noqa: ANN401 - of another module of tests
) -> None:
    found = looked_for(written(tmp_path, client.name), client)

    assert client.words in found


@pytest.mark.parametrize("client", wrong.PATCHED, ids=lambda each: str(each.name))
def test___a_reference_client_with_one_line_changed___checked___found(
    tmp_path: Path,
    client: Any,  # noqa: ANN401 - of another module of tests
) -> None:
    client.write(tmp_path)

    found = looked_for(patched(tmp_path, client.name), client)

    assert client.words in found


def looked_for(path: Path, client: Any) -> str:  # noqa: ANN401 - likewise
    """What the checks of the requirement that a client breaks say of it."""
    select = " and ".join(filter(None, [client.requirement, client.only]))

    checks = run(path, "-k", select)

    assert {c.outcome for c in checks} <= {Outcome.MET, Outcome.VIOLATED, Outcome.INCONCLUSIVE}
    violated = [
        c for c in checks if c.outcome is Outcome.VIOLATED and c.requirement == client.requirement
    ]
    assert violated
    return "\n".join(c.finding.sentence for c in violated if c.finding)
