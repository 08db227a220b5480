"""The verdict on a run: scores, survivors, and whether each is explained."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from mutation.mutants import Mutant
from mutation.workplace import Module, Result, UsageError


@dataclass(frozen=True)
class Job:
    """A mutant to be tested, its module, and the digest of all that the result depends on."""

    module: Module
    mutant: Mutant
    digest: str


@dataclass(frozen=True)
class Explanation:
    """Why a survivor is right to survive."""

    mutant: str
    change: str
    why: str


def read_explanations(path: Path) -> dict[str, Explanation]:
    """The explained survivors by the id of the mutant."""
    found: dict[str, Explanation] = {}
    try:
        for entry in json.loads(path.read_text(encoding="utf-8")):
            explanation = Explanation(**entry)
            if not explanation.why.strip() or explanation.mutant in found:
                raise UsageError(f"{path}: {explanation.mutant} has no 'why', or stands twice")
            found[explanation.mutant] = explanation
    except (TypeError, AttributeError, ValueError) as error:
        form = 'a list of {"mutant": ID, "change": "before => after", "why": TEXT}'
        raise UsageError(f"{path} is not {form}: {error}") from None
    return found


def conclude(
    jobs: list[Job],
    every: list[Job],
    results: dict[str, Result],
    explanations: dict[str, Explanation],
) -> int:
    """Print scores, survivors and stale explanations; return the exit code."""
    survivors = [job.mutant for job in jobs if results[job.mutant.id].outcome == "survived"]
    print()
    for module in dict.fromkeys(job.module for job in jobs):
        _print_score([j for j in jobs if j.module == module], module, results, explanations)
    open_ones: list[dict[str, str]] = []
    for mutant in survivors:
        explanation = explanations.get(mutant.id)
        fits = explanation is not None and explanation.change == mutant.change
        why = explanation.why if explanation and fits else "NOT EXPLAINED"
        print(
            f"\n{place_of(mutant)}  {mutant.id}\n  - {mutant.before}\n  + {mutant.after}\n  {why}"
        )
        if not fits:
            open_ones.append(asdict(Explanation(mutant.id, mutant.change, "")))
    if open_ones:
        print("\nWrite a test that fails; or, where none can, explain it in explained.json:")
        print(json.dumps(open_ones, indent=2, ensure_ascii=False))
    stale = list(_stale(every, results, explanations))
    for line in stale:
        print(f"\nStale explanation: {line}")
    if len(jobs) < len([j for j in every if not j.mutant.text]):
        print("\nThis was a part of the mutants.")
    return 1 if open_ones or stale else 0


def _print_score(
    jobs: list[Job],
    module: Module,
    results: dict[str, Result],
    explanations: dict[str, Explanation],
) -> None:
    outcomes = Counter(results[job.mutant.id].outcome for job in jobs)
    killed = outcomes["killed"] + outcomes["time-out"]
    explained = sum(
        results[j.mutant.id].outcome == "survived" and j.mutant.id in explanations for j in jobs
    )
    print(
        f"{module.name}: {killed} of {len(jobs)} killed ({killed / len(jobs):.1%}), "
        f"{outcomes['time-out']} of them by time-out; "
        f"{outcomes['survived']} survived, {explained} of them explained"
    )


def _stale(
    every: list[Job], results: dict[str, Result], explanations: dict[str, Explanation]
) -> Iterator[str]:
    """The explanations of these modules that explain no survivor."""
    mutants = {job.mutant.id: job.mutant for job in every}
    modules = {job.module.name for job in every}
    for explanation in explanations.values():
        name = explanation.mutant
        if name.split(":")[0] not in modules:
            continue
        if name not in mutants:
            yield f"{name}: there is no such mutant any more"
        elif explanation.change != mutants[name].change:
            yield f"{name}: its change is {mutants[name].change}"
        elif name in results and results[name].outcome != "survived":
            yield f"{name}: {results[name].outcome} {results[name].by}".rstrip()


def place_of(mutant: Mutant) -> str:
    """File and line, as short as the current folder allows."""
    path = mutant.path
    return f"{path.relative_to(Path.cwd()) if Path.cwd() in path.parents else path}:{mutant.line}"
