"""Two runs side by side: what got better, what got worse, and what is not looked at any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from session_contract.results.run_result import RunResult, Standing, Verdict
from session_contract.results.text_timeline import printable
from session_contract.results.verdict import name_of, standings
from session_spec import Specification

_NOT_MET = (Standing.VIOLATED, Standing.KNOWN_FAILURE)
_MET = (Standing.MET, Standing.FIXED_BUT_LISTED)


class Change(Enum):
    """What became of a requirement between two runs."""

    BROKEN = "broken"
    NO_LONGER_CHECKED = "no longer checked"
    FIXED = "fixed"
    NEWLY_CHECKED = "newly checked"
    STILL_VIOLATED = "still violated"


@dataclass(frozen=True)
class Difference:
    """A requirement about which two runs say something else, or which neither found to be met."""

    requirement: str
    change: Change
    old: Standing | None
    """How it stood; None where that run's specification did not have it."""
    new: Standing | None


def differences(old: RunResult, new: RunResult, specification: Specification) -> list[Difference]:
    """What changed from one run to another, worst first, then in reading order."""
    before, after = standings(old, specification), standings(new, specification)
    found: list[Difference] = []
    for name in dict.fromkeys([*after, *before]):
        change = _change(before.get(name), after.get(name))
        if change:
            found.append(Difference(name, change, before.get(name), after.get(name)))
    return sorted(found, key=lambda difference: list(Change).index(difference.change))


def _change(old: Standing | None, new: Standing | None) -> Change | None:
    if new in _NOT_MET:
        return Change.STILL_VIOLATED if old in _NOT_MET else Change.BROKEN
    if new in _MET:
        fixed = Change.FIXED if old in _NOT_MET else Change.NEWLY_CHECKED
        return None if old in _MET else fixed
    return Change.NO_LONGER_CHECKED if old in (*_MET, *_NOT_MET) else None


def told(
    old: RunResult, new: RunResult, found: list[Difference], specification: Specification
) -> Iterator[str]:
    """The differences as lines of text, with a sentence at the end."""
    yield f"old  {printable(name_of(old))}, {old.began}"
    yield f"new  {printable(name_of(new))}, {new.began}"
    width = max((len(difference.requirement) for difference in found), default=0)
    for change in Change:
        members = [difference for difference in found if difference.change is change]
        if members:
            yield f"\n{change.value}"
        for one in members:
            title = specification[one.requirement].title
            yield f"  {one.requirement:{width}}  {title}  ({_word(one.old)} -> {_word(one.new)})"
    yield f"\n{_SENTENCES[verdict_of(found)]}"


def verdict_of(found: list[Difference]) -> Verdict:
    """Violated when something broke; not established when something is not checked any more."""
    changes = {difference.change for difference in found}
    if Change.BROKEN in changes:
        return Verdict.VIOLATED
    return Verdict.NOT_ESTABLISHED if Change.NO_LONGER_CHECKED in changes else Verdict.HOLDS


_SENTENCES: Mapping[Verdict, str] = {
    Verdict.HOLDS: "Nothing got worse.",
    Verdict.VIOLATED: "Something broke.",
    Verdict.NOT_ESTABLISHED: "Nothing broke of what is still checked; less is checked than before.",
}


def _word(standing: Standing | None) -> str:
    return standing.value if standing else "not part of the run"
