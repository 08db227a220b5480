"""The checks of sequences, on sequences that are right, and on ones with a fault each."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from session_contract.checks.marking import specification
from session_contract.checks.sequence.scenes import NEEDS, SCENES, Scene
from session_contract.checks.sequence.test_scenes import (
    test___sequence___played___keeps_the_requirement as check,
)
from session_contract.sequences import environment
from session_contract.sequences.environment import Stage, open_stage
from session_contract.sequences.target import Model, SequenceServer, SequenceTarget
from session_contract.sequences.telling import told
from session_contract.subject.finding import Violated
from session_contract.subject.record import Journal
from session_contract.subject.target import Descriptors, Identity, Servicer, Target
from session_spec.examples import Event
from session_spec.requirement import Verification

HERE = Path(__file__).parent
wrong: Any = importlib.import_module("wrong_sequences")  # beside this file
BY_NAME = {scene.name: scene for scene in SCENES}


RIGHT = [
    pytest.param({}, id="as the guide says"),
    pytest.param({"cleanup": ["destroy_unregisters_first"]}, id="unregisters first"),
    pytest.param({"cleanup": ["destroy_by_pins"]}, id="cleanup reserves by pins"),
    pytest.param({"setup": ["create", "create_in_two_steps"]}, id="a second setup step"),
    pytest.param({"setup": ["create_with_a_look_before"]}, id="setup looks before"),
    pytest.param({"main": ["use_and_a_log_of_its_own"]}, id="a log of its own"),
    pytest.param(
        {"setup": ["create_by_path"], "main": ["use_by_path"], "cleanup": ["destroy_by_path"]},
        id="names made into paths",
    ),
    pytest.param(
        {"model": "batch", "setup": [], "cleanup": [],
         "process_setup": ["create"], "process_cleanup": ["destroy"]},
        id="batch with ProcessSetup",
    ),
]  # fmt: skip


class Theatre:
    """Stages by their server, each opened once."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._opened: dict[str, Stage] = {}
        (folder / "bench.pinmap").write_text(wrong.PIN_MAP, encoding="utf-8")
        proto = importlib.import_module("sharing_server").PROTO
        (folder / "sharing.proto").write_text(proto, encoding="utf-8")

    def target(self, servicer: str) -> SequenceTarget:
        """A sequence that is right."""
        server = Target(
            Identity("sharing"),
            Servicer(servicer, HERE),
            self._folder,
            descriptors=Descriptors(str(self._folder / "sharing.proto")),
        )
        return SequenceTarget(
            Identity("a sequence for a test"),
            self._folder,
            HERE,
            self._folder / "bench.pinmap",
            [SequenceServer(server, interface="sharing.Sharing", service_class="sharing")],
        )

    def stage(self, servicer: str, steps: dict[str, Any]) -> Stage:
        """A stage for a sequence with these steps; what is not given is right."""
        if servicer not in self._opened:
            opening = open_stage(self.target(servicer), self._folder, Journal())
            self._opened[servicer] = self._stack.enter_context(opening)
        before = self._opened[servicer]
        groups: dict[str, Any] = {
            "setup": ["create"],
            "main": ["use", "use"],
            "cleanup": ["destroy"],
            **steps,
        }
        model: Model = groups.pop("model", "single")
        named: dict[str, Any] = {
            group: [f"small_sequences.py:{name}" for name in names]
            for group, names in groups.items()
        }
        target = replace(self.target(servicer), model=model, **named)
        return Stage(target, self._folder, before.station, before.servers)


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(environment, "_NOBODY_ELSE", 0.5)
    before = list(sys.path)
    sys.path.insert(0, str(HERE))
    with ExitStack() as stack:
        yield Theatre(tmp_path_factory.mktemp("stage"), stack)
    sys.path[:] = before
    monkeypatch.undo()


def played(stage: Stage, scene: Scene) -> list[Event]:
    stage.begin(another_site=scene.another_site)
    return told(scene.play(stage), stage.resources)


@pytest.mark.parametrize("fault", wrong.WRONG, ids=lambda fault: fault.name)
def test___wrong_sequence___checked___is_found_by_the_check_of_its_requirement(
    theatre: Theatre,
    fault: Any,  # noqa: ANN401 - of a module beside this one
) -> None:
    stage = theatre.stage(fault.servicer, {**fault.steps, "model": fault.model})

    with pytest.raises(Violated) as caught:
        check(lambda scene: played(stage, scene), BY_NAME[fault.scene], fault.requirement)

    finding = caught.value.finding
    assert finding.requirement == fault.requirement
    assert fault.words in finding.sentence
    assert finding.events


@pytest.mark.parametrize("steps", RIGHT)
def test___right_sequence___checked_in_every_scene___keeps_every_requirement(
    theatre: Theatre, steps: dict[str, Any]
) -> None:
    stage = theatre.stage(wrong.CORRECT, steps)
    for scene in SCENES:
        events = [played(stage, scene)]
        for name in scene.requirements:
            check(lambda _, seen=events: seen[0], scene, name)  # type: ignore[misc]


def test___checked_requirements___of_the_class___have_checks_and_a_wrong_sequence() -> None:
    bound = {
        r.id for r in specification().of_class("sequence") if r.verification is Verification.CHECKED
    }

    assert {name for scene in SCENES for name in scene.requirements} == bound
    assert {each.requirement for each in wrong.WRONG} == bound
    assert set(NEEDS) <= bound
