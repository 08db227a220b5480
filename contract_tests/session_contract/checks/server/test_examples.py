"""The examples that stand in the specification, played as they stand there."""

from __future__ import annotations

from typing import Any

import pytest

from session_contract.checks.marking import requirement, specification
from session_contract.checks.server.attribution import report
from session_contract.checks.server.course import Upset
from session_contract.checks.server.examples import meanings, play, playable
from session_contract.subject.subject import Subject
from session_spec import Requirement
from session_spec.requirement import Origin, Verification


def _has_examples(wanted: Requirement) -> bool:
    return (
        wanted.path.stem == "server"
        and wanted.origin is not Origin.REFERENCE
        and wanted.verification is Verification.CHECKED
        and wanted.claim != "attach-ignores-configuration"
        and any(map(playable, wanted.examples))
    )


def _cases() -> list[Any]:
    return [
        pytest.param(each, marks=requirement(each.id, each.revision, kind="example"), id=each.id)
        for each in specification().of_class("server")
        if _has_examples(each)
    ]


@pytest.mark.parametrize("wanted", _cases())
def test___example_of_the_specification___played___as_it_says(
    subject: Subject, wanted: Requirement
) -> None:
    try:
        subject.executions = play(subject, wanted)
    except Upset as upset:
        raise report(subject, wanted.id, upset, meanings(wanted)) from None
