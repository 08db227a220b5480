"""Names of RPCs as users write them: checked at once, with the nearest when mistyped."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from session_fakes.errors import FakeError


class MethodNames:
    """The RPCs of a station, as full names ``package.Service/Method``."""

    def __init__(self, full_names: Iterable[str] = ()) -> None:
        self._full_names = set(full_names)

    def add(self, full_names: Iterable[str]) -> None:
        """Make more RPCs known."""
        self._full_names.update(full_names)

    def matching(self, pattern: str) -> frozenset[str]:
        """The full names that a pattern means; raise FakeError with the nearest when none.

        A pattern is a method (``ReserveSessions``), a service and method, or a glob of either
        (``Reserve*``, ``*.PinMapService/*``).
        """
        found = frozenset(name for name in self._full_names if _means(pattern, name))
        if found:
            return found
        import difflib  # slow to import, seldom needed

        short = {name.rpartition("/")[2] for name in self._full_names}
        near = difflib.get_close_matches(pattern.rpartition("/")[2], sorted(short), n=3)
        hint = (
            f"Did you mean {' or '.join(near)}?" if near else f"RPCs: {', '.join(sorted(short))}."
        )
        raise FakeError(f"The station has no RPC {pattern!r}. {hint}")


def _means(pattern: str, full_name: str) -> bool:
    whole = full_name if "/" in pattern else full_name.rpartition("/")[2]
    return fnmatch.fnmatchcase(whole, pattern)
