"""The site is whole: links lead somewhere, texts are escaped, and it needs only its own files."""

from __future__ import annotations

import importlib
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest

from session_spec import SourceError, Specification
from session_spec.catalogue import read
from session_spec.errors import Finding
from session_spec.examples import parse_example
from session_spec.matrix import CLIENT_MATRIX, SdkBehavior
from session_spec.requirement import Area, Decision, Document

SITE = Path(__file__).parents[1] / "site"
GUIDES = SITE.parent / "guides"
VOID = {"meta", "link", "input", "br", "hr", "path", "rect", "img", "line", "polyline", "circle"}


@dataclass
class _Seen(HTMLParser):
    """What stands in a page; complains of elements that are not closed in turn."""

    ids: list[str] = field(default_factory=list[str])
    links: list[str] = field(default_factory=list[str])
    loaded: list[str] = field(default_factory=list[str])
    elements: list[tuple[str, Mapping[str, str | None]]] = field(
        default_factory=list[tuple[str, Mapping[str, str | None]]]
    )
    open: list[str] = field(default_factory=list[str])
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.elements.append((tag, values))
        self.ids += [values["id"] or ""] if "id" in values else []
        if tag == "a":
            self.links.append(values.get("href") or "")
        elif address := values.get("src") or values.get("href"):
            self.loaded.append(address)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _seen(path: Path) -> _Seen:
    seen = _Seen()
    seen.feed(path.read_text(encoding="utf-8"))
    seen.close()
    assert seen.open == []
    return seen


@pytest.fixture(scope="module")
def site() -> Iterator[ModuleType]:
    """The script that builds, imported as it imports itself; its modules are forgotten again."""
    before = dict(sys.modules)
    sys.path.insert(0, str(SITE))
    try:
        yield importlib.import_module("build")
    finally:
        sys.path.remove(str(SITE))
        for name in set(sys.modules) - set(before):
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(SITE)):
                del sys.modules[name]


@pytest.fixture(scope="module")
def specification() -> Specification:
    return read()[0]


