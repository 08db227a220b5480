"""Writes a project: the template with other names, and the parts that all servers share.

The template is a project itself, of a service ``GadgetService``; no part of it is imported here.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from session_contract import copying, schemas
from session_contract.scaffold.names import Names, ScaffoldError

_TEMPLATE = Path(__file__).parent / "template"
_SHARED = (
    "hosting", "refusals.py", "session_table.py", "file_logger/__main__.py", "file_logger/py.typed",
)  # fmt: skip
"""What comes from the reference servers as it is."""
_COMPLETED = ("target", "serviceconfig")
"""The kinds of files that editors complete, by their schemas."""
_REGION = re.compile(
    r"^[^\n]*\b(?P<what>[A-Z]+): begin[^\n]*\n(?P<text>.*?)^[^\n]*\b(?P=what): end[^\n]*\n",
    re.MULTILINE | re.DOTALL,
)
_NAMES = re.compile(r'^(?:    ([A-Z]\w*|"[A-Z]\w*"),\n){2,}', re.MULTILINE)
"""Lines of names that are imported or exported."""


def make(names: Names, destination: Path, *, bare: bool = False) -> None:
    """Make a project in a folder that is new or empty; nothing is left of one that cannot be.

    Args:
        names: What it calls things.
        destination: The folder.
        bare: Without the example: only opening and closing.

    Raises:
        ScaffoldError: The folder cannot be made, or the stubs cannot.
    """
    if importlib.util.find_spec("grpc_tools") is None:
        raise ScaffoldError(
            "The stubs are made by grpcio-tools: pip install 'session-contract[contract]' "
            "(in a clone: pip install '.[contract]')."
        )
    try:
        if destination.exists() and any(destination.iterdir()):
            raise ScaffoldError(f"{destination} is not empty: name a folder that is new.")
        destination = destination.absolute()
        destination.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".new-") as draft:
            folder = Path(draft) / names.project
            _write(names, folder, bare=bare)
            _make_stubs(folder)
            destination.mkdir(exist_ok=True)
            for path in folder.iterdir():
                path.rename(destination / path.name)
    except OSError as error:
        raise ScaffoldError(f"{error.filename} cannot be made: {error.strerror}.") from error


def _write(names: Names, folder: Path, *, bare: bool) -> None:
    has_class = names.service_class != names.full_name
    keeps = {"EXAMPLE": not bare, "BARE": bare, "CLASS": has_class}
    words = _words(names)
    for top in _TEMPLATE.iterdir():
        for place, source in copying.contents(top):
            text = source.read_bytes().decode("utf-8")  # with its ends of lines
            target = folder / re.sub(r"\bdot-", ".", _renamed(place.as_posix(), words))
            _write_file(target, _sorted(_renamed(_chosen(text, keeps), words)).encode("utf-8"))
    for name in _SHARED:
        for place, source in copying.contents(copying.reference() / name):
            _write_file(folder / names.project / place, source.read_bytes())
    for kind in _COMPLETED:
        _write_file(
            folder / ".vscode" / f"{kind}.schema.json", schemas.schema(kind).encode("utf-8")
        )


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if path.suffix == ".sh":
        path.chmod(0o755)


def _words(names: Names) -> dict[str, str]:
    """The words of the template, and what stands for them in the project."""
    noun, camel = names.noun, names.noun.title().replace(" ", "")
    article = "an" if noun[0] in "aeiou" else "a"
    return {
        "gadget_package": names.package,
        "gadget_class": names.service_class,
        "gadget_service": names.project,
        "gadget-service": names.project.replace("_", "-"),
        "GadgetService": names.service,
        "Gadget Display Name": names.display_name,
        "OpenGadget": names.opening,
        "CloseGadget": names.closing,
        "gadget_name": names.resource_field,
        "GadgetPin": f"{camel}Pin",
        "Gadget1": f"{camel}1",
        "a gadget": f"{article} {noun}",
        "gadget": noun,
    }


def _renamed(text: str, words: Mapping[str, str]) -> str:
    """The text with all words replaced at once, so that none replaces part of another's."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), lambda found: words[found[0]], text)


def _chosen(text: str, keeps: Mapping[str, bool]) -> str:
    """The text with only those regions that are kept, and without the lines that mark them."""
    chosen = _REGION.sub(lambda found: found["text"] if keeps[found["what"]] else "", text)
    return re.sub(r"\n+\Z", "\n", chosen)


def _sorted(text: str) -> str:
    """The text with lists of names in the order that ruff asks for."""
    return _NAMES.sub(lambda found: "".join(sorted(found[0].splitlines(True), key=_order)), text)


def _order(line: str) -> tuple[bool, str]:
    name = line.strip(' ",\n')
    return not name.isupper(), name.lower()


def _make_stubs(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "make_stubs.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ScaffoldError(f"The stubs cannot be made: {done.stderr.strip()}")
