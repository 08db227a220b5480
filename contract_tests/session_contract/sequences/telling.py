"""Makes of what was seen the events that the model of sequences judges.

The names of steps begin with their section, as the model wants it. Calls to the server carry no
name: they are the step's that ran meanwhile, and of several the one's that held the resource.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from session_contract.sequences.merging import merged
from session_contract.sequences.seen import CallSeen, Run, StepSeen
from session_spec.examples import Event

_ON_SESSION = ("Use", "Close")
_GIVES = ("Reserve", "ReserveAll")


def told(runs: Sequence[Run], resources: Sequence[str]) -> list[Event]:
    """The events of the runs of a sequence, one run after the other.

    Args:
        runs: What was seen.
        resources: The resources of the pin map that are judged, by their names.
    """
    names = _Names(resources)
    runs = [merged(run) for run in runs]
    for run in runs:
        names.learn(list(_owned(run, names)))
    return [event for run in runs for event in _told(run, _named_alike(run, names))]


def _told(run: Run, calls: Sequence[_Owned]) -> Iterator[Event]:
    actors = _actors(run.steps)
    moments = [(each.call.when, 0, _event(each, actors)) for each in calls]
    moments += [(step.ended, 1, _ended(step, actors[step.number])) for step in run.steps]
    yield from (event for _, _, event in sorted(moments, key=lambda moment: moment[:2]))
    if run.over:
        yield Event("End", (), (), text="End()")


def _actors(steps: Sequence[StepSeen]) -> dict[int, str]:
    """A name for each step: its section and its name, and its number where that is not enough."""
    names = {step.number: f"{step.section} {step.name}" for step in steps}
    count = Counter(names.values())
    return {n: f"{name} #{n}" if count[name] > 1 else name for n, name in names.items()}


def _event(owned: _Owned, actors: Mapping[int, str]) -> Event:
    call = owned.call
    text = f"{call.call}({', '.join(call.arguments)}) -> {' '.join(call.outcome)}"
    return Event(call.call, call.arguments, call.outcome, actors[owned.step.number], text=text)


def _ended(step: StepSeen, actor: str) -> Event:
    call = "Failed" if step.failed else "Done"
    said = step.error.splitlines()[0][:200] if step.error else ""
    return Event(call, (), (), actor, text=f"{call}(){': ' if said else ''}{said}")


# Whose call it is --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Owned:
    call: CallSeen
    step: StepSeen


def _owned(run: Run, names: _Names) -> Iterator[_Owned]:
    """Each call with its step; calls before the first step are nobody's."""
    held: dict[str, int] = {}
    sessions: dict[str, str] = {}
    by_number = {step.number: step for step in run.steps}
    for call in sorted(run.calls, key=lambda call: call.when):
        made = by_number.get(call.steps[0]) if call.steps else None
        step = made or _running(call, run.steps, held, names, sessions)
        if step is None:
            continue
        yield _Owned(call, step)
        held.update(dict.fromkeys(_given(call), step.number))
        if call.call == "Initialize" and call.outcome[0] == "OK":
            sessions[call.outcome[1]] = call.arguments[0]


def _running(
    call: CallSeen,
    steps: Sequence[StepSeen],
    held: Mapping[str, int],
    names: _Names,
    sessions: Mapping[str, str],
) -> StepSeen | None:
    running = [step for step in steps if step.started <= call.started <= step.ended]
    if len(running) > 1:
        given = call.arguments[0] if call.arguments else ""
        holder = held.get(names.meant(sessions.get(given, given)) or "")
        running = [step for step in running if step.number == holder] or running
    before = [step for step in steps if step.started <= call.started]
    return next(iter(running or before[-1:]), None)


def _given(call: CallSeen) -> Sequence[str]:
    """The resources that a call was given the reservation of, in the order of the answer."""
    if call.call not in _GIVES or call.outcome[0] != "OK":
        return ()
    return call.arguments if call.call == "Reserve" else call.outcome[1:]


# Which resource is meant -------------------------------------------------------------------------


class _Names:
    """What the resources of a pin map are called by the clients of their server."""

    def __init__(self, resources: Sequence[str]) -> None:
        self._resources = resources
        self._others: dict[str, str] = {}

    def meant(self, text: str) -> str | None:
        """The resource that these words mean; None when it is none of the pin map.

        A path may be spelled in another way than the pin map does.
        """
        forms: tuple[Callable[[str], str], ...] = (str, os.path.abspath, os.path.realpath, _folded)
        for form in forms:
            for name in self._resources:
                if form(name) == form(text):
                    return name
        return self._others.get(text)

    def learn(self, calls: Sequence[_Owned]) -> None:
        """Learn from Setup what clients make of the names, where it is another text.

        What Setup opens is what it has reserved, in the order of the answer.
        """
        for step in {each.step for each in calls if each.step.section == "Setup"}:
            own = [each.call for each in calls if each.step == step]
            reserved = [name for call in own for name in _given(call)]
            texts = dict.fromkeys(call.arguments[0] for call in own if call.call == "Initialize")
            if not any(self.meant(text) for text in texts):
                self._others.update(zip(texts, reserved, strict=False))


def _folded(text: str) -> str:
    return text.strip().casefold()


def _named_alike(run: Run, names: _Names) -> list[_Owned]:
    """The calls of a run with the names of the pin map, without those for other resources.

    What no pin leads to, such as a log of its own, a step may open as it likes.
    """
    named: list[_Owned] = []
    private: set[str] = set()
    for owned in _owned(run, names):
        call = owned.call
        if call.call in _ON_SESSION and call.arguments[0] in private:
            continue
        if call.call == "Initialize":
            name = names.meant(call.arguments[0])
            if name is None:
                private.update(call.outcome[1:2])
                continue
            owned = replace(owned, call=replace(call, arguments=(name, *call.arguments[1:])))
        named.append(owned)
    return named