@pytest.fixture(scope="module")
def out(
    site: ModuleType, specification: Specification, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("site")
    site.build(folder, specification, site.texts())
    return folder


@pytest.fixture(scope="module")
def pages(out: Path) -> dict[str, _Seen]:
    return {path.name: _seen(path) for path in sorted(out.glob("*.html"))}


def test___the_site___links___all_lead_to_a_page_and_an_anchor(pages: dict[str, _Seen]) -> None:
    for name, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = link.partition("#")
            assert (target or name) in pages, f"{name} links to {link}"
            assert not anchor or anchor in pages[target or name].ids, f"{name} links to {link}"


def test___the_site___anchors___are_unique_in_their_page(pages: dict[str, _Seen]) -> None:
    for name, page in pages.items():
        assert [i for i, n in Counter(page.ids).items() if n > 1] == [], name


def test___every_requirement___site___has_exactly_one_anchor_and_a_line_in_the_list(
    pages: dict[str, _Seen], specification: Specification
) -> None:
    everywhere = Counter(anchor for page in pages.values() for anchor in page.ids)

    for requirement in specification:
        address = f"{requirement.path.stem}.html#{requirement.id}"
        assert everywhere[requirement.id] == 1
        assert requirement.id in pages[f"{requirement.path.stem}.html"].ids
        assert address in pages["all.html"].links


def test___the_site___resources___are_its_own_files(pages: dict[str, _Seen], out: Path) -> None:
    for page in pages.values():
        pictures = {name for name in page.loaded if name.endswith(".svg")}
        assert set(page.loaded) - pictures == {"style.css", "search.js", "search-index.js"}
        assert all((out / name).exists() for name in pictures)
    for name in ("style.css", "search.js", "search-index.js"):
        text = (out / name).read_text(encoding="utf-8")
        assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttpRequest", text), name


def test___curves___site___are_drawn_with_what_was_measured(
    pages: dict[str, _Seen], out: Path
) -> None:
    loaded = [name for name in pages["speed.html"].loaded if name.endswith(".svg")]

    assert loaded == ["speed-sessions.svg", "speed-pin-maps.svg", "speed-checker.svg"]
    for name in loaded:
        drawn = _seen(out / name)
        curves = [values for tag, values in drawn.elements if tag == "polyline"]
        assert curves
        assert all(len((values["points"] or "").split()) > 2 for values in curves)
        assert not re.search(r"nan|inf|-\d+\.\d", str(curves))
    assert "LogMeasurementData, 100,000 open sessions" in pages["speed.html"].text


def test___pictures_of_behaviours___beside_the_guide___are_what_the_matrices_say(
    site: ModuleType,
) -> None:
    del site  # it has the modules of the site on the path
    behaviours = importlib.import_module("behaviours")
    guide = (GUIDES / "which-behaviour.md").read_text(encoding="utf-8")

    for name in behaviours.names():
        assert (GUIDES / f"pictures/{name}.svg").read_text("utf-8") == behaviours.draw(name)
    rows = re.findall(
        r"^\| `(\w+)` \| `(\w+)` \| !\S+/([\w-]+)\.svg\) .*?/([\w-]+)\.svg\)", guide, re.M
    )
    assert rows == [
        (
            each.name,
            CLIENT_MATRIX[each].wire.name,
            *(behaviours.name(each, is_open=is_open) for is_open in (False, True)),
        )
        for each in SdkBehavior
    ]


def test___pictures_of_behaviours___looked_at___are_as_different_as_they_should(
    site: ModuleType,
) -> None:
    del site
    behaviours = importlib.import_module("behaviours")
    drawn = {name: behaviours.draw(name) for name in behaviours.names()}

    assert len(set(drawn.values())) == len(drawn) == 6
    assert {name for name, svg in drawn.items() if "circle" in svg} == {"new-closed", "new-left"}


def test___guides___of_the_site___each_has_its_place(site: ModuleType) -> None:
    assert set(site.ORDER) == {path.stem for path in GUIDES.glob("*.md")}
    assert [*site.texts()][:2] == ["sixty-seconds", "which-behaviour"]


def test___entrance___its_paths___begin_with_commands_of_their_pages(
    site: ModuleType, pages: dict[str, _Seen]
) -> None:
    del site
    for title, page, command, _ in importlib.import_module("pages").__dict__["_PATHS"]:
        assert page in pages["index.html"].links, title
        assert " ".join(command.split()[:2]) in pages[page].text, command


def test___a_picture_from_elsewhere___page___is_only_named(
    site: ModuleType, specification: Specification, tmp_path: Path
) -> None:
    site.build(tmp_path, specification, {"guide": "# G\n\n![<a>](https://x/y.svg)"})

    assert "<em>&lt;a&gt;</em>" in (tmp_path / "guide.html").read_text(encoding="utf-8")


def test___without_scripts___site___shows_everything_and_hides_what_cannot_work(
    pages: dict[str, _Seen],
) -> None:
    for page in pages.values():
        hidden = [tag for tag, values in page.elements if "hidden" in values]
        assert hidden == ["form", "ul", "button"]
        assert not any(key.startswith("on") for _, values in page.elements for key in values), (
            "no handlers in the text"
        )


def test___the_site___keyboard___reaches_everything(pages: dict[str, _Seen]) -> None:
    for page in pages.values():
        assert page.links[0] == "#content"
        for tag, values in page.elements:
            assert int(values.get("tabindex") or 0) <= 0
            if "table" in (values.get("class") or "").split():
                assert values["tabindex"] == "0", "what scrolls sideways takes the focus"
            if tag == "input":
                assert values["aria-label"]


def test___every_requirement___search_index___holds_what_is_searched(
    out: Path, specification: Specification
) -> None:
    text = (out / "search-index.js").read_text(encoding="utf-8")

    assert text.startswith("window.sessionContractIndex = [")
    for requirement in specification:
        assert f'"id": "{requirement.id}"' in text


def test___the_same_sources___build___writes_the_same_bytes(
    site: ModuleType, specification: Specification, out: Path, tmp_path: Path
) -> None:
    built = site.build(tmp_path, specification, site.texts())

    written, before = (
        {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}
        for folder in (tmp_path, out)
    )
    assert written == before
    assert built.pages == len([name for name in written if name.endswith(".html")])
    assert built.requirements == len(list(specification))


def test___a_reference___page___links_it_with_its_title(out: Path) -> None:
    text = (out / "reading-the-specification.html").read_text(encoding="utf-8")

    link = '<a class="ref" href="server.html#CLOSE-UNKNOWN" title="Closing what is not open">'
    assert link in text


def test___an_example___page___marks_what_is_forbidden_and_what_overlaps(out: Path) -> None:
    text = (out / "server.html").read_text(encoding="utf-8")
    card = text[text.index('id="RACE-ORDER"') : text.index('id="RACE-ONE-NEW"')]

    assert card.count('<li class="event forbidden">') == 3
    assert card.count('<span class="unseen">not: </span>') == 3
    for part in ("actor-0 start", "actor-0 through", "actor-0 end", "actor-1 start", "actor-1 end"):
        assert f'<span class="lane {part}">' in card


def test___calls_one_after_the_other___page___has_no_lanes(out: Path) -> None:
    text = (out / "server.html").read_text(encoding="utf-8")
    card = text[text.index('id="CLOSE-UNKNOWN"') : text.index('id="CLOSE-RELEASES"')]

    assert "<li class=" in card
    assert "lane" not in card


def test___no_evidence___build___shows_no_part_for_it(out: Path) -> None:
    assert "Checked by" not in (out / "server.html").read_text(encoding="utf-8")


def test___evidence___build___shows_it_at_its_requirement(
    site: ModuleType, specification: Specification, tmp_path: Path
) -> None:
    evidence = {"CLOSE-UNKNOWN": [("check <close>", "checks.html?a&b"), ("wrong server", "")]}

    site.build(tmp_path, specification, {}, evidence)

    text = (tmp_path / "server.html").read_text(encoding="utf-8")
    assert text.count("Checked by") == 1
    assert '<li><a href="checks.html?a&amp;b">check &lt;close&gt;</a></li>' in text
    assert "<li>wrong server</li>" in text


def _hostile(specification: Specification) -> Specification:
    """A specification of one requirement whose every text tries to be an element."""
    bad = "<script>bad()</script> \"quoted\" 'too' & <b>"
    document, requirement = specification.documents[0], specification["CLOSE-UNKNOWN"]
    wrong = replace(
        requirement,
        title=bad,
        obligation=f"It MUST {bad}.",
        why=f"`{bad}` {bad} [CLOSE-UNKNOWN]",
        source=bad,
        also_allowed=bad,
        decisions=(Decision(bad, bad),),
        examples=(parse_example(['a: Close(<b>"&) -> OK <script>'], 1),),
    )
    areas = (Area(bad, bad, (wrong,)),)
    return Specification((Document(document.path, bad, "server", bad, areas, ()),))


def test___texts_that_look_like_elements___build___escapes_them(
    site: ModuleType, specification: Specification, tmp_path: Path
) -> None:
    text = '# <b>"&\n\n<script>bad()</script>\n\n```\n<script>bad()</script>\n```\n'

    site.build(tmp_path, _hostile(specification), {"guide": text})

    for path in tmp_path.glob("*.html"):
        page = _seen(path)
        assert [tag for tag, _ in page.elements].count("script") == 2
    assert "<script>bad()</script> \"quoted\" 'too' & <b>" in _seen(tmp_path / "server.html").text


def test___a_link_to_a_file___guide___leads_to_its_page_or_nowhere(
    site: ModuleType, specification: Specification, tmp_path: Path
) -> None:
    text = "# G\n[a](../session_spec/requirements/server.md#CLOSE-UNKNOWN) [b](../../README.md)"

    site.build(tmp_path, specification, {"guide": text})

    page = (tmp_path / "guide.html").read_text(encoding="utf-8")
    assert '<a href="server.html#CLOSE-UNKNOWN">a</a> <span>b</span>' in page


def test___a_guide_with_the_name_of_a_document___build___is_refused(
    site: ModuleType, specification: Specification, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="two pages are named"):
        site.build(tmp_path, specification, {"server": "# Server"})


def test___a_specification_that_is_right___main___says_what_it_wrote(
    site: ModuleType,
    specification: Specification,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(site, "load", lambda: specification)

    code = site.main([str(tmp_path / "new" / "folder")])

    count = len(list(specification))
    assert code == 0
    assert re.search(rf"folder: \d+ pages, {count} requirements\n", capsys.readouterr().out)


def test___a_specification_with_faults___main___prints_them_and_writes_nothing(
    site: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> Specification:
        raise SourceError([Finding(Path("server.md"), 7, "it is wrong", "Mend it")])

    monkeypatch.setattr(site, "load", fail)

    code = site.main([str(tmp_path / "site")])

    assert code == 2
    assert capsys.readouterr().err == "server.md:7: it is wrong. Mend it.\n"
    assert not (tmp_path / "site").exists()


# Colours ------------------------------------------------------------------------------------------

READABLE = {
    "ink": ("paper", "surface", "sunken", "accent-soft", "decision-soft", "bad-soft"),
    "soft": ("paper", "surface", "sunken", "decision-soft"),
    "muted": ("paper", "surface", "sunken", "accent-soft", "bad-soft"),
    "accent": ("paper", "surface", "sunken", "accent-soft", "decision-soft", "bad-soft"),
    "paper": ("accent",),
    "ok": ("paper", "surface", "sunken", "decision-soft"),
    "refuse": ("paper", "surface", "sunken", "decision-soft"),
    "bad": ("bad-soft",),
    "core": ("surface",),
    "claim": ("surface",),
    "reference": ("surface",),
    "decision": ("decision-soft",),
    **{f"actor-{number}": ("sunken", "bad-soft") for number in range(4)},
}
"""Colours of text, and the grounds on which they stand."""


def _themes() -> list[dict[str, str]]:
    text = (SITE / "style.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root[^{]*\{([^}]*--paper: #[^}]{100,})\}", text)
    return [dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block)) for block in blocks]


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test___both_themes___text___has_the_contrast_of_wcag_aa() -> None:
    for theme in _themes():
        for colour, grounds in READABLE.items():
            for ground in grounds:
                dark, light = sorted(_luminance(theme[name]) for name in (colour, ground))
                ratio = (light + 0.05) / (dark + 0.05)
                assert ratio >= 4.5, f"{colour} {theme[colour]} on {ground}: {ratio:.2f}"


def test___the_dark_theme___system_and_button___are_the_same() -> None:
    light, by_button, by_system = _themes()

    assert by_button == by_system
    assert set(light) == set(by_button)
