"""A run as one page: no network, no scripts; on a screen, on a telephone, on paper.

What comes first is what a reader wants first: the verdict, then what is wrong and why, then how
each requirement stands, then what the run covered at all. Names and texts come from a foreign
server, so everything is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from session_contract.results.failures_html import failures
from session_contract.results.markup import linked, section, text
from session_contract.results.run_result import RunResult, Standing, Verdict
from session_contract.results.tables_html import matrix, reached
from session_contract.results.terminal import facts
from session_contract.results.verdict import name_of, sentence, standings, verdict
from session_spec import Specification

_STYLE = Path(__file__).with_name("page.css")
_WORDS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.HOLDS: ("Met", "met"),
    Verdict.VIOLATED: ("Not met", "violated"),
    Verdict.UNREACHABLE: ("No answer", "open"),
    Verdict.KIT_FAILED: ("The kit failed", "open"),
    Verdict.NOT_ESTABLISHED: ("Not established", "open"),
}
_FRAME = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header class="{kind}">
<p class="what">Session sharing {version}</p>
<h1>{name}<span class="verdict">{verdict}</span></h1>
<p class="sentence">{sentence}</p>
</header>
<main>
{main}
</main>
<footer>{footer}</footer>
</body>
</html>
"""


def page(result: RunResult, specification: Specification) -> str:
    """The text of the page."""
    found = standings(result, specification)
    word, kind = _verdict(result, specification)
    parts = [
        failures(result, specification),
        _identity(result),
        matrix(result, specification),
        reached(result),
        _left_out(result, specification),
    ]
    return frame(
        title=f"{name_of(result)}: {word.lower()}",
        kind=kind,
        version=result.spec_version,
        name=name_of(result),
        verdict=word,
        sentence=linked(sentence(result, specification), found),
        main="\n".join(part for part in parts if part),
        footer=f"Written by session-contract {text(result.kit_version)}. "
        "The same in other forms, beside this page:\nresults.json, junit.xml, badge.svg.",
    )


def frame(
    *,
    title: str,
    kind: str,
    version: str,
    name: str,
    verdict: str,
    sentence: str,
    main: str,
    footer: str,
) -> str:
    """A page with a verdict at its head; ``sentence``, ``main`` and ``footer`` are HTML."""
    return _FRAME.format(
        title=text(title),
        style=_STYLE.read_text(encoding="utf-8"),
        kind=kind,
        version=text(version),
        name=text(name),
        verdict=verdict,
        sentence=sentence,
        main=main,
        footer=footer,
    )


def words(verdict: Verdict) -> tuple[str, str]:
    """A verdict in a word or two, and how it looks."""
    return _WORDS.get(verdict, ("Wrong usage", "open"))


def _verdict(result: RunResult, specification: Specification) -> tuple[str, str]:
    """The verdict in a word or two, and how it looks."""
    its = verdict(result, specification)
    if its is Verdict.HOLDS:
        found = standings(result, specification).values()
        if Standing.KNOWN_FAILURE in found:
            return "Not met, as known", "open"
    return words(its)


def _identity(result: RunResult) -> str:
    given = {
        **facts(result),
        "contact": result.contact,
        "began": result.began.replace("T", " ").replace("+00:00", " UTC"),
        "took": f"{result.seconds:.1f} s",
    }
    rows = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value, 1000)}</dd></div>\n"
        for name, value in given.items()
        if value
    )
    return section("run", "The run", f'<dl class="facts">\n{rows}</dl>')


def _left_out(result: RunResult, specification: Specification) -> str:
    """What the verdict says nothing about, and why."""
    found = standings(result, specification)
    parts: list[str] = []
    for standing, why in (
        (Standing.NOT_CLAIMED, "It binds only those who claim it, and this target does not."),
        (Standing.NOT_OBSERVABLE, "It binds, but a client cannot see whether it is kept."),
    ):
        items = "".join(
            f'<li id="{text(name)}"><code>{text(name)}</code> {text(specification[name].title)}'
            f'<span class="note">{text(specification[name].binding)}</span></li>\n'
            for name, its in found.items()
            if its is standing
        )
        if items:
            heading = standing.value.capitalize()
            parts.append(f"<h3>{heading}</h3>\n<p>{why}</p>\n<ul>\n{items}</ul>")
    return section("left-out", "What the verdict leaves out", "\n".join(parts)) if parts else ""
