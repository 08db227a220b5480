"""Many clients that log at the same time, and a server that is killed meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from session_contract.checks.budget import Budget
from session_contract.checks.marking import requirement
from session_contract.profiles.log import Record, read_log, told
from session_contract.profiles.served import Client, Served
from session_contract.subject.finding import NotEstablished
from session_spec.class_models.log import TORN

_CLIENTS = 8
_TO_MEET = 60.0
"""Seconds that the clients have to come together."""
_TRIES = 5
"""Closes, at most, until one of them comes before the last record."""


class Writers:
    """Clients that log to one log at the same time, each with records of its own."""

    def __init__(self, served: Served, most: int) -> None:
        """Be ready to send at most so many records each."""
        self._served = served
        self._most = most
        self._meet = threading.Barrier(_CLIENTS + 1, timeout=_TO_MEET)
        self.path = served.folder / f"{served.fresh()}.ndjson"
        self.sent: dict[str, Record] = {}
        self.acknowledged: dict[int, list[str]] = {writer: [] for writer in range(_CLIENTS)}
        self.refused: set[str] = set()
        self.enough = threading.Event()
        """Set once half of the records of a client are acknowledged, or one is refused."""

    def run(self, session: str, meanwhile: threading.Thread | None = None) -> None:
        """Log until all is sent or a call fails; begin ``meanwhile`` with the first record."""
        with ThreadPoolExecutor(_CLIENTS) as pool:
            running = [pool.submit(self._write, writer, session) for writer in range(_CLIENTS)]
            self._meet.wait()
            if meanwhile:
                meanwhile.start()
            for each in running:
                each.result()
        if meanwhile:
            meanwhile.join()

    def _write(self, writer: int, session: str) -> None:
        client = self._served.client(f"client {writer + 1}")
        self._meet.wait()
        for number in range(self._most):
            symbol = f"{writer}-{number}"
            record = Record(f"{symbol} {self.path.stem}", outputs={"padding": "x" * 200})
            self.sent[symbol] = record
            answer = record.send(client, session)
            if answer.code == "NOT_FOUND":
                self.refused.add(symbol)
            if answer.code != "OK":
                self.enough.set()
                return
            self.acknowledged[writer].append(symbol)
            if number >= self._most // 2:
                self.enough.set()

    def found(self) -> list[str]:
        """What the log has."""
        return list(told(read_log(self.path), self.sent))


def _logged(served: Served, client: Client, budget: Budget) -> Writers:
    writers = Writers(served, budget.cycles * 2)
    writers.run(served.given(client.open(str(writers.path))).session_id)
    served.executions = len(writers.sent)
    if not any(writers.acknowledged.values()):
        raise NotEstablished(f"No record was acknowledged: {served.events[-1].text} was answered.")
    return writers


@requirement("LOGGER-LINE", 1, kind="race")
def test___many_clients___log_at_once___every_record_is_a_whole_line(
    served: Served, client: Client, budget: Budget
) -> None:
    writers = _logged(served, client, budget)

    found = writers.found()

    if TORN in found:
        raise served.violated("LOGGER-LINE", "a line of the log is no JSON object")
    if missing := _missing(writers.acknowledged, found):
        raise served.violated("LOGGER-LINE", f"{missing} was acknowledged and is not in the log")


@requirement("LOGGER-ONCE", 1, kind="race")
def test___many_clients___log_at_once___every_record_is_there_once(
    served: Served, client: Client, budget: Budget
) -> None:
    found = _logged(served, client, budget).found()

    often = [each for each in set(found) if found.count(each) > 1]
    if often:
        raise served.violated("LOGGER-ONCE", f"{often[0]} is {found.count(often[0])} times there")


@requirement("LOGGER-ORDER", 1, kind="race")
def test___many_clients___log_at_once___the_records_of_each_are_in_order(
    served: Served, client: Client, budget: Budget
) -> None:
    writers = _logged(served, client, budget)

    found = writers.found()

    for writer, symbols in writers.acknowledged.items():
        own = [each for each in found if each in symbols]
        if own != symbols:
            raise served.violated(
                "LOGGER-ORDER", f"client {writer + 1} logged in another order than the log has"
            )


@requirement("LOGGER-REFUSED", 1, kind="race")
def test___many_clients___log_while_the_session_is_closed___what_is_refused_is_not_there(
    served: Served, client: Client, budget: Budget
) -> None:
    writers = _closed_meanwhile(served, client, budget)

    there = writers.refused & set(writers.found())

    if there:
        raise served.violated("LOGGER-REFUSED", f"{min(there)} was refused and is in the log")


def _closed_meanwhile(served: Served, client: Client, budget: Budget) -> Writers:
    """Close a session while clients log, until the close comes before some of their records."""
    for _ in range(_TRIES):
        writers = Writers(served, budget.cycles * 20)
        session = served.given(client.open(str(writers.path))).session_id

        def close(writers: Writers = writers, session: str = session) -> None:
            writers.enough.wait(_TO_MEET)
            client.close(session)

        writers.run(session, threading.Thread(target=close))
        served.executions = len(writers.sent)
        if writers.refused:
            return writers
    raise NotEstablished(
        f"The close came after all records, {_TRIES} times: run this on a less busy machine."
    )


@requirement("LOGGER-KILLED", 1, kind="restart")
def test___many_clients_that_log___the_server_killed___every_acknowledged_record_is_there(
    served: Served, budget: Budget
) -> None:
    writers = Writers(served, budget.cycles * 20)
    session = served.given(served.client().open(str(writers.path))).session_id

    def kill() -> None:
        writers.enough.wait(_TO_MEET)
        served.host.kill()

    writers.run(session, threading.Thread(target=kill))
    served.restart()
    served.given(served.client().open(str(writers.path)))  # takes the log over, torn or not

    served.executions = len(writers.sent)
    if not any(writers.acknowledged.values()):
        raise NotEstablished("No record was acknowledged before the server was killed.")
    found = writers.found()
    if missing := _missing(writers.acknowledged, found):
        raise served.violated("LOGGER-KILLED", f"{missing} was acknowledged and is not in the log")
    if TORN in found:
        raise served.violated("LOGGER-KILLED", "a line of the log is no JSON object")


def _missing(acknowledged: Mapping[int, list[str]], found: list[str]) -> str:
    there = set(found)
    due = [symbol for symbols in acknowledged.values() for symbol in symbols]
    return next((symbol for symbol in due if symbol not in there), "")
