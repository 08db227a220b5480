"""Names of RPCs as users write them: checked at once, with the nearest when mistyped."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable

from session_fakes.errors import FakeError


class MethodNames:
    """The RPCs of a station, as full names ``package.Service/Method``."""

    def __init__(self, full_names: Iterable[str] = ()) -> None:
        self._full_names = set(full_names)
        self._more: list[Callable[[], Iterable[str]]] = []

    def add(self, full_names: Iterable[str]) -> None:
        """Make more RPCs known."""
        self._full_names.update(full_names)

    def add_later(self, full_names: Callable[[], Iterable[str]]) -> None:
        """Make RPCs known that take a while to find: they are looked for when others do not fit."""
        self._more.append(full_names)

    def meant(self, pattern: str) -> Callable[[str], bool]:
        """Whether a full name is one that a pattern means; also of RPCs that are found later."""
        known = dict.fromkeys(self.matching(pattern), True)

        def is_meant(full_name: str) -> bool:
            if full_name not in known:
                known[full_name] = _means(pattern, full_name)
            return known[full_name]

        return is_meant

    def matching(self, pattern: str) -> frozenset[str]:
        """The full names that a pattern means; raise FakeError with the nearest when none.

        A pattern is a method (``ReserveSessions``), a service and method, or a glob of either
        (``Reserve*``, ``*.PinMapService/*``).
        """
        found = self._known(pattern)
        while not found and self._more:
            self._full_names.update(self._more.pop(0)())
            found = self._known(pattern)
        if found:
            return found
        import difflib  # slow to import, seldom needed

        short = {name.rpartition("/")[2] for name in self._full_names}
        near = difflib.get_close_matches(pattern.rpartition("/")[2], sorted(short), n=3)
        hint = (
            f"Did you mean {' or '.join(near)}?" if near else f"RPCs: {', '.join(sorted(short))}."
        )
        raise FakeError(f"The station has no RPC {pattern!r}. {hint}")

    def _known(self, pattern: str) -> frozenset[str]:
        return frozenset(name for name in self._full_names if _means(pattern, name))


def _means(pattern: str, full_name: str) -> bool:
    whole = full_name if "/" in pattern else full_name.rpartition("/")[2]
    return fnmatch.fnmatchcase(whole, pattern)
