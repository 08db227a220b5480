"""Reads the events of server examples for the model of the sharing rules."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace

from session_spec.examples import LOST as LOST_WORD
from session_spec.examples import Event
from session_spec.matrix import TROUBLES, Behavior, Trouble
from session_spec.model import (
    CORE,
    INVALID_ARGUMENT,
    LOST,
    OK,
    UNKNOWN,
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

OTHER_KIND = "kind=other"
"""Says that a call is made over the interface of a driver with another kind of handle."""
OTHER_DRIVER = "driver=other"
"""Says that a call is made over the interface of another driver, with handles of the same kind."""


@dataclass(frozen=True)
class ServerState:
    """The sessions of a server, and what was written last to each."""

    sessions: State = field(default_factory=State)
    written: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class ServerModel:
    """Judges events of the server and driver classes with :func:`session_spec.model.step`."""

    rules: Rules = CORE
    reference: bool = False
    """Whether the reference servers' rules hold, too: paths are files, codes mean one thing."""

    def initial(self) -> ServerState:
        """A server on which nothing is open."""
        return ServerState()

    def apply(self, state: ServerState, event: Event) -> list[ServerState] | Violation:
        """The states after this event, or the violation that it is."""
        call = _by_file(read_call(event)) if self.reference else read_call(event)
        if isinstance(call, Gone | Restart):
            return [replace(state, sessions=happen(state.sessions, call))]
        verdict = self._answered(state.sessions, call, event)
        if isinstance(verdict, Violation):
            return verdict
        if isinstance(call, Use) and event.code == OK:
            return _used(state, call, event)
        return [replace(state, sessions=after) for after in verdict]

    def _answered(self, state: State, call: Call, event: Event) -> Verdict:
        answer = read_answer(_answer_words(call, event))
        if isinstance(answer, Lost):
            return step(state, call, answer, self.rules)
        if OTHER_KIND in event.arguments:
            return _of_another_kind(state, call, answer)
        if OTHER_DRIVER in event.arguments:
            return self._of_another_driver(state, call, answer)
        if self.reference and answer.code == UNKNOWN:
            return Violation("CODE-NEVER-UNKNOWN", "it answered UNKNOWN")
        trouble = TROUBLES.get(event.arguments[-1])
        if trouble and _meets(state, call, trouble):
            return self._in_trouble(state, call, answer, event.arguments[-1])
        verdict = step(state, call, answer, self.rules)
        if isinstance(verdict, Violation) and _refused_configuration(state, call, answer, event):
            return self._configured(state)
        return verdict

    def _of_another_driver(self, state: State, call: Call, answer: Answer) -> Verdict:
        """Judge what another driver does with what is open: it attaches, and cannot use it."""
        if isinstance(call, Initialize) and state.is_open(call.resource):
            verdict = step(state, call, answer, self.rules)
            if isinstance(verdict, Violation):
                return Violation("DRIVER-OTHER-ATTACH", f"of another driver: {verdict.sentence}")
            return verdict
        if not isinstance(call, Use) or state.resource_of(call.session) is None:
            raise ValueError(f"{OTHER_DRIVER} is said of what attaches to a session or uses it")
        if answer.code == UNKNOWN:
            return [state]
        sentence = f"the session is another driver's: {UNKNOWN} is due, not {answer.code}"
        return Violation("DRIVER-OTHER-USE", sentence)

    def _in_trouble(self, state: State, call: Call, answer: Answer, name: str) -> Verdict:
        """Judge a call that something stands in the way of."""
        if not self.reference:
            # The core does not say how: any error will do, as long as nothing changed.
            return [state] if answer.code != OK else step(state, call, answer, self.rules)
        trouble = TROUBLES[name]
        if answer.code == trouble.code:
            return [state]
        sentence = f"{name}: {trouble.code} is due, not {answer.code}"
        return Violation(trouble.requirement, sentence)

    def _configured(self, state: State) -> Verdict:
        """Judge an attach that was refused for its configuration: only the claim ignores it."""
        if "attach-ignores-configuration" not in self.rules.claims:
            return [state]
        sentence = "a session is open: the configuration of the request is not looked at"
        return Violation("ATTACH-CONFIG-UNCHECKED", sentence)


