"""Makes the readable rendering of the specification: ``python spec/site/build.py [OUT]``.

The site is static, loads nothing from anywhere, and works when its files are simply opened.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import endurance
import kill_matrix
import speed
from frame import HERE, Page, framed
from pages import OVERVIEWS, READING, all_page, document_page, index_page, prose_page
from prose import Prose

from session_spec import SourceError, Specification, guide_trace, load, rules
from session_spec.errors import Finding

if TYPE_CHECKING:
    from cards import Evidence

GUIDES = HERE.parent / "guides"
ORDER = (
    "sixty-seconds", "which-behaviour", "write-a-server", "write-a-client", "validate-my-service",
    "read-a-report", "in-ci", "plug-in-offline", "fault-recipes", "teststand-cookbook",
    "troubleshooting", "from-ni-sample", "not-verified", "reading-the-specification",
)  # fmt: skip
"""The guides, as somebody reads them who is new here."""
PRINTED: dict[str, Callable[[], str]] = {
    "rules": rules.render,
    "guide-trace": guide_trace.render,
    "kill-matrix": kill_matrix.render,
    "speed": speed.render,
    "endurance": endurance.render,
}
"""Pages that are printed as Markdown, by name."""
WRONG_INPUT = 2


@dataclass(frozen=True)
class Built:
    """What a build wrote."""

    pages: int
    requirements: int


def build(
    out: Path,
    specification: Specification,
    texts: Mapping[str, str],
    evidence: Evidence | None = None,
) -> Built:
    """Write the site into ``out``.

    Args:
        out: The folder to write into; it is made when it is missing.
        specification: What the documents are made of.
        texts: Further pages, as Markdown by the name of the page.
        evidence: By requirement id, what checks it: pairs of a text and a link.

    Raises:
        SourceError: Two pages would have the same name.
    """
    pictures = _pictures() | (speed.pictures() if "speed" in texts else {})
    pages = _pages(specification, texts, evidence or {}, frozenset(pictures))
    out.mkdir(parents=True, exist_ok=True)
    for page in pages:
        _write(out / page.name, framed(page, pages))
    for name, picture in pictures.items():
        (out / name).parent.mkdir(exist_ok=True)
        _write(out / name, picture)
    _write(out / "search-index.js", _search_index(specification))
    for name in ("style.css", "search.js"):
        shutil.copyfile(HERE / name, out / name)
    return Built(len(pages), len(list(specification)))


def _pages(
    specification: Specification,
    texts: Mapping[str, str],
    evidence: Evidence,
    pictures: frozenset[str],
) -> list[Page]:
    stems = ["index", "all", *(d.path.stem for d in specification.documents), *texts]
    if twice := {stem for stem in stems if stems.count(stem) > 1}:
        remedy = "Rename a requirement file or a guide"
        raise SourceError([Finding(GUIDES, 0, f"two pages are named {sorted(twice)}", remedy)])
    prose = Prose(specification, pictures | {f"{stem}.html" for stem in stems})
    documents = [document_page(d, prose, evidence) for d in specification.documents]
    readings = [
        prose_page(name, text, prose, group=OVERVIEWS if name in PRINTED else READING)
        for name, text in texts.items()
    ]
    index = index_page(specification, prose, readings)
    return [
        index,
        *(page for page in readings if page.group == READING),
        *documents,
        all_page(specification, prose),
        *(page for page in readings if page.group == OVERVIEWS),
    ]


def _pictures() -> dict[str, str]:
    """The pictures of the guides and of the entrance, by the names of their files."""
    files = sorted(GUIDES.glob("pictures/*.svg"))
    return {f"pictures/{path.name}": path.read_text(encoding="utf-8") for path in files}


def _search_index(specification: Specification) -> str:
    """The index as a script: a page that was opened as a file may load no data."""
    entries = [
        {
            "id": r.id,
            "title": r.title,
            "obligation": r.obligation,
            "why": r.why,
            "page": f"{r.path.stem}.html",
            "binding": r.binding,
        }
        for r in specification
    ]
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    return f"window.sessionContractIndex = [\n{lines}\n];\n"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _place(guide: Path) -> tuple[int, str]:
    """Where a guide stands among the others; one that nobody has put in its place stands last."""
    order = {name: place for place, name in enumerate(ORDER)}
    return order.get(guide.stem, len(ORDER)), guide.stem


def texts() -> dict[str, str]:
    """The guides, and the pages that session_spec prints, as Markdown by the name of the page."""
    files = sorted(GUIDES.glob("*.md"), key=_place)
    found = {path.stem: path.read_text(encoding="utf-8") for path in files}
    return found | {name: render() for name, render in PRINTED.items()}


def main(arguments: list[str] | None = None) -> int:
    """Build the site; return 0, or 2 when the specification is not as it must be."""
    parser = argparse.ArgumentParser(prog="build.py", description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=Path("site-build"), metavar="OUT")
    out: Path = parser.parse_args(arguments).out
    try:
        built = build(out, load(), texts())
    except SourceError as error:
        for finding in error.findings:
            print(finding, file=sys.stderr)
        return WRONG_INPUT
    print(f"{out}: {built.pages} pages, {built.requirements} requirements")
    return 0


if __name__ == "__main__":
    sys.exit(main())
