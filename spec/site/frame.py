"""Puts the frame around a page: head, search, navigation, foot."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

HERE = Path(__file__).parent
_TEMPLATE = Template((HERE / "page.html").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Page:
    """One page of the site before its frame is put around it."""

    name: str
    """The name of its file."""
    title: str
    group: str
    """The part of the navigation in which it stands."""
    body: str
    sections: tuple[tuple[str, str], ...] = ()
    """Anchors and titles of its parts, for the navigation."""


def framed(page: Page, pages: list[Page]) -> str:
    """The whole text of the page's file."""
    return _TEMPLATE.substitute(
        title=escape(page.title), body=page.body.strip(), navigation=_navigation(page, pages)
    )


def _navigation(current: Page, pages: list[Page]) -> str:
    groups: dict[str, list[Page]] = {}
    for page in pages:
        groups.setdefault(page.group, []).append(page)
    return "\n".join(_group(title, members, current) for title, members in groups.items())


def _group(title: str, members: list[Page], current: Page) -> str:
    heading = f"<h2>{escape(title)}</h2>\n" if title else ""
    return f"{heading}<ul>\n{''.join(_entry(page, current) for page in members)}</ul>"


def _entry(page: Page, current: Page) -> str:
    if page.name != current.name:
        return f'<li><a href="{page.name}">{escape(page.title)}</a></li>\n'
    inner = "".join(
        f'<li><a href="#{anchor}">{escape(title)}</a></li>\n' for anchor, title in page.sections
    )
    sections = f"\n<ul>\n{inner}</ul>" if inner else ""
    return (
        f'<li><a href="{page.name}" aria-current="page">{escape(page.title)}</a>{sections}</li>\n'
    )
