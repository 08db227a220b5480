"""The examples that stand in the specification, played as they stand there."""

from __future__ import annotations

from typing import Any

import pytest

from session_contract.checks.custom_instrument.speaking import play
from session_contract.checks.marking import requirement, specification
from session_contract.profiles.served import Client, Served
from session_spec import Requirement


def _cases() -> list[Any]:
    return [
        pytest.param(each, marks=requirement(each.id, each.revision, kind="example"), id=each.id)
        for each in specification().of_class("custom-instrument")
    ]


@pytest.mark.parametrize("wanted", _cases())
def test___example_of_the_specification___played___as_it_says(
    served: Served, client: Client, wanted: Requirement
) -> None:
    assert client.name
    served.executions = play(served, wanted)
