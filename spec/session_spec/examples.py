"""The notation of executable examples: calls, answers, and what may not happen.

An example is a block of lines, each one event in the order in which it was seen::

    Initialize(R, INITIALIZE_NEW) -> OK s1 new        a call and its answer
    not: Close(s1) -> NOT_FOUND                       what may not come here instead
    not [CLOSE-OPEN]: Close(s1) -> NOT_FOUND          the same, and what it breaks
    Close("") -> NOT_FOUND                            an empty text is written as ""
    Close(s1) -> lost                                 the answer never reached the caller
    a: Close(s1) ...                                  client a starts a call
    b: Close(s1) ...                                  client b starts one meanwhile
    b: -> OK                                          client b gets its answer
    a: -> NOT_FOUND

What a call means is told by the model of the conformance class; this module only reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LOST = "lost"
"""The outcome of a call whose answer did not reach the caller: it may have happened, or not."""

_FORBIDDEN = re.compile(r"not(?: \[(?P<breaks>[A-Z0-9-]+)\])?:\s+")
_ACTOR = re.compile(r"(?P<actor>[A-Za-z]\w*):\s*")
_CALL = re.compile(r"(?P<name>[A-Za-z]+)\((?P<arguments>[^()]*)\)\s*")


class ExampleError(ValueError):
    """A line of an example that does not follow the notation; ``line`` counts from zero."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True)
class Event:
    """One line of an example."""

    call: str
    """The name of the call; empty when the line is only the answer to a call started before."""
    arguments: tuple[str, ...]
    outcome: tuple[str, ...] | None
    """The words of the answer, the status code first; None while the call is under way."""
    actor: str = ""
    forbidden: bool = False
    breaks: str | None = None
    """Of a forbidden line: the requirement that it breaks, when it is not the example's own."""
    text: str = ""
    line: int = 0

    @property
    def code(self) -> str:
        """The status code of the answer; empty when there is none, or none yet."""
        return self.outcome[0] if self.outcome else ""


@dataclass(frozen=True)
class Example:
    """An executable example: the events, and where its first line stands in its file."""

    events: tuple[Event, ...]
    line: int

    @property
    def text(self) -> str:
        """The lines as they are written."""
        return "\n".join(event.text for event in self.events)


def parse_example(lines: list[str], first_line: int) -> Example:
    """Read the lines of an example block; ``first_line`` is where they start in their file."""
    events: list[Event] = []
    for offset, line in enumerate(lines):
        if line.strip():
            events.append(_parse_event(line.strip(), offset, first_line + offset))
    if not events:
        raise ExampleError(0, "the example is empty")
    if all(event.forbidden for event in events):
        raise ExampleError(0, "the example shows only what is forbidden")
    return Example(tuple(events), first_line)


def _parse_event(text: str, offset: int, line: int) -> Event:
    rest, forbidden, breaks, actor = text, False, None, ""
    if match := _FORBIDDEN.match(rest):
        forbidden, breaks, rest = True, match["breaks"], rest[match.end() :]
    if match := _ACTOR.match(rest):
        actor, rest = match["actor"], rest[match.end() :]
    name, arguments = "", tuple[str, ...]()
    if match := _CALL.match(rest):
        name, rest = match["name"], rest[match.end() :]
        arguments = tuple(a.strip().strip('"') for a in match["arguments"].split(",") if a.strip())
    if not name and not (actor and rest.startswith("->")):
        raise ExampleError(offset, f"cannot read {text!r}: a line is 'Call(arguments) -> answer'")
    return Event(
        name, arguments, _outcome(rest, text, offset), actor, forbidden, breaks, text, line
    )


def _outcome(rest: str, text: str, offset: int) -> tuple[str, ...] | None:
    if rest == "...":
        return None
    if rest == "":
        return ()
    words = tuple(rest.removeprefix("->").split())
    if not rest.startswith("->") or not words:
        raise ExampleError(offset, f"cannot read {text!r}: the answer follows as '-> CODE …'")
    return words
