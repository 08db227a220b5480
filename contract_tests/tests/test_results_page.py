"""The page of a run: what a reader finds and in which order, and that nothing on it is foreign."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from session_contract.results import page as page_module
from session_contract.results.page import page
from session_contract.results.run_result import Cell, Outcome, RunResult, Verdict
from session_contract.results.timeline import figure
from session_contract.results.verdict import sentence

make: Any = importlib.import_module("result_makers")
MET: RunResult = make.MET
BAD = replace(
    MET,
    target=make.HOSTILE,
    place=make.HOSTILE,
    environment={make.HOSTILE: make.HOSTILE},
    claims=["use"],
    checks=[
        *MET.checks,
        make.check("USE-ORDER", Outcome.VIOLATED, finding=make.FINDING, replay="7KQ2A"),
        make.check("USE-ORDER", Outcome.VIOLATED, finding=make.FINDING),
        make.check(
            "RACE-ONE-NEW", Outcome.VIOLATED, finding=replace(make.FINDING, requirement="X")
        ),
        make.check("CLOSE-OPEN", Outcome.INCONCLUSIVE, reason=make.HOSTILE),
    ],
    known=["RACE-ONE-NEW", "CLOSE-FOR-ALL"],
    stale={"CLOSE-FOR-ALL": "it is met"},
    complaint=f"It broke: {make.HOSTILE}",
)
VOID = {"meta", "br", "rect", "line"}
"""Elements that need no end; those of a drawing are written so that they end at once."""
OPTIONAL = {"th", "td", "tr", "thead"}
"""Elements whose end HTML lets one leave out."""


class Seen(HTMLParser):
    """A page as a reader has it: its elements, its text, its links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements[tag] += 1
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that ends at once."""
        self.elements[tag] += 1
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Check that what ends here began here."""
        while self.open[-1] != tag and self.open[-1] in OPTIONAL:
            self.open.pop()
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.text.append(data)

    def all(self, name: str) -> list[str]:
        """The values of an attribute, wherever it is."""
        return [value or "" for key, value in self.attributes if key == name]

    @property
    def words(self) -> str:
        """All text, with single spaces."""
        return " ".join("".join(self.text).split())


def seen(result: RunResult) -> Seen:
    """The page of a run."""
    return Seen(page(result, make.SPECIFICATION))


@pytest.mark.parametrize("result", [MET, BAD], ids=["met", "bad"])
def test___page___read___its_elements_end_in_order(result: RunResult) -> None:
    assert seen(result).open == []


@pytest.mark.parametrize("result", [MET, BAD], ids=["met", "bad"])
def test___page___its_links___lead_to_one_place_on_it(result: RunResult) -> None:
    found = seen(result)

    ids = Counter(found.all("id"))
    assert all(count == 1 for count in ids.values())
    assert {link.removeprefix("#") for link in found.all("href")} <= set(ids)
    assert set(found.all("aria-labelledby")) <= set(ids)


def test___page_of_a_foreign_server___read___has_no_script_and_nothing_from_the_net() -> None:
    text = page(BAD, make.SPECIFICATION)
    found = Seen(text)

    assert found.elements["script"] == 0
    assert {*found.all("src"), *found.all("onload"), *found.all("onclick")} == set()
    assert "url(" not in text
    assert "://" not in text
    assert "default-src 'none'" in text
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "<script>alert('&')</script>\\x1b[31m" in found.words


def test___page___its_first_words___are_the_verdict_and_its_sentence() -> None:
    words = Seen("<html><body>" + page(MET, make.SPECIFICATION).partition("<body>")[2]).words

    assert words.startswith("Session sharing 1.0 acme 2.3.1Met acme 2.3.1 meets session sharing")
    assert sentence(MET, make.SPECIFICATION) in words


@pytest.mark.parametrize(
    ("result", "title"),
    [
        (MET, "acme 2.3.1: met"),
        (replace(MET, claims=["use"]), "acme 2.3.1: not established"),
        (replace(MET, ended=Verdict.UNREACHABLE), "acme 2.3.1: no answer"),
        (replace(MET, ended=Verdict.KIT_FAILED), "acme 2.3.1: the kit failed"),
        (
            replace(MET, checks=[*MET.checks, make.check("CLOSE-OPEN", Outcome.VIOLATED)]),
            "acme 2.3.1: not met",
        ),
        (
            replace(
                MET,
                checks=[*MET.checks, make.check("CLOSE-OPEN", Outcome.VIOLATED)],
                known=["CLOSE-OPEN"],
            ),
            "acme 2.3.1: not met, as known",
        ),
    ],
)
def test___verdict___page___is_titled_with_it(result: RunResult, title: str) -> None:
    assert f"<title>{title}</title>" in page(result, make.SPECIFICATION)


def test___page_of_a_run___its_parts___come_in_the_order_of_their_weight() -> None:
    parts = re.findall(r'<section id="([a-z-]+)"', page(BAD, make.SPECIFICATION))

    assert parts == [
        *("violations", "known", "stale", "open"),
        *("run", "requirements", "reached", "left-out"),
    ]


def test___page_of_a_run_that_holds___its_parts___are_no_empty_ones() -> None:
    parts = re.findall(
        r'<section id="([a-z-]+)"', page(replace(MET, reached={}), make.SPECIFICATION)
    )

    assert parts == ["run", "requirements", "left-out"]


