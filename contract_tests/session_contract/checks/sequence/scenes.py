"""What is done with a sequence: a scene is one or more runs, and puts requirements to the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from session_contract.sequences.seen import Run, StepSeen
from session_contract.subject.finding import Event, Finding, NotEstablished, Violated

if TYPE_CHECKING:
    from session_contract.sequences.environment import Stage

_SOCKETS = 3
_MEETING = 20.0
"""Seconds that test sockets wait for each other."""


@dataclass(frozen=True)
class Scene:
    """One scene."""

    name: str
    kind: str
    """The heading of its checks in the report."""
    requirements: Sequence[str]
    """Those that it puts to the test."""
    play: Callable[[Stage], Sequence[Run]]
    another_site: bool = False
    """Whether the pin map has one more site for it."""


def _plainly(stage: Stage) -> Sequence[Run]:
    return [stage.run()]


def _again(stage: Stage) -> Sequence[Run]:
    return [stage.run(), stage.run()]


def _failing(stage: Stage) -> Sequence[Run]:
    """A Main step fails while it uses a session; the others run, Cleanup runs, and a next run."""
    steps = [stage.tolerated(step) for step in [*stage.failing, *stage.main]]
    stage.refuse_use()
    runs = [stage.run(main=steps)]
    if not stage.refused_use() and not stage.failing:
        raise NotEstablished(
            "No Main step has called the server between Initialize and Close, so that none could "
            "be let fail: name one that fails by itself, [sequence] failing."
        )
    return [*runs, stage.run()]


def _terminated(stage: Stage) -> Sequence[Run]:
    return [stage.run(main=[stage.terminating(), *stage.main]), stage.run()]


def _aborted(stage: Stage) -> Sequence[Run]:
    """A run that was killed, the run after it that finds what is left, and one more."""
    killed = stage.run(main=[*stage.main[:1], stage.aborting()], over=False)
    return [killed, stage.run(), stage.run()]


def _setup_twice(stage: Stage) -> Sequence[Run]:
    before = [*stage.process_setup, *stage.setup]
    return [stage.run(setup=[*before, *before])]


def _session_of_others(stage: Stage) -> Sequence[Run]:
    """Setup finds a session that is no sequence's."""
    if refused := stage.open_for_somebody_else():
        raise NotEstablished(f"The kit could not open a session itself: {refused[0]}.")
    return [stage.run(main=[])]


def _reservation_of_others(stage: Stage) -> Sequence[Run]:
    """Setup is refused its reservation: Cleanup finds nothing."""
    stage.refuse_reservations()
    return [stage.run()]


def _nothing_open(stage: Stage) -> Sequence[Run]:
    return [stage.run(setup=[], main=[])]


def _session_lost(stage: Stage) -> Sequence[Run]:
    """The server has forgotten the sessions when Cleanup comes.

    What Cleanup has left open then is not its fault, so the run is not held against its end.
    """
    lose = stage.own("the server forgets its sessions", stage.close_behind_its_back)
    return [stage.run(main=[*stage.main, lose], over=False)]


def _together(stage: Stage) -> Sequence[Run]:
    return [stage.run_together(_SOCKETS)]


def _as_declared(stage: Stage) -> Sequence[Run]:
    """Two units with the target's process model, in several sockets if it has any."""
    has_sockets = stage.target.model in ("parallel", "batch")
    barrier = threading.Barrier(_SOCKETS if has_sockets else 1)

    def meet() -> None:
        barrier.wait(_MEETING)

    run = stage.run_as_declared(_SOCKETS, meet)
    refused = [s for s in run.steps if s.socket is not None and s.section == "Setup" and s.failed]
    if refused and not stage.target.process_setup:
        raise Violated(_misplaced(refused, run.steps, stage.target.model))
    return [run]


def _misplaced(refused: Sequence[StepSeen], steps: Sequence[StepSeen], model: str) -> Finding:
    first = refused[0]
    sentence = (
        f"with the {model} model Setup runs in each of {_SOCKETS} test sockets, and {first.name} "
        "is refused in all but one: move what opens the sessions into ProcessSetup, and what "
        "closes them into ProcessCleanup"
    )
    events = [
        Event(
            f"socket {s.socket}, {s.section} {s.name}",
            f"Failed(): {s.error}" if s.failed else "Done()",
        )
        for s in steps
        if s.section == "Setup" and s.socket is not None
    ]
    return Finding("SEQ-SETUP-TWICE", sentence, events=events)


