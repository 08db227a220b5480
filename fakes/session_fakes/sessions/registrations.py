"""Who has opened what: the sessions and multiplexer sessions that are registered.

Pure: no gRPC, no threads, no clock. Registering and reserving are independent of each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic

from session_fakes.errors import Refusal, quoted
from session_fakes.fidelity import fidelity
from session_fakes.sessions.records import Holder, Record, Registered


class Registrations(Generic[Record]):
    """The registered records of one kind, in the order of their registration."""

    def __init__(self) -> None:
        self._by_name: dict[str, Registered[Record]] = {}
        self._by_type: dict[str, dict[str, Registered[Record]]] = {}

    def get(self, name: str) -> Registered[Record] | None:
        """The registration of that name, if there is one."""
        return self._by_name.get(name)

    @fidelity(
        "REG-DUPLICATE-IN-REQUEST",
        evidence="our choice",
        rule="A name that stands twice in one request is ALREADY_EXISTS",
    )
    @fidelity(
        "REG-ALL-OR-NOTHING",
        evidence="our choice",
        rule="A register request that is refused registers none of its sessions",
    )
    @fidelity(
        "REG-ANY",
        evidence="tested by NI",
        rule="Any session can be registered, reserved or not, in a pin map or not",
    )
    def add(self, records: Sequence[Record], holder: Holder, now: float) -> None:
        """Register all of these, or none.

        Raises:
            Refusal: INVALID_ARGUMENT for an empty name, ALREADY_EXISTS for a known one.
        """
        self._check_named(records)
        self._check_new(records)
        for record in records:
            registered = Registered(record, holder, now)
            self._by_name[record.name] = registered
            self._by_type.setdefault(record.type_id, {})[record.name] = registered

    @fidelity(
        "REG-NAME-EMPTY",
        evidence="documented",
        rule="Registering an empty session name is INVALID_ARGUMENT",
    )
    def _check_named(self, records: Sequence[Record]) -> None:
        for position, record in enumerate(records, 1):
            if not record.name:
                raise Refusal(
                    "INVALID_ARGUMENT",
                    f"session {position} of {len(records)} has an empty name: nobody could attach "
                    "to it. Give it the name that the reservation answered",
                )

    @fidelity(
        "REG-DUPLICATE",
        evidence="documented",
        rule="Registering a name that is registered is ALREADY_EXISTS, whoever asks",
    )
    def _check_new(self, records: Sequence[Record]) -> None:
        seen: set[str] = set()
        for record in records:
            known = self._by_name.get(record.name)
            if known or record.name in seen:
                by = f"was registered by {known.holder}" if known else "stands twice in the request"
                raise Refusal(
                    "ALREADY_EXISTS",
                    f"{quoted(record.name)} {by}; nothing of this request was registered. "
                    "Unregister it first: a setup that ran twice has opened it twice, or a "
                    "cleanup did not run",
                )
            seen.add(record.name)

    @fidelity(
        "REG-UNREGISTER-UNKNOWN",
        evidence="our choice",
        rule="Unregistering what is not registered is OK and changes nothing",
    )
    def remove(self, names: Iterable[str]) -> list[Record]:
        """Forget these names; answer the records of those that were registered."""
        removed: list[Record] = []
        for name in names:
            registered = self._by_name.pop(name, None)
            if registered is None:
                continue
            record = registered.record
            same_type = self._by_type[record.type_id]
            del same_type[name]
            if not same_type:
                del self._by_type[record.type_id]
            removed.append(record)
        return removed

    def of_type(self, type_id: str = "") -> list[Registered[Record]]:
        """The registrations of a type, compared letter by letter; of every type for ``""``."""
        found = self._by_type.get(type_id, {}) if type_id else self._by_name
        return list(found.values())
