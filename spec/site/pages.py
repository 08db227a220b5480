"""Makes the pages of the site: the entrance, the documents, the guides, the list of all ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from cards import Evidence, card
from frame import Page
from prose import RESERVED, Prose, slug

from session_spec import Specification
from session_spec.diagram import draw, transitions
from session_spec.requirement import Document
from session_spec.tables import TABLES

SPECIFICATION, READING, OVERVIEWS = "Specification", "Guides", "Overviews"
_PATHS = (
    ("I have a server", "validate-my-service.html", "session-contract run --target my_lock.toml",
     "In any language: one command says whether it is right, and where not."),
    ("I have to write one", "write-a-server.html", "session-contract new my_lock",
     "A project that is right before you change anything: server, client, tests, CI."),
    ("I develop plug-ins", "plug-in-offline.html", "session-fakes run -- python measurement.py",
     "Unmodified and without NI's software; a test fails that leaks a session."),
    ("I write sequences", "teststand-cookbook.html", "session-fakes sequence --main steps.py:test",
     "Setup, Main and Cleanup without TestStand, and who held which session when."),
)  # fmt: skip
"""Where people go from the entrance: what they say, the page, the command that it begins with."""

DEMO = "pictures/demo.svg"

_WHAT = """
Measurement plug-ins and a test sequence share one resource (a log file, an instrument, a
connection) through a gRPC server that hands out its one open session. Here is exactly what such a
server, its clients and the sequence have to do, a suite that says whether yours do it, and fakes
of NI's services to run them on.
"""
_SHOWN = """
`session-fakes demo` plays a sequence with two plug-ins, each a process of its own. The steps are
above; below, who reserved the one session they share, and how long it stayed registered.
"""


def index_page(specification: Specification, prose: Prose, guides: Sequence[Page]) -> Page:
    """The entrance: what this is, the states, the matrix, and where to go from here."""
    count, first = len(list(specification)), specification.documents[0]
    documents = "".join(_document_card(d, prose) for d in specification.documents)
    there = {guide.name for guide in guides}
    start = "sixty-seconds.html" if "sixty-seconds.html" in there else f"{first.path.stem}.html"
    paths = "".join(_path_card(*path) for path in _PATHS if path[1] in there)
    shown = _demonstration(prose) if DEMO in prose.pages else ""
    body = f"""
<section class="opening">
<h1>One resource, one open session, many users</h1>
<div class="lead">{prose.block(_WHAT)}</div>
<p class="actions">
<a class="button" href="{start}">Start here</a>
<a href="all.html">All {count} requirements</a></p>
</section>
<ul class="documents paths">
{paths}</ul>
{shown}
<section>
<h2 id="states">The states of a session</h2>
<p>A resource has an open session, or it has none. Each line is a call and its answer, as the model
allows it; follow it to the requirement behind it.</p>
<div class="drawing">
{draw(transitions(), prose.address)}
{draw(transitions(), prose.address, upright=True)}
</div>
</section>
<section class="matrix">
<h2 id="matrix">What a server answers</h2>
{prose.block(TABLES["server-matrix"]())}
</section>
<section>
<h2 id="documents">The documents</h2>
<ul class="documents">
{documents}</ul>
</section>
{_listed(READING, guides)}
{_listed(OVERVIEWS, guides)}
"""
    return Page("index.html", "Overview", "", body)


def _path_card(title: str, page: str, command: str, text: str) -> str:
    return (
        f'<li><h3><a href="{page}">{escape(title)}</a></h3>'
        f"<p>{escape(text)}</p><code>{escape(command)}</code></li>\n"
    )


def _demonstration(prose: Prose) -> str:
    return f"""<section>
<h2 id="demonstration">Two plug-ins, one session</h2>
<figure class="drawing shown"><img src="{DEMO}" alt="Five steps one after the other; below them a
bar for the session, which is registered from the first step to the last and reserved by each">
<figcaption>{prose.inline(_SHOWN.strip())}</figcaption></figure>
</section>"""


def _listed(group: str, pages: Sequence[Page]) -> str:
    """The pages of a group, as a list with a heading; nothing where there is none."""
    entries = "".join(
        f'<li><a href="{page.name}">{escape(page.title)}</a></li>\n'
        for page in pages
        if page.group == group
    )
    if not entries:
        return ""
    return (
        f'<section>\n<h2 id="{group.lower()}">{group}</h2>\n'
        f'<ul class="readings">\n{entries}</ul>\n</section>'
    )


def _document_card(document: Document, prose: Prose) -> str:
    counts = Counter(requirement.binding for requirement in document)
    origins = Counter(requirement.origin.value for requirement in document)
    total = sum(counts.values())
    bars = "".join(
        f'<span class="{name}" style="flex:{number}"></span>' for name, number in origins.items()
    )
    rows = "".join(
        f'<li class="{binding.split()[0]}"><b>{number}</b> {escape(binding)}</li>'
        for binding, number in counts.items()
    )
    first = prose.inline(document.introduction.partition("\n\n")[0])
    return (
        f'<li><h3><a href="{document.path.stem}.html">{escape(document.title)}</a></h3>'
        f'<p class="total">{total} requirements</p>'
        f'<div class="share" aria-hidden="true">{bars}</div>'
        f'<div class="first">{first}</div>'
        f'<ul class="counts">{rows}</ul></li>\n'
    )


def document_page(document: Document, prose: Prose, evidence: Evidence) -> Page:
    """All requirements of one file, area by area, each as a card."""
    taken = set(RESERVED)
    sections = [(slug(area.title, taken), area) for area in document.areas]
    parts = [f"<h1>{escape(document.title)}</h1>", prose.block(document.introduction)]
    for anchor, area in sections:
        parts.append(f'<section class="area"><h2 id="{anchor}">{prose.inline(area.title)}</h2>')
        parts.append(prose.block(area.introduction))
        parts += [card(requirement, prose, evidence) for requirement in area.requirements]
        parts.append("</section>")
    listed = tuple((anchor, area.title) for anchor, area in sections)
    return Page(
        f"{document.path.stem}.html", document.title, SPECIFICATION, "\n".join(parts), listed
    )


def prose_page(name: str, markdown: str, prose: Prose, group: str = READING) -> Page:
    """A page of running text; its title is the first heading."""
    body, headings = prose.with_headings(markdown)
    first = markdown.lstrip().partition("\n")[0]
    title = first.removeprefix("#").strip() if first.startswith("# ") else name
    sections = tuple((heading.anchor, heading.title) for heading in headings)
    text = f'<div class="prose">{body}</div>'
    return Page(f"{name}.html", title, group, text, sections)


def all_page(specification: Specification, prose: Prose) -> Page:
    """Every id with its title: the way to search for those who browse without JavaScript."""
    parts = ["<h1>All requirements</h1>"]
    sections: list[tuple[str, str]] = []
    taken = set(RESERVED)
    for document in specification.documents:
        anchor = slug(document.title, taken)
        sections.append((anchor, document.title))
        rows = "".join(
            f"<li>{prose.reference(r.id)} <span>{prose.inline(r.title)}</span> "
            f'<i class="dot {r.origin.value}" title="{escape(r.binding)}"></i></li>\n'
            for r in document
        )
        parts.append(
            f'<h2 id="{anchor}">{escape(document.title)}</h2>\n<ul class="all">{rows}</ul>'
        )
    return Page("all.html", "All requirements", SPECIFICATION, "\n".join(parts), tuple(sections))
