"""Tells while a run works: a line per group of checks, and in a terminal a live one."""

from __future__ import annotations

import sys
from collections import Counter

import click

from session_contract.results.run_result import CheckResult, Outcome

_WIDTH = 78


class Progress:
    """Tells of results as they come, where somebody wants to know."""

    def __init__(self, *, quiet: bool = False, spread: bool = False) -> None:
        """Tell on standard output.

        Args:
            quiet: Tell nothing.
            spread: The groups come mixed, from several processes: tell of them at the end.
        """
        self._quiet = quiet
        self._spread = spread
        self._is_live = sys.stdout.isatty() and not quiet
        self._groups: dict[str, Counter[Outcome]] = {}
        self._total = 0

    def seen(self, node: str, check: CheckResult) -> None:
        """A check has come to something."""
        group = node.partition("::")[0].rpartition("/")[2].removeprefix("test_").removesuffix(".py")
        if group not in self._groups and not self._spread:
            self.finish()
        self._groups.setdefault(group, Counter())[check.outcome] += 1
        self._total += 1
        if self._is_live:
            line = f"{self._total} checks  {group}  {check.requirement}"
            click.echo(f"\r{line[:_WIDTH]:{_WIDTH}}", nl=False)

    def finish(self) -> None:
        """Tell of the groups of checks that have ended."""
        for group, count in self._groups.items():
            words = [f"{n} {outcome.value}" for outcome in Outcome if (n := count[outcome])]
            line = f"{group.replace('_', ' ')}: {', '.join(words)}"
            if not self._quiet:
                click.echo(f"\r{line:{_WIDTH}}" if self._is_live else line)
        self._groups.clear()
