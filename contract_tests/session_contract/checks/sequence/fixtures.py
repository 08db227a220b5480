"""The fixtures of the checks of sequences."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from session_contract.checks.sequence.scenes import Scene
from session_contract.running.checking import checking_of
from session_contract.sequences.target import SequenceTarget
from session_contract.sequences.telling import told
from session_contract.subject.record import Journal
from session_spec.examples import Event

Seen = Callable[[Scene], list[Event]]
"""Plays a scene, once for all its checks, and answers what was seen."""


@pytest.fixture(scope="session")
def stage(pytestconfig: pytest.Config) -> Iterator[Any]:
    """Where the sequence is run."""
    checking = checking_of(pytestconfig)
    target = checking.target
    assert isinstance(target, SequenceTarget)
    with checking.opened(partial(_opened, target)) as stage:
        yield stage


@contextmanager
def _opened(target: SequenceTarget, folder: Path, calls: Path | None) -> Generator[Any, None, None]:
    # Only here: it brings the fakes, which other classes do without.
    from session_contract.sequences.environment import open_stage

    journal = Journal(calls)
    try:
        with open_stage(target, folder, journal) as stage:
            yield stage
    finally:
        journal.close()


@pytest.fixture(scope="session")
def seen(stage: Any) -> Seen:  # noqa: ANN401 - a Stage, which brings the fakes
    """What was seen of a scene."""
    played: dict[str, list[Event] | Exception] = {}

    def play(scene: Scene) -> list[Event]:
        if scene.name not in played:
            try:
                stage.begin(another_site=scene.another_site)
                played[scene.name] = told(scene.play(stage), stage.resources)
            except Exception as error:
                played[scene.name] = error
        found = played[scene.name]
        if isinstance(found, Exception):
            raise found
        return found

    return play
