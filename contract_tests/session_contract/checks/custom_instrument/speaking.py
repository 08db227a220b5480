"""Says the events of the examples to an instrument, and tells what it answers."""

from __future__ import annotations

from collections.abc import Sequence

from session_contract.checks.playing import Player
from session_contract.profiles.device import BAD, GOOD, call, open_instrument, words
from session_contract.profiles.served import Answered, Client, Served
from session_contract.subject.finding import Event as Seen
from session_spec import Requirement
from session_spec.class_models import model_for
from session_spec.examples import Event
from session_spec.judge import Model


class Speaker:
    """Speaks for the clients of one example."""

    def __init__(self, served: Served) -> None:
        """Begin with instruments that nobody has used."""
        self._served = served
        self._unique = served.fresh()
        self._sessions: dict[str, str] = {}

    def player(self, model: Model) -> Player:
        """What plays examples by it."""
        return Player(model, self.call, self.read, self.complain)

    def call(self, event: Event) -> Answered:
        """Make the call of an event."""
        client, name = self._served.client(event.actor or "client"), event.arguments[0]
        if event.call == "Initialize":
            return self._initialize(client, name, event.arguments[1:])
        if event.call == "Close":
            return client.close(self._sessions[name])
        return call(client, self._sessions.get(name, ""), event)

    def _initialize(self, client: Client, name: str, given: Sequence[str]) -> Answered:
        is_bad = "bad map" in given
        path = self._served.folder / f"{self._unique}-{'bad' if is_bad else 'good'}.csv"
        bad, _line = BAD["a default above 255"]
        path.write_text(bad if is_bad else GOOD, encoding="utf-8")
        resource = f"{name} {self._unique}"
        answer = open_instrument(client, resource, path, reset="reset" in given)
        if answer.message is not None:
            self._sessions[name] = answer.message.session_id
        return answer

    def read(self, event: Event, answer: Answered) -> Sequence[str]:
        """What came of an event, in the words of the examples."""
        return words(event, answer)

    def complain(self, requirement: str, sentence: str, events: Sequence[Seen]) -> Exception:
        """What to raise for a violation."""
        return self._served.violated(requirement, sentence, events=events)


def play(served: Served, wanted: Requirement) -> int:
    """Play the examples of a requirement; return how many calls that were, or raise Violated."""
    model = model_for(wanted)
    return sum(Speaker(served).player(model).play(example) for example in wanted.examples)
