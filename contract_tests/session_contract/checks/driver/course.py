"""Plays the specification's examples at a device server, each answer held against the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from session_contract.checks.marking import specification
from session_contract.checks.playing import Player
from session_contract.driver.server import Answered, DeviceClient, DeviceServer
from session_contract.subject.finding import Event as Seen
from session_contract.subject.finding import Violated
from session_spec import Requirement
from session_spec.class_models import model_for
from session_spec.class_models.server import OTHER_DRIVER, OTHER_KIND, read_call
from session_spec.examples import Event, Example
from session_spec.judge import Model
from session_spec.model import Close, Initialize, Use


class Course:
    """The clients of one example, and what they saw."""

    def __init__(self, server: DeviceServer, model: Model) -> None:
        """Begin with names that nobody has used."""
        self._server = server
        self._model = model
        self._meant = {"": ""}
        self._symbols = {"": ""}
        self._two: tuple[DeviceClient, DeviceClient] | None = None
        """Of two drivers, where the example is about that."""

    def play(self, example: Example) -> int:
        """Play an example; return how many calls that were, or raise Violated."""
        if any(OTHER_DRIVER in event.arguments for event in example.events):
            self._two = self._server.clients_of_one_kind()
        return Player(self._model, self._call, self._read, self._violated).play(example)

    def _call(self, event: Event) -> Answered:
        call, client = read_call(event), self._client(event)
        if isinstance(call, Initialize):
            reset = any(argument == "reset=true" for argument in event.arguments)
            given = {"reset": True, "reset_device": True} if reset else {}
            return client.initialize(self._name(call.resource), call.behavior, **given)
        assert isinstance(call, Close | Use)
        name = self._name(call.session)
        return client.close(name) if isinstance(call, Close) else client.use(name)

    def _client(self, event: Event) -> DeviceClient:
        if OTHER_KIND in event.arguments:
            return self._server.client_of_another_kind()
        if self._two is not None:
            return self._two[OTHER_DRIVER in event.arguments]
        return self._server.client(event.actor or "client")

    def _name(self, symbol: str) -> str:
        if symbol not in self._meant:
            self._bind(symbol, self._server.fresh())
        return self._meant[symbol]

    def _bind(self, symbol: str, name: str) -> None:
        self._meant[symbol] = name
        self._symbols[name] = symbol

    def _read(self, _: Event, answer: Answered) -> tuple[str, ...]:
        """An answer in the words of an example."""
        name = answer.session
        if name not in self._symbols:
            numbers = (f"lone{n}" for n in range(1, 1000))
            self._bind(next(each for each in numbers if each not in self._meant), name)
        symbol = self._symbols[name]
        return (answer.code, *([symbol] if symbol else []), *(["new"] if answer.new else []))

    def _violated(self, requirement: str, sentence: str, events: Sequence[Seen]) -> Exception:
        return self._server.violated(requirement, sentence, events=events)


def play(server: DeviceServer, wanted: Requirement) -> int:
    """Play the examples of a requirement; return how many calls that were.

    Raises:
        Violated: The server does not answer as it has to. The model names the requirement that the
            last answer breaks; when that one's own examples hold, it is ``wanted`` that is broken.
    """
    try:
        return _play(server, wanted)
    except Violated as error:
        named = error.finding.requirement
        if named != wanted.id and (not _is_ours(named) or _holds(server, named)):
            raise Violated(replace(error.finding, requirement=wanted.id)) from None
        raise


def _play(server: DeviceServer, wanted: Requirement) -> int:
    return sum(Course(server, model_for(wanted)).play(each) for each in wanted.examples)


def _is_ours(name: str) -> bool:
    """Whether a requirement is of this class: the model is that of servers, in a dialect."""
    return specification()[name].conformance_class == "driver"


def _holds(server: DeviceServer, name: str) -> bool:
    try:
        _play(server, specification()[name])
    except Violated:
        return False
    return True
