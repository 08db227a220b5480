"""Checks a project by all rules, and mends what is plain."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from session_contract.linting import (
    code_rules,
    config_rules,
    file_rules,
    pin_rules,
    script_rules,
    stub_rules,
)
from session_contract.linting.files import Project
from session_contract.linting.finding import Finding

_CHECKS: tuple[Callable[[Project], Iterator[Finding]], ...] = (
    file_rules.encodings,
    file_rules.line_ends,
    file_rules.targets,
    config_rules.files,
    config_rules.services,
    config_rules.interfaces_of_protos,
    code_rules.clients,
    code_rules.grpc_names,
    code_rules.aborts,
    code_rules.default_clients,
    pin_rules.pin_maps,
    pin_rules.pins,
    pin_rules.types,
    script_rules.start_scripts,
    stub_rules.stale_stubs,
)


def check(project: Project, ignored: Collection[str] = ()) -> list[Finding]:
    """What is wrong in a project, by file and line."""
    found = {
        (each.path, each.line, each.rule.id, each.fault): each
        for look in _CHECKS
        for each in look(project)
        if each.rule.id not in ignored
    }
    return [found[key] for key in sorted(found)]


def mend(findings: Iterable[Finding]) -> None:
    """Change the files of those findings that say how."""
    for finding in findings:
        if finding.mend:
            content = finding.path.read_bytes()
            _replace(finding.path, finding.mend(content))


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.name}.mended")
    draft.write_bytes(content)
    draft.chmod(path.stat().st_mode)
    draft.replace(path)
