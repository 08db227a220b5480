"""Draws the states of a resource's session, as SVG, from the model: no arrow is put in by hand.

The model is asked which answers it allows to every call in each of the two states, and where they
lead. Colours come from CSS variables, and from ``currentColor`` where there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Final

from session_spec.asking import RESOURCE, SESSION, is_own, verdicts
from session_spec.matrix import Behavior
from session_spec.model import (
    EVERY_CLAIM,
    OK,
    Answer,
    Call,
    Close,
    Initialize,
    Rules,
    State,
    Use,
    Violation,
)

NO_SESSION: Final = "no session"
OPEN: Final = "session open"

Link = Callable[[str], str]
"""Gives the address of a requirement, or an empty text when there is none."""

_STATES = {NO_SESSION: State(), OPEN: State().opened(RESOURCE, SESSION)}
_OK_IN_WORDS = {
    (False, True): "OK, new session",
    (True, False): "OK, same session",
    (True, True): "OK, same id, flagged new",
    (False, False): "OK, other id, not flagged new",
}
"""By whether the id is that of the open session, and the flag."""

_ROW: Final = 25
_FRAME = """\
<svg class="diagram" id="{name}" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"
 role="group" aria-labelledby="{name}-title {name}-desc"
 style="fill:currentColor;font:15px system-ui,sans-serif">
<title id="{name}-title">The session of one resource</title>
<desc id="{name}-desc">{sentences}</desc>
<defs><marker id="{name}-head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8"
 markerHeight="8" orient="auto"><path d="M0 0L10 5L0 10z"
 style="fill:var(--muted,currentColor)"/></marker></defs>
{parts}
</svg>"""


@dataclass(frozen=True)
class Transition:
    """What the model allows: a call in a state, its answer, and the state that it leads to."""

    source: str
    call: str
    answer: str
    target: str
    requirement: str
    """The requirement that a wrong answer breaks; empty when no answer is wrong."""

    def __str__(self) -> str:
        return f"{self.source}: {self.call} is answered {self.answer}, then {self.target}."


def transitions(rules: Rules = EVERY_CLAIM) -> list[Transition]:
    """Every transition of a resource's session, asked from the model call by call."""
    calls: dict[str, Call] = {f"Initialize {b.name}": Initialize(RESOURCE, b) for b in Behavior}
    calls |= {"Close": Close(SESSION), "any other call": Use(SESSION)}
    return [
        transition
        for source, state in _STATES.items()
        for name, call in calls.items()
        for transition in _of_call(source, state, name, call, rules)
    ]


def _of_call(
    source: str, state: State, name: str, call: Call, rules: Rules
) -> Iterator[Transition]:
    allowed: dict[str, list[str]] = {}
    refused: dict[str, str] = {}
    for answer, verdict in verdicts(state, call, rules):
        words = _in_words(state, answer)
        if isinstance(verdict, Violation):
            refused.setdefault(words, verdict.requirement)
        else:
            for after in verdict:
                target = OPEN if after.is_open(RESOURCE) else NO_SESSION
                allowed.setdefault(target, []).append(words)
    for target, answers in allowed.items():
        text = _together(answers, list(refused))
        yield Transition(source, name, text, target, next(iter(refused.values()), ""))


def _in_words(state: State, answer: Answer) -> str:
    return _OK_IN_WORDS[is_own(state, answer), answer.new] if answer.session else answer.code


def _together(answers: list[str], refused: list[str]) -> str:
    distinct = list(dict.fromkeys(answers))
    if len(distinct) > 1 and not refused:
        return "anything"
    if len(refused) < len(distinct) > 1:
        return f"anything but {' or '.join(refused)}"
    return " or ".join(distinct)


_Group = tuple[str, str]
"""The state in which an arrow begins, and the one in which it ends."""


