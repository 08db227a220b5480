"""Records with all that a text, a map and a time can be; files that are no log."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from session_contract.checks.budget import Budget
from session_contract.checks.marking import requirement
from session_contract.profiles.log import Record, read_log, told
from session_contract.profiles.served import Client, Served

_TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
_MAPS = st.dictionaries(_TEXTS, _TEXTS, max_size=4)
_UTC = timezone.utc
_TIMES = {
    "epoch": datetime(1970, 1, 1, tzinfo=_UTC),
    "before the epoch": datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=_UTC),
    "year 1": datetime(1, 1, 1, tzinfo=_UTC),
    "year 9999": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=_UTC),
    "whole second": datetime(2024, 2, 29, 12, 0, 0, tzinfo=_UTC),
    "one microsecond": datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=_UTC),
    "milliseconds": datetime(2024, 2, 29, 12, 0, 0, 123000, tzinfo=_UTC),
}
_LINE_ENDS = [
    "\n",
    "\r",
    "\r\n",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "\0",
    "\x1b[2J",
]
_NO_LOGS = {
    "text": b"notes\n",
    "a bad line among good ones": b'{"a": 1}\nnotes\n{"a": 2}\n',
    "half a record and a good one": b'{"a": \n{"a": 2}\n',
    "bytes": bytes(range(128, 256)) + b"\n",
}


class Log:
    """A log that is open, and what was sent to it."""

    def __init__(self, served: Served, client: Client) -> None:
        """Open a new one."""
        self._served = served
        self._client = client
        self.path = served.folder / f"{served.fresh()}.ndjson"
        opened = served.given(client.open(str(self.path)))
        self._session = opened.session_id
        self._records: dict[str, Record] = {}

    def add(self, record: Record) -> None:
        """Log a record that has to be taken."""
        self._served.given(record.send(self._client, self._session))
        self._records[str(len(self._records))] = record

    def expect_whole(self, requirement: str) -> None:
        """Raise Violated unless the log has what was sent, and nothing else."""
        words = list(told(read_log(self.path), self._records))
        due = list(self._records)
        if words != due:
            shown = self.path.read_bytes()[-1000:]
            raise self._served.violated(
                requirement,
                f"{len(due)} records were acknowledged, which the log does not have as they were "
                f"sent: {', '.join(sorted(set(words) ^ set(due)) or ['another order'])}",
                facts=[f"the log ends with {shown!r}"],
            )


@requirement("LOGGER-FIELDS", 1, kind="stateful")
def test___random_names_and_values___logged___stand_there_as_sent(
    served: Served, client: Client, budget: Budget, seed: int
) -> None:
    log = Log(served, client)
    rounds = budget.programs * 5

    @seeded(seed)
    @settings(
        max_examples=rounds,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=(HealthCheck.too_slow,),
    )
    @given(_TEXTS, _MAPS, _MAPS)
    def send(name: str, configurations: dict[str, str], outputs: dict[str, str]) -> None:
        log.add(Record(f"{served.fresh()} {name}", configurations, outputs))

    send()

    served.executions = rounds
    log.expect_whole("LOGGER-FIELDS")


@requirement("LOGGER-LINE", 1, kind="input")
def test___texts_that_could_end_a_line___logged___each_record_is_one_line(
    served: Served, client: Client
) -> None:
    log = Log(served, client)

    for end in _LINE_ENDS:
        text = f"{served.fresh()}{end}next"
        log.add(Record(text, {text: text}, {text: text}))

    served.executions = len(_LINE_ENDS)
    log.expect_whole("LOGGER-LINE")


@requirement("LOGGER-LINE", 1, kind="input")
def test___a_record_of_a_megabyte___logged___is_one_line(served: Served, client: Client) -> None:
    log = Log(served, client)

    log.add(Record(served.fresh(), outputs={"wave": "0.123456," * 110_000}))
    log.add(Record(served.fresh()))

    log.expect_whole("LOGGER-LINE")


@pytest.mark.parametrize("name", _TIMES)
@requirement("LOGGER-TIME-SENT", 1, kind="input")
def test___a_time___logged___stands_there_to_the_microsecond(
    served: Served, client: Client, name: str
) -> None:
    log = Log(served, client)

    log.add(Record(served.fresh(), moment=_TIMES[name]))

    log.expect_whole("LOGGER-TIME-SENT")


@requirement("LOGGER-ORDER", 1, kind="input")
def test___records_whose_times_go_back___logged___stay_in_the_order_of_the_calls(
    served: Served, client: Client
) -> None:
    log = Log(served, client)
    begin = datetime(2024, 1, 1, tzinfo=_UTC)

    for minutes in (3, 1, 2):
        log.add(Record(served.fresh(), moment=begin + timedelta(minutes=minutes)))

    log.expect_whole("LOGGER-ORDER")


@pytest.mark.parametrize("name", _NO_LOGS)
@requirement("LOGGER-NOT-A-LOG", 1, kind="input")
def test___a_file_that_is_no_log___opened___refused_and_as_it_was(
    served: Served, client: Client, name: str
) -> None:
    path = served.folder / f"{served.fresh()}.log"
    path.write_bytes(_NO_LOGS[name])

    answer = client.open(str(path))

    if answer.code != "INVALID_ARGUMENT":
        raise served.violated("LOGGER-NOT-A-LOG", f"INVALID_ARGUMENT is due, not {answer.code}")
    if path.read_bytes() != _NO_LOGS[name]:
        raise served.violated("LOGGER-NOT-A-LOG", "the file that was refused is another now")


@pytest.mark.parametrize("suffix", ["", ".exe", ".ndjson.bak", ".json", ".logs"])
@requirement("LOGGER-SUFFIX", 1, kind="input")
def test___another_suffix___opened___refused_and_no_file_made(
    served: Served, client: Client, suffix: str
) -> None:
    path = served.folder / f"{served.fresh()}{suffix}"

    answer = client.open(str(path))

    if answer.code != "INVALID_ARGUMENT":
        raise served.violated("LOGGER-SUFFIX", f"INVALID_ARGUMENT is due, not {answer.code}")
    if path.exists():
        raise served.violated("LOGGER-SUFFIX", "the path was refused, and a file is there now")


@pytest.mark.parametrize("suffix", [".ndjson", ".log", ".txt"])
@requirement("LOGGER-APPENDS", 1, kind="input")
def test___a_log_of_each_suffix___opened_again_and_again___grows(
    served: Served, client: Client, suffix: str
) -> None:
    path = served.folder / f"{served.fresh()}{suffix}"
    records = {str(n): Record(f"{n} {served.fresh()}") for n in range(3)}

    for record in records.values():
        session = served.given(client.open(str(path))).session_id
        served.given(record.send(client, session))
        served.given(client.close(session))

    if list(told(read_log(path), records)) != list(records):
        raise served.violated("LOGGER-APPENDS", f"the log has {_shown(path)}")


def _shown(path: Path) -> str:
    return repr(path.read_bytes()[-1000:])
