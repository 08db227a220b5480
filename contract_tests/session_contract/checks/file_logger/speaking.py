"""Says the events of the examples to a file logger, and tells what its log has."""

from __future__ import annotations

import json
from collections.abc import Sequence

from session_contract.checks.playing import Player
from session_contract.profiles.log import SENT, Record, read_log, told
from session_contract.profiles.served import Answered, Client, Served
from session_contract.subject.finding import Event as Seen
from session_spec import Requirement
from session_spec.class_models import model_for
from session_spec.class_models.log import UNFINISHED
from session_spec.examples import Event

_NOT_A_LOG = b'{"old": "old1"}\nnotes of somebody\n'


class Speaker:
    """Speaks for the clients of one example."""

    def __init__(self, served: Served) -> None:
        """Begin with a log that nobody has used."""
        self._served = served
        self._path = served.folder / f"{served.fresh()}.ndjson"
        self._session = ""
        self._records: dict[str, Record] = {}

    def call(self, event: Event) -> Answered | None:
        """Do what an event says."""
        arguments = event.arguments[1:]
        match event.call:
            case "Exists":
                self._path.write_bytes(_old_log(arguments))
            case "Initialize":
                return self._initialize(event.actor, *arguments)
            case "Log":
                return self._record(*arguments).send(self._client(event.actor), self._session)
            case "Close":
                return self._client(event.actor).close(self._session)
            case "Lines":
                pass
            case _:
                raise ValueError(f"{event.text!r} cannot be said to a logger")
        return None

    def _client(self, actor: str) -> Client:
        return self._served.client(actor or "client")

    def _initialize(self, actor: str, trouble: str = "") -> Answered:
        if trouble == "not a log":
            self._path.write_bytes(_NOT_A_LOG)
        path = self._path.with_suffix(".exe") if trouble == "other suffix" else self._path
        answer = self._client(actor).open(str(path))
        self._session = answer.message.session_id if answer.message is not None else ""
        return answer

    def _record(self, symbol: str) -> Record:
        moment = SENT if "@" in symbol else None
        name = f"{symbol} of {self._path.stem}"
        record = Record(name, {"range": "10 A", "": "é\n"}, {"peak": "3.3", 'a"b': "\\"}, moment)
        self._records[symbol] = record
        return record

    def read(self, event: Event, answer: Answered | None) -> Sequence[str]:
        """What came of an event, in the words of the examples."""
        if event.call == "Lines":
            return ("OK", *told(read_log(self._path), self._records))
        return () if answer is None else (answer.code,)

    def complain(self, requirement: str, sentence: str, events: Sequence[Seen]) -> Exception:
        """What to raise for a violation."""
        facts = [f"the log is {self._path}", *(f"it has the line {each}" for each in self._shown())]
        return self._served.violated(requirement, sentence, events=events, facts=facts)

    def _shown(self) -> list[str]:
        try:
            return self._path.read_text("utf-8", "backslashreplace").splitlines()[-5:]
        except OSError:
            return []


def _old_log(records: Sequence[str]) -> bytes:
    lines = [json.dumps({"old": each}) for each in records if each != UNFINISHED]
    text = "\n".join(lines) + ("" if UNFINISHED in records else "\n")
    return text.encode()


def play(served: Served, wanted: Requirement) -> int:
    """Play the examples of a requirement; return how many calls that were, or raise Violated."""
    count = 0
    for example in wanted.examples:
        speaker = Speaker(served)
        player = Player(model_for(wanted), speaker.call, speaker.read, speaker.complain)
        count += player.play(example)
    return count
