"""Reads the events of server examples for the model of the sharing rules."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from session_spec.examples import LOST as LOST_WORD
from session_spec.examples import Event
from session_spec.matrix import TROUBLES, Behavior, Trouble
from session_spec.model import (
    CORE,
    LOST,
    Answer,
    Call,
    Close,
    Gone,
    Happening,
    Initialize,
    Lost,
    Restart,
    Rules,
    State,
    Use,
    Verdict,
    Violation,
    happen,
    step,
)


@dataclass(frozen=True)
class ServerModel:
    """Judges events of the server and driver classes with :func:`session_spec.model.step`."""

    rules: Rules = CORE
    reference: bool = False
    """Whether the reference servers' rules hold, too: paths are files, codes mean one thing."""

    def initial(self) -> State:
        """A server on which nothing is open."""
        return State()

    def apply(self, state: State, event: Event) -> Verdict:
        """The states after this event, or the violation that it is."""
        call = read_call(event)
        if isinstance(call, Gone | Restart):
            return [happen(state, call)]
        answer = read_answer(event.outcome or ())
        if self.reference:
            call = _by_file(call)
            trouble = TROUBLES.get(event.arguments[-1])
            if trouble and isinstance(answer, Answer) and _reaches_resource(state, call):
                return _in_trouble(state, answer, event.arguments[-1], trouble)
        return step(state, call, answer, self.rules)


def _by_file(call: Call) -> Call:
    """A path names its file: spellings that differ only in form are one resource."""
    if isinstance(call, Initialize) and "/" in call.resource:
        return Initialize(posixpath.normpath(call.resource), call.behavior)
    return call


def _reaches_resource(state: State, call: Call) -> bool:
    """Whether the call gets as far as the resource: only then can there be trouble with it."""
    if isinstance(call, Initialize):
        creates = call.behavior != Behavior.ATTACH_TO_EXISTING
        return creates and not state.is_open(call.resource)
    return state.resource_of(call.session) is not None


def _in_trouble(state: State, answer: Answer, name: str, trouble: Trouble) -> Verdict:
    if answer.code == trouble.code:
        return [state]
    sentence = f"{name}: {trouble.code} is due, not {answer.code}"
    return Violation(trouble.requirement, sentence)


def read_call(event: Event) -> Call | Happening:
    """The call that an event writes: ``Initialize(R, INITIALIZE_NEW)``, ``Close(s1)``, ….

    Further arguments of Initialize are configuration, or the trouble that the server meets.
    """
    match event.call, event.arguments:
        case "Initialize", (resource, behavior, *_):
            return Initialize(resource, _behavior_number(behavior))
        case "Close", (session,):
            return Close(session)
        case "Use", (session, *_):
            return Use(session)
        case "Gone", (resource,):
            return Gone(resource)
        case "Restart", ():
            return Restart()
        case _:
            raise ValueError(f"{event.text!r} is no call that the server model knows")


def _behavior_number(word: str) -> int:
    return Behavior[word].value if word in Behavior.__members__ else int(word)


def read_answer(words: tuple[str, ...]) -> Answer | Lost:
    """The answer that the words after the arrow write: ``OK s1 new``, ``NOT_FOUND``, ``lost``."""
    code, *rest = words
    if code == LOST_WORD:
        return LOST
    new = rest[-1:] == ["new"]
    ids = rest[:-1] if new else rest
    return Answer(code, ids[0] if ids else "", new)
