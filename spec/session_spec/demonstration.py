"""Runs the examples of the requirements against the models: they cannot rot.

What an example shows as right has to be allowed, and each line that it forbids has to be refused
at its place, for the very requirement that the example says.
"""

from __future__ import annotations

from collections.abc import Iterator

from session_spec.class_models import ServerModel, model_for
from session_spec.errors import Finding
from session_spec.examples import LOST, Event, Example
from session_spec.judge import Model, NoOrder, judge
from session_spec.requirement import Requirement


def demonstrate(requirement: Requirement) -> Iterator[Finding]:
    """Run the examples of one requirement; yield what does not hold."""
    model = model_for(requirement)
    for example in requirement.examples:
        try:
            yield from _demonstrate_one(requirement, example, model)
        except ValueError as error:
            yield _finding(requirement, example.line, str(error), "Use the calls of its class")


def _judge(events: list[Event], model: Model) -> NoOrder | None:
    """A server may go on with a call that its caller gave up on; elsewhere events are facts."""
    return judge(events, model, lost_calls_linger=isinstance(model, ServerModel))


def _demonstrate_one(requirement: Requirement, example: Example, model: Model) -> Iterator[Finding]:
    allowed: list[Event] = []
    for event in example.events:
        if event.forbidden:
            yield from _forbidden(requirement, [*allowed, event], model)
        else:
            allowed.append(event)
            if no_order := _judge(allowed, model):
                reasons = "; ".join(v.sentence for v in no_order.violations)
                problem = f"the example is not allowed: {reasons}"
                yield _finding(requirement, event.line, problem, "Mend the example or the model")
                return


def _forbidden(requirement: Requirement, events: list[Event], model: Model) -> Iterator[Finding]:
    event = events[-1]
    no_order = _judge(events, model)
    if no_order is None:
        problem = f"{event.text!r} is allowed by the model"
        yield _finding(requirement, event.line, problem, "Mend the example or the model")
        return
    named = {violation.requirement for violation in no_order.violations}
    expected = event.breaks or requirement.id
    if not _names(named, expected, events, by_name=event.breaks is not None):
        problem = f"{event.text!r} breaks {', '.join(sorted(named))}, not {expected}"
        yield _finding(requirement, event.line, problem, "Write it as 'not [ID]: …'")


def _names(named: set[str], expected: str, events: list[Event], *, by_name: bool) -> bool:
    """Whether the violations are the one that the example speaks of.

    Where calls overlap or answers were lost there are several reasons, one for each order: then
    an example that names none means its own requirement, that there is no order.
    """
    several = any(e.outcome is None or e.code == LOST for e in events)
    if several:
        return expected in named or not by_name
    return named == {expected}


def _finding(requirement: Requirement, line: int, problem: str, remedy: str) -> Finding:
    return Finding(requirement.path, line, f"{requirement.id}: {problem}", remedy)
