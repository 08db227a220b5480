"""A database connection that several threads use, one statement after the other."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from .refusals import InvalidRequestError, SessionError


class LockedError(SessionError):
    """Another program has locked the database."""

    code = "UNAVAILABLE"


class Database:
    """An open database, with one transaction at a time."""

    def __init__(self, path: str) -> None:
        """Open the database of a file, and make it if it is missing."""
        self._lock = threading.Lock()
        with _explained():
            self._connection = sqlite3.connect(path, timeout=5.0, check_same_thread=False)
        try:
            self.execute("PRAGMA schema_version", ())  # reads the file: is it a database?
        except BaseException:
            self.close()
            raise

    def execute(self, statement: str, parameters: Sequence[str]) -> list[tuple[object, ...]]:
        """Run one statement, as part of the transaction; return its rows."""
        with self._lock, _explained():
            return self._connection.execute(statement, tuple(parameters)).fetchall()

    def end_transaction(self, *, commit: bool) -> None:
        """Keep what was changed since the last transaction, or forget it."""
        with self._lock, _explained():
            if commit:
                self._connection.commit()
            else:
                self._connection.rollback()

    def close(self) -> None:
        """Close the connection; what was not committed is forgotten."""
        self._connection.close()


@contextmanager
def _explained() -> Generator[None, None, None]:
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        kind = LockedError if "locked" in str(error) else InvalidRequestError
        raise kind(f"The database refuses: {error}.") from error