@dataclass(frozen=True)
class _Box:
    """Where a state is drawn."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class _Arrow:
    """Where an arrow is drawn, and where the first of its labels stands."""

    path: str
    x: int
    y: int
    anchor: str = "middle"


@dataclass(frozen=True)
class _Layout:
    """Where everything is drawn."""

    name: str
    width: int
    height: int
    boxes: dict[str, _Box]
    arrows: dict[_Group, _Arrow]


def draw(found: Iterable[Transition], link: Link = lambda _: "", *, upright: bool = False) -> str:
    """Draw these transitions as one SVG element with a title and a description.

    Args:
        found: What to draw, see :func:`transitions`.
        link: Gives the address of a requirement; each label leads to its own.
        upright: Put the states below each other, for narrow pages, and not side by side.
    """
    groups: dict[_Group, list[Transition]] = {}
    for transition in found:
        groups.setdefault((transition.source, transition.target), []).append(transition)
    rows = {group: len(members) for group, members in groups.items()}
    layout = _upright(rows) if upright else _wide(rows)
    parts = [_box(name, box) for name, box in layout.boxes.items()]
    for group, members in groups.items():
        parts.append(_arrow(layout.arrows[group], layout.name))
        parts += _labels(members, layout.arrows[group], link)
    sentences = [str(t)[0].upper() + str(t)[1:] for members in groups.values() for t in members]
    return _FRAME.format(
        name=layout.name,
        width=layout.width,
        height=layout.height,
        sentences=escape(" ".join(sentences)),
        parts="\n".join(parts),
    )


def _wide(rows: dict[_Group, int]) -> _Layout:
    """The states side by side, loops and their labels below."""
    top = 8 + _ROW * max(0, rows.get((NO_SESSION, OPEN), 0) - 1)
    below, close = top + 104, top + 72
    loops = max(rows.get((NO_SESSION, NO_SESSION), 0), rows.get((OPEN, OPEN), 0))
    return _Layout(
        "session-states",
        1080,
        below + 56 + _ROW * loops,
        {NO_SESSION: _Box(90, top, 250, 104), OPEN: _Box(740, top, 250, 104)},
        {
            (NO_SESSION, OPEN): _Arrow(f"M340 {top + 32}H738", 540, 18),
            (OPEN, NO_SESSION): _Arrow(f"M740 {close}H342", 540, close + 28),
            (NO_SESSION, NO_SESSION): _Arrow(_loop(215, below, 1), 215, below + 58),
            (OPEN, OPEN): _Arrow(_loop(865, below, 1), 865, below + 58),
        },
    )


def _upright(rows: dict[_Group, int]) -> _Layout:
    """The first state above the second, each with its loop on the far side."""
    top = 40 + _ROW * rows.get((NO_SESSION, NO_SESSION), 0)
    ahead, back = rows.get((NO_SESSION, OPEN), 0), rows.get((OPEN, NO_SESSION), 0)
    first, second = top + 64, top + 64 + 28 + _ROW * (ahead + back)
    below = second + 64
    return _Layout(
        "session-states-upright",
        440,
        below + 56 + _ROW * rows.get((OPEN, OPEN), 0),
        {NO_SESSION: _Box(8, top, 424, 64), OPEN: _Box(8, second, 424, 64)},
        {
            (NO_SESSION, OPEN): _Arrow(f"M34 {first}V{second - 2}", 50, first + 28, "start"),
            (OPEN, NO_SESSION): _Arrow(
                f"M406 {second}V{first + 2}", 390, first + 28 + _ROW * ahead, "end"
            ),
            (NO_SESSION, NO_SESSION): _Arrow(_loop(220, top, -1), 220, 18),
            (OPEN, OPEN): _Arrow(_loop(220, below, 1), 220, below + 58),
        },
    )


def _loop(x: int, y: int, down: int) -> str:
    """A loop that leaves an edge and comes back to it."""
    far = y + 44 * down
    return f"M{x - 22} {y}C{x - 38} {far} {x + 38} {far} {x + 22} {y + 2 * down}"


def _box(name: str, box: _Box) -> str:
    style = "fill:var(--surface,none);stroke:var(--accent,currentColor);stroke-width:1.5"
    if name == NO_SESSION:
        style += ";stroke-dasharray:5 5"
    middle = f'x="{box.x + box.width // 2}" y="{box.y + box.height // 2 + 7}"'
    return (
        f'<g class="state"><rect x="{box.x}" y="{box.y}" width="{box.width}" '
        f'height="{box.height}" rx="18" style="{style}"/>'
        f'<text {middle} text-anchor="middle" style="font-size:21px;font-weight:600">'
        f"{escape(name)}</text></g>"
    )


def _arrow(arrow: _Arrow, name: str) -> str:
    style = "fill:none;stroke:var(--muted,currentColor);stroke-width:1.5"
    return f'<path d="{arrow.path}" marker-end="url(#{name}-head)" style="{style}"/>'


def _labels(group: list[Transition], arrow: _Arrow, link: Link) -> Iterator[str]:
    for row, transition in enumerate(group):
        place = f'x="{arrow.x}" y="{arrow.y + _ROW * row}" text-anchor="{arrow.anchor}"'
        yield _linked(_label(transition, place), transition.requirement, link)


def _label(transition: Transition, place: str) -> str:
    refused = not transition.answer.startswith((OK, "anything"))
    colour = "var(--refuse,currentColor)" if refused else "var(--ok,currentColor)"
    ends = f'data-from="{escape(transition.source)}" data-to="{escape(transition.target)}"'
    return (
        f'<text class="transition" {ends} {place}>{escape(transition.call)} → '
        f'<tspan style="font-weight:600;fill:{colour}">{escape(transition.answer)}</tspan></text>'
    )


def _linked(text: str, requirement: str, link: Link) -> str:
    address = link(requirement) if requirement else ""
    if not address:
        return text
    return f'<a href="{escape(address)}"><title>{escape(requirement)}</title>{text}</a>'
