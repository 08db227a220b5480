"""What a run says in the end: how each requirement stands, the verdict, and one sentence.

A requirement is met when all its checks ran and all were met. What was not claimed is left out,
and what was not run is never counted as met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from session_contract.results.run_result import CheckResult, Outcome, RunResult, Standing, Verdict
from session_spec import Origin, Requirement, Specification, Verification

MINIMUM: Mapping[str, Mapping[str, int]] = {
    "server": {
        "core": 120,
        "use": 12,
        "strict-input": 25,
        "attach-ignores-configuration": 2,
        "independent": 1,
        "lost-calls": 18,
        "restart": 4,
        "hosting": 5,
    },
    "driver": {"core": 43},
    "file-logger": {"core": 38, "survives-kill": 1},
    "custom-instrument": {"core": 32},
    "station": {"core": 125, "reference": 10},
    "sequence": {"core": 60},
    "client": {"core": 170, "errors": 18, "tidy": 60},
}
"""The checks that a run of a class has to carry out at least, by whom they bind: ``core``, a claim.

Without it, checks that get lost from the suite would look like requirements that are met.
"""

_WORST: Sequence[tuple[Outcome, Standing]] = (
    (Outcome.VIOLATED, Standing.VIOLATED),
    (Outcome.KIT_ERROR, Standing.KIT_ERROR),
    (Outcome.TARGET_DIED, Standing.NOT_RUN),
    (Outcome.NOT_RUN, Standing.NOT_RUN),
    (Outcome.INCONCLUSIVE, Standing.INCONCLUSIVE),
)
"""One such check is enough for the requirement to stand like this; the first that fits counts."""
_TOLD_WHOLE = ("station",)
"""Classes of which our own choices are told to everybody."""
_OPEN = (Standing.NOT_RUN, Standing.INCONCLUSIVE, Standing.KIT_ERROR)


def standings(result: RunResult, specification: Specification) -> dict[str, Standing]:
    """How each requirement of the class stands, in reading order.

    Those that bind only the reference servers are told when they were checked; of a station, all
    are told, for a foreign one as those that do not count.
    """
    checks: dict[str, list[CheckResult]] = {}
    for check in result.checks:
        checks.setdefault(check.requirement, []).append(check)
    return {
        requirement.id: _standing(requirement, checks.get(requirement.id, []), result)
        for requirement in specification.of_class(result.conformance_class)
        if requirement.origin is not Origin.REFERENCE
        or requirement.id in checks
        or requirement.conformance_class in _TOLD_WHOLE
    }


def _standing(
    requirement: Requirement, checks: Sequence[CheckResult], result: RunResult
) -> Standing:
    if not binds(requirement, result.claims):
        return Standing.NOT_CLAIMED
    if requirement.verification is Verification.NOT_OBSERVABLE:
        return Standing.NOT_OBSERVABLE
    outcomes = {check.outcome for check in checks}
    found = next((standing for outcome, standing in _WORST if outcome in outcomes), Standing.MET)
    if not checks:
        found = Standing.NOT_RUN
    if requirement.id in result.known:
        return _listed(found, is_stale=requirement.id in result.stale)
    return found


def _listed(found: Standing, *, is_stale: bool) -> Standing:
    """The standing of a requirement that the list of known failures names."""
    if found is Standing.VIOLATED and not is_stale:
        return Standing.KNOWN_FAILURE
    if found is Standing.MET and is_stale:
        return Standing.FIXED_BUT_LISTED
    return found


def binds(requirement: Requirement, claims: Iterable[str]) -> bool:
    """Whether a requirement binds a target with these claims."""
    if requirement.origin is Origin.REFERENCE and requirement.conformance_class in _TOLD_WHOLE:
        return requirement.origin.value in claims
    return requirement.claim is None or requirement.claim in claims


def verdict(result: RunResult, specification: Specification) -> Verdict:
    """The verdict of a run, whose number is the exit code."""
    outcomes = {check.outcome for check in result.checks}
    found = set(standings(result, specification).values())
    if Outcome.KIT_ERROR in outcomes or result.ended is Verdict.KIT_FAILED:
        return Verdict.KIT_FAILED
    if Outcome.TARGET_DIED in outcomes or result.ended is Verdict.UNREACHABLE:
        return Verdict.UNREACHABLE
    if result.stale or found & {Standing.VIOLATED, Standing.FIXED_BUT_LISTED}:
        return Verdict.VIOLATED
    is_met = found & {Standing.MET, Standing.KNOWN_FAILURE}
    if not is_met or found & set(_OPEN) or too_few(result, specification):
        return Verdict.NOT_ESTABLISHED
    return Verdict.HOLDS


def too_few(result: RunResult, specification: Specification) -> list[str]:
    """Where fewer checks were carried out than a run has to: one sentence each."""
    ran = Counter(
        specification[check.requirement].claim or specification[check.requirement].origin.value
        for check in result.checks
        if check.requirement in specification and check.outcome is not Outcome.NOT_RUN
    )
    return [
        f"of {name}, {ran[name]} checks were carried out and {least} are the least"
        for name, least in MINIMUM.get(result.conformance_class, {}).items()
        if (name == "core" or name in result.claims) and ran[name] < least
    ]


def sentence(result: RunResult, specification: Specification) -> str:
    """The verdict in words: never a percentage, and never more than was checked."""
    found = standings(result, specification)
    count = Counter(found.values())
    due = [name for name, standing in found.items() if standing not in _LEFT_OUT]
    what = f"session sharing {result.spec_version}, {scope(result)}"
    said = _SENTENCES[verdict(result, specification)](result, found, what)
    met = f"{count[Standing.MET]} of {len(due)} requirements checked and met"
    rest = [
        f"{text}: {count[standing]}." for standing, text in _LEFT_OUT.items() if count[standing]
    ]
    return " ".join([f"{said}: {met}{_but(found)}.", *rest, *_notes(result, specification)])


def scope(result: RunResult) -> str:
    """What the target was held against: its class, its claims, its dialect."""
    claims = f" with claims {', '.join(result.claims)}" if result.claims else ", core only"
    dialect = "" if result.dialect == "standard" else f", dialect {result.dialect}"
    return f"class {result.conformance_class}{claims}{dialect}"


def name_of(result: RunResult) -> str:
    """The target and its version."""
    return f"{result.target} {result.target_version}".strip()


_LEFT_OUT = {Standing.NOT_CLAIMED: "Not claimed", Standing.NOT_OBSERVABLE: "Not observable"}
_Found = Mapping[str, Standing]


def _holds(result: RunResult, found: _Found, what: str) -> str:
    if Standing.KNOWN_FAILURE in found.values():
        return _violated(result, found, what)
    return f"{name_of(result)} meets {what}"


def _violated(result: RunResult, found: _Found, what: str) -> str:
    if not {Standing.VIOLATED, Standing.KNOWN_FAILURE} & set(found.values()):
        return f"The list of known failures of {name_of(result)} is stale for {what}"
    return f"{name_of(result)} does not meet {what}"


def _unreachable(result: RunResult, _: _Found, what: str) -> str:
    return f"{name_of(result)} does not answer, so that nothing is established of {what}"


def _kit_failed(result: RunResult, _: _Found, what: str) -> str:
    return f"session-contract itself failed: nothing is established of {name_of(result)}, {what}"


def _not_established(result: RunResult, _: _Found, what: str) -> str:
    return f"It is not established whether {name_of(result)} meets {what}"


_SENTENCES = {
    Verdict.HOLDS: _holds,
    Verdict.VIOLATED: _violated,
    Verdict.UNREACHABLE: _unreachable,
    Verdict.KIT_FAILED: _kit_failed,
    Verdict.NOT_ESTABLISHED: _not_established,
}


def _but(found: _Found) -> str:
    """What is not met, by standing, with ids."""
    words = {
        Standing.VIOLATED: "violated",
        Standing.KNOWN_FAILURE: "known to be violated",
        Standing.FIXED_BUT_LISTED: "met, but listed as a known failure",
        Standing.NOT_RUN: "not run",
        Standing.INCONCLUSIVE: "inconclusive",
        Standing.KIT_ERROR: "lost to a fault of the kit",
    }
    parts: list[str] = []
    for standing, word in words.items():
        ids = [name for name, its in found.items() if its is standing]
        if ids:
            parts.append(f"; {len(ids)} {word} ({_some(ids)})")
    return "".join(parts)


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:4]) + (f" and {len(ids) - 4} more" if len(ids) > 4 else "")


def _notes(result: RunResult, specification: Specification) -> list[str]:
    notes = [f"Stale: {name}: {why}." for name, why in result.stale.items()]
    if not set(standings(result, specification).values()) & set(_OPEN):
        # Else it is no news: what was not run has been told.
        notes += [f"Too few: {text}." for text in too_few(result, specification)]
    return [*notes, *([result.complaint] if result.complaint else [])]