def _of_another_kind(state: State, call: Call, answer: Answer) -> Verdict:
    """Judge an attach, over the interface of another kind of driver, to what is open."""
    if not isinstance(call, Initialize) or not state.is_open(call.resource):
        raise ValueError(f"{OTHER_KIND} is said of an initialization with a name that is taken")
    if answer.code == INVALID_ARGUMENT:
        return [state]
    sentence = f"another kind of driver has the name: {INVALID_ARGUMENT} is due, not {answer.code}"
    return Violation("DRIVER-OTHER-KIND", sentence)


def _refused_configuration(state: State, call: Call, answer: Answer, event: Event) -> bool:
    configures = any("=" in argument for argument in event.arguments)
    attaches = isinstance(call, Initialize) and state.is_open(call.resource)
    return configures and attaches and answer.code == INVALID_ARGUMENT


def _used(state: ServerState, call: Use, event: Event) -> list[ServerState] | Violation:
    """``Use(s1, write=7)`` writes, ``Use(s1, read) -> OK 7`` reads: nothing else changes it."""
    last = dict(state.written)
    word = event.arguments[-1]
    if word.startswith("write="):
        last[call.session] = word.removeprefix("write=")
        return [replace(state, written=frozenset(last.items()))]
    shown = (event.outcome or ())[1:]
    due = last.get(call.session)
    if word == "read" and due and shown != (due,):
        sentence = f"{due} was written to {call.session}; it reads {' '.join(shown)}"
        return Violation("ATTACH-CONFIG-UNUSED", sentence)
    return [state]


def _by_file(call: Call | Happening) -> Call | Happening:
    """A path names its file: spellings that differ only in form are one resource."""
    if isinstance(call, Initialize | Gone) and "/" in call.resource:
        return replace(call, resource=posixpath.normpath(call.resource))
    return call


def _meets(state: State, call: Call, trouble: Trouble) -> bool:
    """Whether the call gets as far as the trouble: what is wrong with its input comes first."""
    if not isinstance(call, Initialize):
        return state.resource_of(call.session) is not None
    if not call.resource or call.behavior not in set(Behavior):
        return False
    creates = call.behavior != Behavior.ATTACH_TO_EXISTING and not state.is_open(call.resource)
    return creates or trouble.always


def read_call(event: Event) -> Call | Happening:
    """The call that an event writes: ``Initialize(R, INITIALIZE_NEW)``, ``Close(s1)``, ….

    Further arguments are configuration, or the trouble that the server meets.
    """
    match event.call, event.arguments:
        case "Initialize", (resource, behavior, *_):
            return Initialize(resource, _behavior_number(behavior, event))
        case "Close", (session,):
            return Close(session)
        case "Use", (session, *_):
            return Use(session)
        case "Gone", (resource,) if not event.outcome:
            return Gone(resource)
        case "Restart", () if not event.outcome:
            return Restart()
        case _:
            raise ValueError(f"{event.text!r} is no call that the server model knows")


def _behavior_number(word: str, event: Event) -> int:
    if word in Behavior.__members__:
        return Behavior[word].value
    if not re.fullmatch(r"-?[0-9]{1,9}", word):
        raise ValueError(f"{event.text!r}: {word!r} is no behaviour")
    return int(word)


def _answer_words(call: Call, event: Event) -> tuple[str, ...]:
    """The words of the answer that the sharing rules are about."""
    words = event.outcome or ()
    if isinstance(call, Close) and len(words) > 1:
        raise ValueError(f"{event.text!r}: Close answers nothing but a code")
    return words[:1] if isinstance(call, Use) else words


def read_answer(words: tuple[str, ...]) -> Answer | Lost:
    """The answer that the words after the arrow write: ``OK s1 new``, ``NOT_FOUND``, ``lost``."""
    if not words:
        raise ValueError("a call has no answer: write it as '-> CODE', or '...' for later")
    code, *rest = words
    if code == LOST_WORD:
        return LOST
    new = rest[-1:] == ["new"]
    ids = rest[:-1] if new else rest
    if len(ids) > 1:
        raise ValueError(f"{' '.join(words)!r} is no answer: a code, an id and perhaps 'new'")
    return Answer(code, ids[0] if ids else "", new)
