"""Shows an example: a line per event, with a lane for every call that is under way meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from session_spec.examples import Event, Example

Reference = Callable[[str], str]

_BEFORE_CALL = re.compile(r"(not(?: \[[A-Z0-9-]+\])?:\s+)?([A-Za-z]\w*:\s*)?")
_COLOURS = 4


def example_figure(example: Example, reference: Reference) -> str:
    """The example as a figure; ``reference`` writes a link to a requirement."""
    actors = list(dict.fromkeys(event.actor for event in example.events if event.actor))
    overlap = any(event.outcome is None for event in example.events)
    lanes = _lanes(example.events, actors) if overlap else []
    lines = [
        _line(event, lanes[row] if lanes else None, actors, reference)
        for row, event in enumerate(example.events)
    ]
    return (
        '<figure class="example" role="group" aria-label="Example">'
        f"<ol>\n{''.join(lines)}</ol></figure>\n"
    )


def _lanes(events: tuple[Event, ...], actors: list[str]) -> list[dict[str, str]]:
    """For each line and actor what its lane shows: start, through or end of a call, or nothing."""
    lanes: list[dict[str, str]] = []
    busy: set[str] = set()
    for row, event in enumerate(events):
        lane = dict.fromkeys(busy & set(actors), "through")
        if event.actor and not event.forbidden:
            if event.outcome is None:
                lane[event.actor] = "start" if _is_answered(events, row) else "point"
                busy |= {event.actor} if _is_answered(events, row) else set()
            else:
                lane[event.actor] = "end" if event.actor in busy and not event.call else "point"
                busy.discard(event.actor)
        lanes.append(lane)
    return lanes


def _is_answered(events: tuple[Event, ...], row: int) -> bool:
    actor = events[row].actor
    later = (e for e in events[row + 1 :] if e.actor == actor and not e.forbidden)
    return any(not event.call for event in later)


def _line(
    event: Event, lane: dict[str, str] | None, actors: list[str], reference: Reference
) -> str:
    kind = "event forbidden" if event.forbidden else "event"
    mark = "✗" if event.forbidden else "✓"
    said = '<span class="unseen">not: </span>' if event.forbidden else ""
    breaks = f'<span class="breaks">breaks {reference(event.breaks)}</span>' if event.breaks else ""
    return (
        f'<li class="{kind}"><span class="mark" aria-hidden="true">{mark}</span>'
        f"{_drawn(lane, actors)}"
        f'<span class="what">{said}{_actor(event, actors)}{_words(event)}{breaks}</span></li>\n'
    )


def _drawn(lane: dict[str, str] | None, actors: list[str]) -> str:
    if lane is None:
        return ""
    lanes = "".join(
        f'<span class="lane actor-{_colour(actor, actors)} {lane.get(actor, "")}"></span>'
        for actor in actors
    )
    return f'<span class="lanes" aria-hidden="true">{lanes}</span>'


def _actor(event: Event, actors: list[str]) -> str:
    if not event.actor:
        return ""
    colour = _colour(event.actor, actors)
    return f'<b class="actor actor-{colour}">{escape(event.actor)}</b>'


def _colour(actor: str, actors: list[str]) -> int:
    return actors.index(actor) % _COLOURS


def _words(event: Event) -> str:
    """The call and its answer as they are written, in the colours of what they are."""
    before = _BEFORE_CALL.match(event.text)
    rest = event.text[before.end() :] if before else event.text
    call, arrow, answer = rest.partition("->")
    words = f'<code class="call">{escape(call.strip())}</code>' if call.strip() else ""
    if not arrow:
        return words
    code = answer.split()[0]
    kind = "ok" if code == "OK" else "lost" if code == "lost" else "refuse"
    return (
        f'{words}<span class="arrow"> → </span><code class="{kind}">{escape(answer.strip())}</code>'
    )