_SETUP = ("SEQ-SETUP-RESERVES", "SEQ-SETUP-DETACH", "SEQ-SETUP-REGISTERS", "SEQ-SETUP-UNRESERVES")
_MAIN = ("SEQ-MAIN-RESERVES", "SEQ-MAIN-UNRESERVES", "SEQ-MAIN-AUTO", "SEQ-MAIN-LEAVES")
_ONE = ("SEQ-ONE-CREATOR", "SEQ-ONE-SESSION")
_CLEANUP = ("SEQ-CLEANUP-RESERVES-ALL", "SEQ-CLEANUP-CLOSES", "SEQ-CLEANUP-UNREGISTERS")
_END = ("SEQ-CLEANUP-ALWAYS", "SEQ-NOTHING-LEFT")

SCENES: Sequence[Scene] = (
    Scene("one run", "run", (*_SETUP, *_MAIN, *_ONE, *_CLEANUP, *_END), _plainly),
    Scene("two runs", "run", ("SEQ-REPEATS", "SEQ-NOTHING-LEFT"), _again),
    Scene(
        "a pin map with one more site",
        "run",
        ("SEQ-SETUP-REGISTERS", *_ONE, "SEQ-CLEANUP-CLOSES", "SEQ-NOTHING-LEFT"),
        _plainly,
        another_site=True,
    ),
    Scene(
        "as its process model has it",
        "run",
        ("SEQ-SETUP-TWICE", *_ONE, "SEQ-CLEANUP-CLOSES", "SEQ-NOTHING-LEFT"),
        _as_declared,
    ),
    Scene("Main steps at once", "together", (*_MAIN, *_ONE, "SEQ-NOTHING-LEFT"), _together),
    Scene(
        "a Main step fails",
        "failing",
        (*_MAIN, *_ONE, *_CLEANUP, *_END, "SEQ-REPEATS"),
        _failing,
    ),
    Scene("somebody terminates the run", "interrupted", (*_CLEANUP, *_END), _terminated),
    Scene(
        "somebody aborts the run, and runs it again",
        "interrupted",
        ("SEQ-SETUP-TWICE", "SEQ-SETUP-UNRESERVES", "SEQ-CLEANUP-CLOSES", "SEQ-REPEATS"),
        _aborted,
    ),
    Scene("Setup runs twice", "failing", ("SEQ-SETUP-TWICE", "SEQ-SETUP-UNRESERVES"), _setup_twice),
    Scene(
        "somebody else has the session open",
        "failing",
        ("SEQ-SETUP-TWICE", "SEQ-SETUP-UNRESERVES", "SEQ-CLEANUP-EMPTY"),
        _session_of_others,
    ),
    Scene(
        "somebody else has the reservation", "failing", ("SEQ-CLEANUP-EMPTY",),
        _reservation_of_others,
    ),
    Scene("nothing was set up", "failing", ("SEQ-CLEANUP-EMPTY",), _nothing_open),
    Scene(
        "the server has lost the session",
        "failing",
        ("SEQ-CLEANUP-RESERVES-ALL", "SEQ-NOTHING-LEFT"),
        _session_lost,
    ),
)  # fmt: skip

NEEDS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(_SETUP, ("Setup", "Initialize")),
    **dict.fromkeys(_MAIN, ("Main", "Initialize")),
    **dict.fromkeys(_ONE, ("Main", "Initialize")),
    **dict.fromkeys(_CLEANUP, ("Setup", "Initialize")),
    **dict.fromkeys(_END, ("Setup", "Initialize")),
    "SEQ-REPEATS": ("Setup", "Initialize"),
    # Also where the point is that Initialize is refused.
    "SEQ-SETUP-UNRESERVES": ("Setup", "Reserve"),
    "SEQ-SETUP-TWICE": ("Setup", "Initialize"),
}
"""Without such a call, answered OK, a scene says nothing of the requirement."""
REFUSED: Mapping[str, str] = {"SEQ-SETUP-TWICE": "ALREADY_EXISTS"}
"""The requirements of which it says something also when that call was answered like this."""