def test___violation___page___tells_all_of_it() -> None:
    text = page(BAD, make.SPECIFICATION)
    words = Seen(text[text.index('<article id="USE-ORDER"') : text.index("</article>")]).words

    assert make.SPECIFICATION["USE-ORDER"].title in words
    assert "claim use, MUST" in words
    assert "In 1 of 9:" in words
    assert "Write Use(a) → NOT_FOUND" in words
    assert "3 other calls are left out" in words
    assert "No order of these calls is allowed if client 1 went first" in words
    assert "Observed </script>" in words
    assert "Often the cause A call goes on" in words
    assert "Found by 1 more check of USE-ORDER" in words
    assert "session-contract replay 7KQ2A" in words


def test___known_failure___page___stands_apart_from_what_is_violated() -> None:
    text = page(BAD, make.SPECIFICATION)

    violations = text[text.index('id="violations"') : text.index('id="known"')]
    known = text[text.index('id="known"') : text.index('id="stale"')]
    assert 'id="RACE-ONE-NEW"' not in violations
    assert 'id="RACE-ONE-NEW"' in known
    assert "it is met" in text[text.index('id="stale"') : text.index('id="open"')]


def row_of(name: str, result: RunResult) -> str:
    """The words of a row of the requirements."""
    text = page(result, make.SPECIFICATION)
    rows = text[text.index('id="requirements"') : text.index('id="left-out"')].split("<tr")
    (row,) = [row for row in rows if f"<code>{name}</code>" in row]
    return " ".join(re.sub(r"<[^>]*>", " ", f"<tr{row}").split())


def test___requirement___page___has_its_standing_and_how_often_it_was_checked() -> None:
    title = make.SPECIFICATION["CLOSE-OPEN"].title

    assert row_of("CLOSE-OPEN", MET) == f"CLOSE-OPEN {title} met 10 matrix 55"
    assert row_of("CLOSE-OPEN", BAD) == f"CLOSE-OPEN {title} inconclusive 10 matrix, 1 race 56"


def test___requirement_that_did_not_run___page___counts_nothing() -> None:
    result = replace(MET, checks=[make.check("CLOSE-OPEN", Outcome.NOT_RUN)])

    assert row_of("CLOSE-OPEN", result).endswith("not run none 0")


def test___not_claimed___page___is_left_out_of_the_matrix_and_named_apart() -> None:
    text = page(MET, make.SPECIFICATION)
    cut = text.index('id="left-out"')

    assert "<code>USE-ORDER</code>" not in text[:cut]
    assert "<code>USE-ORDER</code>" in text[cut:]


def test___reached_places___page___have_their_counts_and_others_are_marked() -> None:
    closing = Cell("closed session", "Close", "NOT_FOUND")
    text = page(replace(MET, reached={**MET.reached, closing: 7}), make.SPECIFICATION)
    rows = [
        " ".join(re.sub(r"<[^>]*>", " ", row).split())
        for row in text[text.index('class="reached"') :].split("<tr")
    ]
    missed = text.count('class="missed"')

    assert rows[1].endswith("Call OK NOT_FOUND lost")
    assert "> Close 12 · ·" in rows
    assert "> Close · 7 ·" in rows
    assert "> Sing · · 3" in rows
    assert missed == sum("· · ·" in row for row in rows) == 9
    assert not any("Use" in row for row in rows[1:15])


def bars(text: str) -> list[tuple[float, float]]:
    """Where the bars of a drawing begin and end, in percent."""
    found = re.findall(r'<rect x="([\d.]+)%" y="\d+" width="([\d.]+)%"', text)
    return [(float(x), float(x) + float(width)) for x, width in found]


def test___calls___drawn___keep_the_order_of_their_beginnings_and_ends() -> None:
    first, lost, third, last = bars(figure(make.RECORDS, "X"))

    assert first[0] == 1
    assert first[1] < lost[0] < third[0] < last[0] < third[1] < last[1] == 99
    assert lost[1] == 100


def test___calls_that_overlap_in_a_lane___drawn___have_a_row_each() -> None:
    text = figure(make.RECORDS, "X")

    lanes = re.findall(r'<text class="lane"[^>]*>([^<]*)', text)
    assert lanes[:3] == ["client 1", "client 2", "client 2"]
    assert len(lanes) == 4
    tops = re.findall(r'<rect [^>]*y="(\d+)"', text)
    assert len(set(tops)) == 4


def test___calls___drawn___are_told_by_a_list_with_the_same_numbers() -> None:
    found = Seen(figure(make.RECORDS, "USE-ORDER"))

    assert found.elements["rect"] == found.elements["li"] == 4
    assert "The calls of USE-ORDER in time" in found.words
    assert re.findall(r"\b\d · \w+", found.words) == ["2 · lost"]


def test___one_call_that_was_lost___drawn___fits() -> None:
    (bar,) = bars(figure(make.RECORDS[1:2], "X"))

    assert bar == (1, 100)


def luminance(colour: str) -> float:
    """The relative luminance of a colour, as WCAG has it."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test___theme___text___has_the_contrast_of_wcag_aa(theme: str) -> None:
    style = Path(page_module.__file__).with_name("page.css").read_text("utf-8")
    light, dark = style.split("@media screen and (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light))
    if theme == "dark":
        colours |= dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", dark))
    grounds = ("paper", "surface", "sunken")
    pairs = [(ink, on) for ink in ("ink", "soft", "muted", "accent") for on in grounds]
    pairs += [(tone, on) for tone in ("met", "bad", "open") for on in (*grounds, f"{tone}-soft")]

    contrasts: dict[tuple[str, str], float] = {}
    for ink, on in pairs:
        darker, lighter = sorted((luminance(colours[ink]), luminance(colours[on])))
        contrasts[ink, on] = (lighter + 0.05) / (darker + 0.05)

    assert {pair: ratio for pair, ratio in contrasts.items() if ratio < 4.5} == {}
