"""The pytest plugin ``session_contract``: installed with the package, and idle without a target.

``session-contract run`` is the usual way to run the checks. With pytest itself it is::

    pytest --pyargs session_contract --contract-target my_server.toml

The flags have a prefix, because every run of pytest in this environment has them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from session_contract.running.flags import BUDGETS, FLAGS, PLACES

_TEMPLATE = Path(__file__).resolve().parents[1] / "scaffold" / "template"
"""What projects are made from; its tests run in these."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flags that name a target, and how it is to be judged."""
    group = parser.getgroup("session contract", "the contract of session sharing")
    for flag in FLAGS:
        group.addoption(
            f"--contract-{flag.name}",
            action="append" if flag.is_list else "store",
            metavar=flag.metavar,
            help=flag.text,
        )
    group.addoption(
        "--contract-budget", choices=BUDGETS, default="default", help="How often to repeat."
    )
    group.addoption(
        "--contract-seed", type=int, default=0, metavar="N", help="What random checks are made of."
    )
    group.addoption("--contract-results", metavar="FOLDER", help="Where the calls are written to.")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark and the fixtures, when a target is named."""
    given = {flag.name: config.getoption(f"contract_{flag.name}") for flag in FLAGS}
    if not any(given[flag.name] for flag in PLACES):
        return
    from session_contract.running import fixtures
    from session_contract.running.checking import PLUGIN, Checking
    from session_contract.running.classes import CLASSES
    from session_contract.running.flags import load
    from session_contract.subject.target import TargetError

    try:
        target = load(given)
    except TargetError as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(Checking(config, target), PLUGIN)
    config.pluginmanager.register(fixtures, "session_contract_fixtures")
    own = CLASSES[target.conformance_class].fixtures_module()
    config.pluginmanager.register(own, "session_contract_class_fixtures")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the tests of the template, when the whole package is named."""
    return True if collection_path == _TEMPLATE else None
