"""Several targets on one table and one page: which meets what it claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import click

from session_contract.results.markup import scrolling, section, standing_mark, text
from session_contract.results.page import frame, words
from session_contract.results.run_result import Outcome, RunResult, Standing, Verdict
from session_contract.results.text_timeline import printable
from session_contract.results.verdict import standings
from session_contract.running.together import Judged, verdict_of
from session_spec import Specification

_HEAD = ("target", "class", "verdict", "met", "checks", "seconds")
_COLOURS: Mapping[int, str] = {Verdict.HOLDS: "green", Verdict.VIOLATED: "red"}
_LEFT_OUT = (Standing.NOT_CLAIMED, Standing.NOT_OBSERVABLE)
_Row = tuple[str, str, str, str, str, str]


def table(judged: Sequence[Judged], specification: Specification) -> Iterator[str]:
    """A row for each target."""
    rows = [_HEAD, *(row(each, specification) for each in judged)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(_HEAD))]
    for number, cells in enumerate(rows):
        line = "  ".join(
            f"{cell:>{width}}" if column > 2 else f"{cell:{width}}"
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        yield _styled(line.rstrip(), judged[number - 1] if number else None)


def row(judged: Judged, specification: Specification) -> _Row:
    """What is told of a target: its class, the verdict, how much of what is due is met."""
    if judged.result is None:
        word = f"left out: {judged.left_out}" if judged.left_out else _word(judged, specification)
        return printable(judged.name), "", printable(word), "", "", ""
    met, due = _met(judged.result, specification)
    ran = sum(check.outcome is not Outcome.NOT_RUN for check in judged.result.checks)
    word = _word(judged, specification)
    told = (f"{met} of {due}", str(ran), f"{judged.seconds:.1f}")
    return (printable(judged.name), judged.result.conformance_class, word, *told)


def conclusion(judged: Sequence[Judged]) -> str:
    """All of it in one sentence."""
    ran = [each for each in judged if not each.left_out]
    meet = sum(each.code == Verdict.HOLDS for each in ran)
    left = len(judged) - len(ran)
    more = f" {left} left out." if left else ""
    do = "meets" if meet == 1 else "meet"
    return f"{meet} of {len(ran)} {do} what is claimed.{more}"


def page(judged: Sequence[Judged], specification: Specification, results: Path) -> str:
    """The page: the table with a link to each report, then each requirement by target."""
    word, kind = words(verdict_of(judged))
    version = next((each.result.spec_version for each in judged if each.result), "")
    kit = next((each.result.kit_version for each in judged if each.result), "")
    parts = [_targets(judged, specification, results), *_matrices(judged, specification)]
    return frame(
        title=f"{len(judged)} targets: {word.lower()}",
        kind=kind,
        version=version,
        name=f"{len(judged)} targets",
        verdict=word,
        sentence=text(conclusion(judged)),
        main="\n".join(parts),
        footer=f"Written by session-contract {text(kit)}. Each target has a report of its own.",
    )


def _word(judged: Judged, specification: Specification) -> str:
    if judged.result and judged.code == Verdict.HOLDS:
        found = standings(judged.result, specification).values()
        if Standing.KNOWN_FAILURE in found:
            return "Not met, as known"
    return _words(judged.code)[0]


def _words(code: int) -> tuple[str, str]:
    return words(Verdict(code) if code in {*Verdict} else Verdict.KIT_FAILED)


def _met(result: RunResult, specification: Specification) -> tuple[int, int]:
    """How many requirements are met, of how many that are due."""
    count = Counter(standings(result, specification).values())
    return count[Standing.MET], sum(n for its, n in count.items() if its not in _LEFT_OUT)


def _styled(line: str, judged: Judged | None) -> str:
    if judged is None:
        return click.style(line, bold=True)
    if judged.left_out:
        return click.style(line, dim=True)
    return click.style(line, fg=_COLOURS.get(judged.code, "yellow"))


def _targets(judged: Sequence[Judged], specification: Specification, results: Path) -> str:
    numbers = "".join(f'<th scope="col" class="number">{name.capitalize()}' for name in _HEAD[3:])
    words = "".join(f'<th scope="col">{name.capitalize()}' for name in _HEAD[:3])
    rows = "\n".join(_target(each, specification, results) for each in judged)
    head = f"<thead><tr>{words}{numbers}</thead>"
    content = f"<table>\n{head}\n<tbody>\n{rows}\n</tbody></table>"
    return section("targets", "Targets", scrolling(content, "Targets"))


def _target(judged: Judged, specification: Specification, results: Path) -> str:
    name, kind, word, *numbers = (text(cell) for cell in row(judged, specification))
    if judged.result:
        place = judged.folder.relative_to(results).as_posix()
        name = f'<a href="{text(place)}/index.html">{name}</a>'
    look = "out" if judged.left_out else _words(judged.code)[1]
    word, why = ("left out", judged.left_out) if judged.left_out else (word, _violated(judged))
    name += f'<span class="title">{text(why)}</span>' if why else ""
    told = f'<td>{kind}<td><span class="standing {look}">{word}</span>'
    return f'<tr><th scope="row">{name}{told}' + "".join(map(_number, numbers)) + "</tr>"


def _violated(judged: Judged) -> str:
    """What is violated, in a few words."""
    checks = judged.result.checks if judged.result else ()
    return ", ".join(dict.fromkeys(check.requirement for check in checks if check.finding))


def _number(cell: str) -> str:
    return f'<td class="number">{cell}'


def _matrices(judged: Sequence[Judged], specification: Specification) -> Iterator[str]:
    """For each class, its requirements by the targets of it."""
    results = [each.result for each in judged if each.result]
    for kind in dict.fromkeys(result.conformance_class for result in results):
        yield _matrix(kind, [r for r in results if r.conformance_class == kind], specification)


def _matrix(kind: str, results: Sequence[RunResult], specification: Specification) -> str:
    columns = [standings(result, specification) for result in results]
    due = [r for r in specification.of_class(kind) if any(_is_due(c.get(r.id)) for c in columns)]
    head = "".join(f'<th scope="col">{text(result.target)}' for result in results)
    bodies: list[str] = []
    for area, inside in groupby(due, key=lambda r: r.area):
        span = len(results) + 1
        bodies.append(f'<tr class="area"><th scope="rowgroup" colspan="{span}">{text(area)}</tr>')
        for r in inside:
            cells = "".join(f"<td>{_mark(column.get(r.id))}" for column in columns)
            title = f'<code>{r.id}</code><span class="title">{text(r.title)}</span>'
            bodies.append(f'<tr><th scope="row">{title}{cells}</tr>')
    rows = "\n".join(bodies)
    head = f'<thead><tr><th scope="col">Requirement{head}</thead>'
    content = f"<table>\n{head}\n<tbody>\n{rows}\n</tbody></table>"
    heading = f"Class {text(kind)}"
    return section(f"class-{text(kind)}", heading, scrolling(content, heading))


def _is_due(standing: Standing | None) -> bool:
    return standing is not None and standing not in _LEFT_OUT


def _mark(standing: Standing | None) -> str:
    return standing_mark(standing) if standing else ""
