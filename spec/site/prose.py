"""Turns the Markdown of the specification into HTML, in which every ``[SOME-ID]`` is a link."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from events import example_figure
from markdown_it import MarkdownIt

from session_spec import Specification
from session_spec.examples import ExampleError, parse_example
from session_spec.linter import REFERENCE, STATUS_CODES

if TYPE_CHECKING:
    from markdown_it.token import Token

RESERVED = frozenset({"content", "navigation", "search", "results"})
"""Anchors that every page has from its frame."""

_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Heading:
    """A heading of the second level and the anchor that leads to it."""

    anchor: str
    title: str


@dataclass(frozen=True)
class Prose:
    """Writes HTML for one site: it knows its requirements, and what pages and pictures it has."""

    specification: Specification
    pages: frozenset[str]
    _markdown: MarkdownIt = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_markdown", _reader())

    def address(self, name: str) -> str:
        """Where a requirement stands on the site; empty when there is none of that name."""
        if name not in self.specification:
            return ""
        requirement = self.specification[name]
        return f"{requirement.path.stem}.html#{requirement.id}"

    def reference(self, name: str) -> str:
        """A link to a requirement with its title as tooltip, or the bare name of one unknown."""
        address = self.address(name)
        if not address:
            return f"[{escape(name)}]"
        title = escape(self.specification[name].title)
        return f'<a class="ref" href="{address}" title="{title}">{escape(name)}</a>'

    def block(self, text: str) -> str:
        """Paragraphs, lists, tables and headings."""
        return self.with_headings(text)[0]

    def inline(self, text: str) -> str:
        """Running text without a paragraph around it."""
        return str(self._markdown.renderInline(text, self._env()))

    def with_headings(self, text: str) -> tuple[str, list[Heading]]:
        """A whole document, and its headings of the second level for the navigation."""
        env = self._env()
        return str(self._markdown.render(_COMMENT.sub("", text), env)), env["headings"]

    def _env(self) -> dict[str, Any]:
        return {"prose": self, "headings": list[Heading](), "slugs": set(RESERVED)}


def slug(title: str, taken: set[str]) -> str:
    """An anchor made of a title that is not among those taken; it is one of them afterwards."""
    plain = _NOT_IN_SLUG.sub("-", title.lower()).strip("-") or "part"
    number, found = 1, plain
    while found in taken:
        number, found = number + 1, f"{plain}-{number + 1}"
    taken.add(found)
    return found


def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    for name, rule in _RULES.items():
        reader.add_render_rule(name, rule)
    return reader


def _text(_: object, tokens: Sequence[Token], index: int, __: object, env: Any) -> str:  # noqa: ANN401
    text = escape(tokens[index].content)
    links = [token.nesting for token in tokens[:index] if token.type.startswith("link_")]
    return text if sum(links) else REFERENCE.sub(lambda m: env["prose"].reference(m[1]), text)


def _code(_: object, tokens: Sequence[Token], index: int, *__: object) -> str:
    text = tokens[index].content
    kind = "" if text not in STATUS_CODES else ' class="ok"' if text == "OK" else ' class="refuse"'
    return f"<code{kind}>{escape(text)}</code>"


def _fence(_: object, tokens: Sequence[Token], index: int, __: object, env: Any) -> str:  # noqa: ANN401
    token = tokens[index]
    if token.info.strip() == "example":
        try:
            example = parse_example(token.content.splitlines(), 1)
        except ExampleError:
            pass
        else:
            return example_figure(example, env["prose"].reference)
    return f'<pre tabindex="0"><code>{escape(token.content)}</code></pre>\n'


def _heading(_: object, tokens: Sequence[Token], index: int, __: object, env: Any) -> str:  # noqa: ANN401
    tag, title = tokens[index].tag, _plain(tokens[index + 1])
    anchor = slug(title, env["slugs"])
    if tag == "h2":
        env["headings"].append(Heading(anchor, title))
    return f'<{tag} id="{anchor}">'


def _plain(token: Token) -> str:
    return "".join(child.content for child in token.children or [])


def _link_open(_: object, tokens: Sequence[Token], index: int, __: object, env: Any) -> str:  # noqa: ANN401
    href = _on_site(str(tokens[index].attrs.get("href", "")), env["prose"].pages)
    return f'<a href="{escape(href)}">' if href else "<span>"


def _link_close(_: object, tokens: Sequence[Token], index: int, __: object, env: Any) -> str:  # noqa: ANN401
    opening = next(t for t in reversed(tokens[:index]) if t.type == "link_open")
    href = _on_site(str(opening.attrs.get("href", "")), env["prose"].pages)
    return "</a>" if href else "</span>"


def _on_site(href: str, pages: frozenset[str]) -> str:
    """The address to link to: a Markdown file is its page; a file that has none gets no link."""
    if _ELSEWHERE.match(href) or href.startswith("#"):
        return href
    path, hash_, anchor = href.partition("#")
    name = path.rpartition("/")[2]
    page = name.removesuffix(".md") + ".html" if name.endswith(".md") else name
    return page + hash_ + anchor if page in pages else ""


def _table_open(*_: object) -> str:
    return '<div class="table" role="region" aria-label="Table" tabindex="0"><table>\n'


def _table_close(*_: object) -> str:
    return "</table></div>\n"


def _image(_: object, tokens: Sequence[Token], index: int, __: object, env: Any) -> str:  # noqa: ANN401
    """A picture of the site; of any other only what it is called."""
    source, name = str(tokens[index].attrs.get("src", "")), escape(tokens[index].content)
    if source not in env["prose"].pages:
        return f"<em>{name}</em>"
    return f'<img src="{escape(source)}" alt="{name}">'


_RULES: dict[str, Callable[..., str]] = {
    "text": _text,
    "code_inline": _code,
    "fence": _fence,
    "heading_open": _heading,
    "link_open": _link_open,
    "link_close": _link_close,
    "table_open": _table_open,
    "table_close": _table_close,
    "image": _image,
}
