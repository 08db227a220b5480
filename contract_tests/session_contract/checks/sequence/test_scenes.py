"""Each scene is played once, and held against the model; each of its requirements is a check."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from session_contract.checks.marking import requirement, specification
from session_contract.checks.sequence.fixtures import Seen
from session_contract.checks.sequence.scenes import NEEDS, REFUSED, SCENES, Scene
from session_contract.sequences.judging import happened, judge
from session_contract.subject.finding import Finding, NotEstablished, Violated
from session_spec.examples import Event

_REVISIONS = dict.fromkeys((name for scene in SCENES for name in scene.requirements), 1)
"""The revisions that the scenes were written for."""


def _checks() -> Iterator[object]:
    for scene in SCENES:
        for name in scene.requirements:
            mark = requirement(name, _REVISIONS[name], kind=scene.kind)
            yield pytest.param(scene, name, marks=mark, id=f"{scene.name}: {name}")


@pytest.mark.parametrize(("scene", "name"), list(_checks()))
def test___sequence___played___keeps_the_requirement(seen: Seen, scene: Scene, name: str) -> None:
    try:
        events = seen(scene)
    except Violated as violated:
        _show(violated.finding, scene, name)
        raise NotEstablished(str(violated)) from None
    finding = judge(events)
    if finding is not None:
        _show(finding, scene, name)
    else:
        _look_whether_it_was_tried(events, name)


def _show(finding: Finding, scene: Scene, name: str) -> None:
    """Raise what a scene found, in the check that is of it, or in all when there is none."""
    if finding.requirement == name or finding.requirement not in scene.requirements:
        raise Violated(finding)
    title = specification()[finding.requirement].title
    raise NotEstablished(f"{finding.requirement} is violated ({title}), and ended the scene")


def _look_whether_it_was_tried(events: list[Event], name: str) -> None:
    if name not in NEEDS:
        return
    section, call = NEEDS[name]
    if not happened(events, section, call, ("OK", REFUSED.get(name, "OK"))):
        raise NotEstablished(
            f"No {section} step made a call of {call} that was answered OK: name steps that open "
            "the sessions of the pin map, and let them find their server by Discovery."
        )
