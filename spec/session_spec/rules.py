"""The rules of sharing in a line each, with the requirements that carry them.

``rules.md`` is the source. No rule is without a requirement, and no requirement of the classes
that tell the sharing rules is without a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from session_spec.catalogue import Specification
from session_spec.errors import Finding
from session_spec.linter import REFERENCE

PATH = Path(__file__).parent / "rules.md"
TOLD_HERE = ("server", "client", "sequence", "driver")
"""The classes whose requirements have to carry a rule; NI's services have rules of their own."""


@dataclass(frozen=True)
class Rule:
    """One rule: its text, the ids of the requirements that carry it, and its line."""

    text: str
    requirements: tuple[str, ...]
    line: int


def read(path: Path = PATH) -> list[Rule]:
    """The rules of the file, one to a line that begins with a dash."""
    rules: list[Rule] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("- "):
            text = REFERENCE.sub("", line[2:]).strip()
            rules.append(Rule(text, tuple(REFERENCE.findall(line)), number))
    return rules


def faults(specification: Specification, path: Path = PATH) -> list[Finding]:
    """Rules without a requirement, ids that do not exist, requirements without a rule."""
    rules = read(path)
    findings = [
        Finding(path, rule.line, f"no requirement carries {rule.text!r}", "Name one in brackets")
        for rule in rules
        if not rule.requirements
    ]
    for rule in rules:
        findings += [
            Finding(path, rule.line, f"there is no requirement {name}", "Name one that exists")
            for name in rule.requirements
            if name not in specification
        ]
    carrying = {name for rule in rules for name in rule.requirements}
    findings += [
        Finding(r.path, r.line, f"{r.id} carries no rule", f"Name it in {path.name}")
        for r in specification
        if r.conformance_class in TOLD_HERE and r.id not in carrying
    ]
    return findings


def render(path: Path = PATH) -> str:
    """The page as Markdown: the rules with their requirements, and how many there are."""
    rules = read(path)
    carrying = {name for rule in rules for name in rule.requirements}
    title, _, rest = path.read_text(encoding="utf-8").partition("\n")
    count = f"{len(rules)} rules, carried by {len(carrying)} requirements."
    return f"{title}\n\n{count}\n{rest}"
