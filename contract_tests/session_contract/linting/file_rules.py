"""Faults of single files: how they are encoded, whether they can be read at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from session_contract.linting.files import Project
from session_contract.linting.finding import RULES, Finding

_BOM = b"\xef\xbb\xbf"
_NO_BOM = {".serviceconfig", ".sh", ".bat", ".cmd"}
_DECLARES = (".pinmap",)
"""XML says itself how it is encoded."""
_STUBS = "module:"
"""Begins a source of descriptors that is Python, wherever that is installed."""


def encodings(project: Project) -> Iterator[Finding]:
    """Files that are no UTF-8, and marks where they disturb."""
    for path, content in project.contents.items():
        if content.startswith(_BOM) and path.suffix in _NO_BOM:
            yield Finding(
                RULES["bom"], path, 1, "the file begins with a byte order mark",
                "save it as UTF-8 without one", lambda text: text.removeprefix(_BOM),
            )  # fmt: skip
        if path.suffix not in _DECLARES:
            yield from _not_utf8(path, content)


def _not_utf8(path: Path, content: bytes) -> Iterator[Finding]:
    if re.match(rb"(#.*\n)?#.*coding[:=]", content):  # Python, which says so itself
        return
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = f"byte 0x{content[error.start]:02X} is no UTF-8"
        yield Finding(RULES["encoding"], path, line, fault, "save the file as UTF-8", _recoded)


def _recoded(content: bytes) -> bytes:
    """The text as UTF-8, if it was UTF-16 or in the code page of Windows in Western countries."""
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if is_utf16 else "cp1252").encode("utf-8")
    except UnicodeDecodeError:
        return content


def line_ends(project: Project) -> Iterator[Finding]:
    """Shell scripts with the line ends of Windows."""
    for path, content in project.contents.items():
        if path.suffix == ".sh" and b"\r\n" in content:
            line = content.count(b"\n", 0, content.index(b"\r\n")) + 1
            yield Finding(
                RULES["script-lines"], path, line, "the line ends in CRLF",
                "save it with LF; in .gitattributes: *.sh text eol=lf",
                lambda text: text.replace(b"\r\n", b"\n"),
            )  # fmt: skip


def targets(project: Project) -> Iterator[Finding]:
    """Target files that ``run`` would refuse."""
    for path, text in project.of(".toml"):
        if not re.search(r"^\[target\]", text, re.MULTILINE):
            continue
        try:
            fault = _fault_of_target(path)
        except ModuleNotFoundError as error:
            project.notes.append(f"{path} was not checked: pip install {error.name}.")
            continue
        if fault:
            what, _, remedy = fault.partition("\n")
            yield Finding(RULES["target-file"], path, _line(text, fault), what, remedy)


def _fault_of_target(path: Path) -> str:
    """What is wrong with a target file, and what to do; empty when it can be used."""
    from session_contract.running.classes import load_any_target, missing_needs
    from session_contract.subject.target import TargetError

    try:
        if missing_needs(path):  # for another machine
            return ""
        target = load_any_target(path)
    except TargetError as error:
        return f"{str(error).removeprefix(f'{path}: ').rstrip('.')}\ncorrect it as said there"
    descriptors = getattr(target, "descriptors", None)
    source = getattr(descriptors, "source", "reflection")
    is_file = source != "reflection" and not source.startswith(_STUBS)
    if is_file and not Path(source).exists():
        return f"[descriptors] source is {source}, which is not there\nname a .proto that is"
    return ""


def _line(text: str, fault: str) -> int:
    """The line that a fault is about: of its key, else of its section."""
    found = re.match(r"\[+(?P<section>[\w.]*)\]+ ?(?P<key>\w*)", fault)
    for pattern in (rf"^{found['key']}\s*=", rf"^\[+{found['section']}\]") if found else ():
        if place := re.search(pattern, text, re.MULTILINE):
            return text.count("\n", 0, place.start()) + 1
    return 1
