"""Two plug-ins write their results into one transaction, and one of them keeps or drops both."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from offline.adaptation import Caller, server
from offline.bench import expect, say

INSERT = "insert into results values (?, ?)"


def show() -> None:
    """Share a transaction: commit it once, roll it back once."""
    with tempfile.TemporaryDirectory() as folder, server("database_session") as channel:
        path = Path(folder, "results.db")
        setup = Caller("setup", "database_session", channel)
        first = Caller("first plug-in", "database_session", channel)
        second = Caller("second plug-in", "database_session", channel)
        where = {"database_path": str(path)}

        say("Two plug-ins share a connection and its transaction")
        session = setup("InitializeDatabase", initialization_behavior=1, **where).session_id
        use = {"session_id": session}
        setup("Execute", statement="create table results (name, value)", **use)
        joined = first("InitializeDatabase", **where), second("InitializeDatabase", **where)
        expect({each.session_id for each in joined} == {session}, "they have one session")
        first("Execute", statement=INSERT, parameters=["voltage", "3.3"], **use)
        seen = second("Execute", statement="select count(*) from results", **use).first_value
        expect(seen == "1", "the second sees what the first has written and nobody committed")
        expect(_rows(path) == [], "no other program sees it yet")
        second("Execute", statement=INSERT, parameters=["current", "0.1"], **use)
        setup("EndTransaction", commit=True, **use)
        committed = [("current", "0.1"), ("voltage", "3.3")]
        expect(_rows(path) == committed, "committed by one, the results of both are there")

        say("What was not committed is forgotten")
        first("Execute", statement=INSERT, parameters=["nonsense", "-1"], **use)
        setup("CloseDatabase", **use)
        expect(_rows(path) == committed, "a close keeps only what was committed")


def _rows(path: Path) -> list[tuple[str, str]]:
    """What another program finds in the database."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("select name, value from results order by name").fetchall()
