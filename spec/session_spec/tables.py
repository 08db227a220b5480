"""Tables of the documents that are printed from the data and the model, never written by hand.

In a document they stand between ``<!-- table: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from session_spec.asking import RESOURCE, SESSION, is_own, verdicts
from session_spec.errors import Finding, SourceError
from session_spec.matrix import CLIENT_MATRIX, Behavior
from session_spec.model import (
    EVERY_CLAIM,
    GRPC_DEVICE,
    Answer,
    Call,
    Close,
    Initialize,
    Rules,
    State,
    Use,
    Violation,
)
from session_spec.sources import read_source

_BEGIN = re.compile(r"<!-- table: (?P<name>[a-z-]+) -->")
_END = "<!-- end -->"
_MARKED = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_OPEN = State().opened(RESOURCE, SESSION)
_OPEN_DEVICE = State().opened(RESOURCE, RESOURCE)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [_row(head), _row("---" for _ in head), *map(_row, rows)]
    return "\n".join(lines)


def allowed_answers(state: State, call: Call, rules: Rules) -> list[str]:
    """Every answer that the model allows, in words: asked from the model, not looked up."""
    found = (
        _in_words(state, answer)
        for answer, verdict in verdicts(state, call, rules)
        if not isinstance(verdict, Violation)
    )
    return list(dict.fromkeys(found))


def _in_words(state: State, answer: Answer) -> str:
    if not answer.session:
        return f"`{answer.code}`"
    name = "the same id" if is_own(state, answer) else "a new id"
    return f"`OK`, {name}, `new_session_initialized = {str(answer.new).lower()}`"


def _server_matrix() -> str:
    def cell(behavior: Behavior, state: State) -> str:
        return " or ".join(allowed_answers(state, Initialize(RESOURCE, behavior), EVERY_CLAIM))

    rows = [[f"`{b.name}` ({b.value})", cell(b, State()), cell(b, _OPEN)] for b in Behavior]
    for call, name in ((Close(SESSION), "Close"), (Use(SESSION), "any other RPC (claim `use`)")):
        shut = " or ".join(allowed_answers(State(), call, EVERY_CLAIM))
        still = "`OK`" if isinstance(call, Close) else "anything but `NOT_FOUND`"
        rows.append([name, shut, still])
    return _table(["Call", "no open session", "open session"], rows)


def _driver_matrix() -> str:
    def cell(resource: str, behavior: Behavior, state: State) -> str:
        answers = allowed_answers(state, Initialize(resource, behavior), GRPC_DEVICE)
        return " or ".join(answers)

    rows = [
        [
            f"`{b.name}` ({b.value})",
            cell(RESOURCE, b, State()),
            cell(RESOURCE, b, _OPEN_DEVICE),
            cell("", b, State()),
        ]
        for b in Behavior
    ]
    return _table(["Initialize", "name free", "name taken", "empty name"], rows)


def _client_matrix() -> str:
    rows = [
        [f"`{sdk.name}`", f"`{rule.wire.name}`", rule.leaving.value, _ids(rule.exit_requirement)]
        for sdk, rule in CLIENT_MATRIX.items()
    ]
    return _table(["SDK behaviour", "on the wire", "on leaving the `with` block", "rule"], rows)


def _ids(name: str) -> str:
    both = "[EXIT-AUTO-NEW], [EXIT-AUTO-ATTACHED]"
    return both if name == "EXIT-AUTO-NEW" else f"[{name}]"


TABLES: dict[str, Callable[[], str]] = {
    "server-matrix": _server_matrix,
    "driver-matrix": _driver_matrix,
    "client-matrix": _client_matrix,
}
"""The generators by the name that stands in the documents."""


def fill(text: str) -> str:
    """The text with every marked table printed anew; an unknown name raises KeyError."""
    return _MARKED.sub(lambda m: f"{m[1]}\n{TABLES[m['name']]()}\n\n{m[3]}", text)


def stale(paths: Iterable[Path]) -> list[Path]:
    """The files whose tables are not as the data says; wrong marks raise SourceError."""
    texts = {path: read_source(path) for path in paths}
    findings = [finding for path, text in texts.items() for finding in _wrong_marks(path, text)]
    if findings:
        raise SourceError(findings)
    return [path for path, text in texts.items() if fill(text) != text]


def _wrong_marks(path: Path, text: str) -> Iterator[Finding]:
    marks = [(n, line) for n, line in enumerate(text.splitlines(), 1) if "<!--" in line]
    begun = 0
    for number, mark in marks:
        match = _BEGIN.fullmatch(mark)
        if match or mark == _END:
            yield from _unpaired(path, begun, 0 if match else number)
            begun = number if match else 0
        yield from _unknown(path, number, mark)
    yield from _unpaired(path, begun, 0)


def _unpaired(path: Path, begun: int, ended: int) -> Iterator[Finding]:
    """A table without its end would be printed over the text behind it, or not at all."""
    if begun and not ended:
        yield Finding(path, begun, "the table has no end", f"End it with a line '{_END}'")
    if ended and not begun:
        yield Finding(path, ended, "an end without a table", "Remove it, or begin the table")


def _unknown(path: Path, number: int, mark: str) -> Iterator[Finding]:
    match = _BEGIN.fullmatch(mark)
    if match and match["name"] not in TABLES:
        problem = f"there is no table {match['name']!r}"
        yield Finding(path, number, problem, f"The tables are {', '.join(TABLES)}")
    if not match and mark != _END:
        remedy = f"A comment is '<!-- table: NAME -->' or '{_END}', alone on its line"
        yield Finding(path, number, f"{mark!r} is no mark of a table", remedy)
