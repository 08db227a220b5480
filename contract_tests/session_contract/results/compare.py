"""Several runs side by side: implementations by requirements, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from session_contract.results.run_result import RunResult, Standing
from session_contract.results.terminal import mark
from session_contract.results.text_timeline import printable
from session_contract.results.verdict import sentence, standings
from session_spec import Specification


def table(results: Sequence[RunResult], specification: Specification) -> Iterator[str]:
    """A column for each run, a row for each requirement that one of them was held against."""
    columns = [standings(result, specification) for result in results]
    for number, result in enumerate(results, start=1):
        yield f"{number}  {printable(sentence(result, specification), 1000)}"
    names = {name for column in columns for name in column}
    rows = [requirement for requirement in specification if requirement.id in names]
    width = max(len(requirement.id) for requirement in rows)
    numbers = "  ".join(f"{number:2}" for number in range(1, len(results) + 1))
    yield f"\n{'':{width + 2}}  {numbers}"
    for (kind, area), inside in groupby(rows, key=lambda r: (r.conformance_class, r.area)):
        yield f"{kind}: {area}"
        for requirement in inside:
            cells = "  ".join(_cell(column.get(requirement.id)) for column in columns)
            yield f"  {requirement.id:{width}}  {cells}  {requirement.title}"
    used = {standing for column in columns for standing in column.values()}
    legend = [f"{mark(s)} {s.value}" for s in Standing if s in used]
    yield f"\n{', '.join(legend)}"


def _cell(standing: Standing | None) -> str:
    return f" {mark(standing) if standing else ' '}"
