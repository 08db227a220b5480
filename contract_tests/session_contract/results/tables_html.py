"""The tables of the page: how each requirement stands, and where the calls of the run went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from session_contract.checks.server.reached import CLOSED, FREE, NEVER, OPEN
from session_contract.results.markup import scrolling, section, standing_mark, text
from session_contract.results.run_result import Cell, CheckResult, Outcome, RunResult, Standing
from session_contract.results.verdict import standings
from session_spec import Requirement, Specification
from session_spec.matrix import Behavior

_BEHAVIORS = (*(behavior.name for behavior in Behavior), "unknown behaviour")


def matrix(result: RunResult, specification: Specification) -> str:
    """Each requirement by area: how it stands, what checked it, how often."""
    found = standings(result, specification)
    bound = [specification[name] for name in found if found[name] is not Standing.NOT_CLAIMED]
    checks: dict[str, list[CheckResult]] = {}
    for check in result.checks:
        checks.setdefault(check.requirement, []).append(check)
    bodies = [
        _area(area, [_row(r, found[r.id], checks.get(r.id, [])) for r in inside])
        for area, inside in groupby(bound, key=lambda r: r.area)
    ]
    head = '<th scope="col">Requirement<th scope="col">Standing<th scope="col">Checks'
    table = (
        f'<div class="table"><table class="matrix">\n<thead><tr>{head}'
        '<th scope="col" class="number">Executions</thead>\n'
        + "\n".join(bodies)
        + "\n</table></div>"
    )
    return section("requirements", "Requirements", table)


def _area(area: str, rows: Sequence[str]) -> str:
    heading = f'<tr class="area"><th scope="rowgroup" colspan="4">{text(area)}</th></tr>'
    return f"<tbody>\n{heading}\n" + "\n".join(rows) + "\n</tbody>"


def _row(requirement: Requirement, standing: Standing, checks: Sequence[CheckResult]) -> str:
    ran = [check for check in checks if check.outcome is not Outcome.NOT_RUN]
    kinds = Counter(check.kind for check in ran)
    count = sum(check.executions for check in ran)
    told = ", ".join(f"{n} {text(kind)}" for kind, n in kinds.items())
    name = text(requirement.id)
    anchor, linked = f' id="{name}"', f"<code>{name}</code>"
    if any(check.finding for check in checks):  # the finding has the anchor
        anchor, linked = "", f'<a href="#{name}">{linked}</a>'
    return (
        f'<tr{anchor}><th scope="row">{linked}<span class="title">{text(requirement.title)}</span>'
        f'<td>{standing_mark(standing)}<td>{told or "none"}<td class="number">{count}</tr>'
    )


def reached(result: RunResult) -> str:
    """How often a call was made in a state and got an answer; what never happened is marked."""
    if not result.reached:
        return ""
    answers = sorted({cell.answer for cell in result.reached}, key=_by_success)
    head = "".join(f'<th scope="col" class="number">{text(answer)}' for answer in answers)
    bodies = [
        _state(state, list(calls), answers, result)
        for state, calls in groupby(_places(result), key=lambda place: place[0])
    ]
    note = (
        "<p>Calls that were judged one by one: in which state they were made, and what they got. "
        "A dot is what never happened; a row of dots is a place where nothing was tried.</p>"
    )
    table = (
        f'<table class="reached">\n<thead><tr><th scope="col">Call{head}</thead>\n'
        + "\n".join(bodies)
        + "\n</table>"
    )
    heading = "Where the calls went"
    return section("reached", heading, f"{note}\n{scrolling(table, heading)}")


def _by_success(answer: str) -> tuple[bool, str]:
    return not answer.startswith("OK"), answer


def _places(result: RunResult) -> Iterator[tuple[str, str]]:
    """The states with the calls that can be made in them, and others that the run knows of."""
    on_sessions = ["Close", *(["Use"] if "use" in result.claims else [])]
    due = [(state, call) for state in (FREE, OPEN) for call in _BEHAVIORS]
    due += [(state, call) for state in (OPEN, CLOSED, NEVER) for call in on_sessions]
    seen = {(cell.state, cell.call): None for cell in result.reached}
    order = list(dict.fromkeys(state for state, _ in [*due, *seen]))
    yield from sorted(dict.fromkeys([*due, *seen]), key=lambda place: order.index(place[0]))


def _state(
    state: str, places: Sequence[tuple[str, str]], answers: Sequence[str], result: RunResult
) -> str:
    rows = [_call(Cell(*place, ""), answers, result) for place in places]
    width = len(answers) + 1
    heading = f'<tr class="area"><th scope="rowgroup" colspan="{width}">{text(state)}</th></tr>'
    return f"<tbody>\n{heading}\n" + "\n".join(rows) + "\n</tbody>"


def _call(place: Cell, answers: Sequence[str], result: RunResult) -> str:
    counts = [result.reached.get(Cell(place.state, place.call, a), 0) for a in answers]
    cells = "".join(
        f'<td class="number">{n}' if n else '<td class="number empty" aria-label="never">·'
        for n in counts
    )
    missed = "" if any(counts) else ' class="missed"'
    return f'<tr{missed}><th scope="row"><code>{text(place.call)}</code>{cells}</tr>'
