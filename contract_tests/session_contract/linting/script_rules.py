"""Start scripts, beside what they start."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from session_contract.linting.files import Project
from session_contract.linting.finding import RULES, Finding

_SET_BAT = re.compile(r'^\s*(?:if\b.*?)?set\s+"?(\w+)=([^"\n]*)"?', re.IGNORECASE)
_SET_SH = re.compile(r"^\s*(?:\[.*?\]\s*(?:\|\||&&)\s*)?(\w+)=(\S*)")
_HERE_BAT = re.compile(r"%~dp0")
_HERE_SH = re.compile(r"\$\(CDPATH=.*pwd\)|\$\(cd\b.*pwd\)|\$\(dirname\b[^)]*\)|\$\{0%/\*\}")
_VARIABLE = re.compile(r"%(\w+)%|\$\{?(\w+)\}?")
_RUNS = re.compile(
    r'(?:^|\s)(?:exec\s+|call\s+|start\s+)*"?(?P<program>[^"\s]*python[^"\s]*|py(?:\.exe)?|\$found|%found%)"?'
    r'(?:\s+-(?!m\b|c\b)\w+)*\s+(?P<module>-m\s+)?(?P<entry>"[^"]*"|[^\s"&|;]+)'
)
_LEAVES = re.compile(
    r"(?:^|&&|;|\()\s*(?:cd|chdir|pushd)\s+(?:/d\s+)?(?:--\s+)?\"?([^\"\s&;)]+)", re.IGNORECASE
)
_FOLDER = "\0"
"""Stands for the folder of the script while its variables are filled in."""


def start_scripts(project: Project) -> Iterator[Finding]:
    """Scripts that start a file, a folder or a module that is not there."""
    for path, text in project.of(".sh", ".bat", ".cmd"):
        variables: dict[str, list[str]] = {}
        has_left = False
        for number, line in enumerate(text.splitlines(), 1):
            if _says_only(line):
                continue
            _remember(line, path, variables)
            has_left = has_left or _leaves(line, variables)
            found = _RUNS.search(line)
            if found and (fault := _fault(found, path, variables, has_left=has_left)):
                yield Finding(RULES["start-script"], path, number, *fault)


def _says_only(line: str) -> bool:
    """Whether a line is a comment, or a text for people."""
    words = line.lstrip(" \t@(").lower()
    return words.startswith(("#", "rem ", "::", "echo", "printf"))


def _leaves(line: str, variables: Mapping[str, list[str]]) -> bool:
    """Whether a line goes to another folder than that of the script."""
    found = _LEAVES.search(_HERE_BAT.sub(_FOLDER, _HERE_SH.sub(_FOLDER, line)))
    if not found:
        return False
    return any(text.strip("/\\.") != _FOLDER for text in _filled(found[1], variables) or [""])


def _remember(line: str, path: Path, variables: dict[str, list[str]]) -> None:
    """Take note of what a line sets; a variable may be set several times."""
    is_bat = path.suffix != ".sh"
    if found := (_SET_BAT if is_bat else _SET_SH).match(line):
        value = _HERE_SH.sub(_FOLDER, line.partition("=")[2]) if not is_bat else found[2]
        value = value.split(" ")[0] if not is_bat else value
        variables.setdefault(found[1].lower(), []).append(value.strip('"'))


def _fault(
    found: re.Match[str], path: Path, variables: Mapping[str, list[str]], *, has_left: bool
) -> tuple[str, str] | None:
    """What is wrong with what a line starts, and the remedy; None when nothing is."""
    entry = found["entry"].strip('"')
    if found["module"]:
        return _fault_of_module(entry, path.parent)
    if entry.startswith("-") or not re.search(r"\.pyw?$|%|\$", entry):
        return None
    places = [
        None if has_left and _FOLDER not in each else _place(each, path.parent)
        for each in _filled(entry, variables)
    ]
    if not places or any(place is None or _can_start(place) for place in places):
        return None
    there = sorted(each.name for each in path.parent.iterdir() if _can_start(each))
    return f"it starts {entry!r}, which is not there", _instead(Path(entry).name, there)


def _fault_of_module(name: str, folder: Path) -> tuple[str, str] | None:
    """A module may be installed; only one that is almost in the folder is a fault."""
    top = name.partition(".")[0]
    local = sorted(each.stem for each in folder.iterdir() if _can_start(each))
    near = difflib.get_close_matches(top, local, 1, cutoff=0.8)
    if top in local or not near:
        return None
    return f"it starts the module {name!r}, which is not there", f"write {near[0]!r}"


def _filled(entry: str, variables: Mapping[str, list[str]]) -> list[str]:
    """What an entry may be, with its variables filled in; none when one is not known."""
    texts = [_HERE_BAT.sub(_FOLDER, _HERE_SH.sub(_FOLDER, entry))]
    for _ in range(5):
        found = next((match for text in texts if (match := _VARIABLE.search(text))), None)
        if found is None:
            return texts
        values = variables.get((found[1] or found[2]).lower())
        if not values:
            return []
        values = [_HERE_BAT.sub(_FOLDER, value) for value in values]
        texts = [text.replace(found[0], value) for text in texts for value in values]
    return []


def _place(text: str, folder: Path) -> Path | None:
    """Where a text leads to; None where that cannot be told."""
    inside = text.replace("\\", "/")
    if _FOLDER in inside:
        inside = inside.rpartition(_FOLDER)[2].lstrip("/")
    elif inside.startswith("/") or ":" in inside:
        return None
    return folder / inside


def _can_start(path: Path) -> bool:
    """Whether Python can start it: a file, or a folder with a main module."""
    is_script = path.suffix in (".py", ".pyw") and path.is_file()
    return is_script or (path / "__main__.py").is_file()


def _instead(name: str, there: list[str]) -> str:
    near = difflib.get_close_matches(name, there, 1)
    return f"start {near[0]!r}" if near else f"there is {', '.join(there[:5]) or 'no Python file'}"
