"""A picture of a run: the steps, and who held which session when. SVG, fit for any width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from session_fakes.teststand.holdings import Span
from session_fakes.teststand.report import Report, StepResult
from session_fakes.teststand.scale import Scale

__all__ = ["picture"]

_TITLE, _LANE, _BAR, _KEY = 62, 56, 26, 24
"""Heights in pixels: the head, a lane with its label, a bar in it, the key."""
_PAGE, _LETTER = 960, 7.4
"""Widths in pixels that labels are cut for: a page as most people see it, a letter."""
_STYLE = """
svg { color-scheme: light dark; font: 13px system-ui, sans-serif; }
.paper { fill: #ffffff; } text { fill: #1f2328; } .dim { fill: #59636e; font-size: 12px; }
.head { font-weight: 600; font-size: 15px; } .lane { fill: #f3f4f6; } .grid { stroke: #d1d5db; }
.good { fill: #b7e4c0; } .bad { fill: #ffc1ba; } .off { fill: #d9dce0; }
.reserved { fill: #a9cbff; } .waited { fill: url(#waits); } .registered { fill: #8250df; }
.stripe { stroke: #bc8a00; stroke-width: 6; } .gap { fill: #fff3c4; }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117; } text { fill: #e6edf3; } .dim { fill: #9aa4af; }
.lane { fill: #1b222b; } .grid { stroke: #3d444d; }
.good { fill: #1d5b30; } .bad { fill: #8c2a23; } .off { fill: #39414a; }
.reserved { fill: #1d4f91; } .registered { fill: #b392f0; }
.stripe { stroke: #d9a514; } .gap { fill: #4a3a05; }
}
"""


@dataclass(frozen=True)
class _Bar:
    """A bar in a lane, from ``start`` to ``end`` on the scale."""

    kind: str
    text: str
    tip: str
    start: float
    end: float
    thin: bool = False


def picture(report: Report) -> str:
    """The picture of a run as SVG text: light or dark as its reader likes, at any width.

    Lanes show the steps of each execution, and below them each session: who reserved it, who
    waited, and while it was registered. Time runs to the right; short pieces are widened.
    """
    ran = [step for step in report.steps if step.outcome != "Not run"]
    ends = [(s.started, s.ended) for s in ran]
    ends += [(s.started, report.ended if s.ended is None else s.ended) for s in report.holdings]
    scale = Scale([report.started, report.ended, *(moment for pair in ends for moment in pair)])
    lanes = [*_step_lanes(ran, scale), *_session_lanes(report, scale)]
    height = _TITLE + _LANE * len(lanes) + _KEY + 10
    body = "".join(_drawn(name, bars, n) for n, (name, bars) in enumerate(lanes))
    head = f"{report.outcome} after {report.ended - report.started:.2f} s"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="{height}" role="img">\n'
        f"<title>{_safe(f'A run of a sequence: {head}')}</title>\n<style>{_STYLE}</style>\n"
        '<defs><pattern id="waits" width="8" height="8" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><rect class="gap" width="8" height="8"/>'
        '<line class="stripe" y2="8"/></pattern></defs>\n'
        '<rect class="paper" width="100%" height="100%"/>\n'
        f'<text class="head" x="12" y="26">{_safe(head)}</text>\n'
        '<text class="dim" x="12" y="45">Time runs to the right; short times are widened.</text>\n'
        f"{body}{_key(height - 12)}</svg>\n"
    )


_Lane = tuple[str, "list[_Bar]"]


def _step_lanes(steps: Sequence[StepResult], scale: Scale) -> Iterator[_Lane]:
    for socket in sorted({-1 if s.socket is None else s.socket for s in steps}):
        mine = [s for s in steps if s.socket == (None if socket < 0 else socket)]
        yield (
            "Steps" if socket < 0 else f"Steps of socket {socket}",
            [
                _Bar(
                    {"Error": "bad", "Failed": "bad", "Terminated": "off"}.get(s.outcome, "good"),
                    f"{s.number} {s.name}",
                    f"{s.number} {s.group}: {s.name}: {s.outcome} in {s.ended - s.started:.3f} s",
                    scale(s.started),
                    scale(s.ended),
                )
                for s in mine
            ],
        )


def _session_lanes(report: Report, scale: Scale) -> Iterator[_Lane]:
    for session in dict.fromkeys(span.session for span in report.holdings):
        mine = [span for span in report.holdings if span.session == session]
        yield session, [_span_bar(span, report, scale) for span in mine]


def _span_bar(span: Span, report: Report, scale: Scale) -> _Bar:
    ended = report.ended if span.ended is None else span.ended
    number = "" if span.step is None else f"{span.step} "
    lasting = "still so at the end" if span.ended is None else f"{ended - span.started:.3f} s"
    tip = f"{span.kind} by {number}{span.who}: {lasting}"
    places = (scale(span.started), scale(ended))
    return _Bar(span.kind, f"{number}{span.who}", tip, *places, thin=span.kind == "registered")


def _drawn(name: str, bars: Iterable[_Bar], number: int) -> str:
    top = _TITLE + _LANE * number
    return (
        f'<svg y="{top}" height="{_LANE}"><text class="dim" x="12" y="12">{_safe(name)}</text>\n'
        f'<rect class="lane" x="1.5%" y="17" width="97%" height="{_BAR + 7}"/>\n'
        f"{''.join(map(_bar, bars))}</svg>\n"
    )


def _bar(bar: _Bar) -> str:
    x, width = 1.5 + 97 * bar.start, 97 * (bar.end - bar.start)
    y, height = (_BAR + 19, 4) if bar.thin else (18, _BAR)
    label = "" if bar.thin or bar.kind == "waited" else _fitting(bar.text, width / 100)
    text = f'<text x="4" y="18">{_safe(label)}</text>' if label else ""
    return (
        f'<svg x="{x:.3f}%" y="{y}" width="{width:.3f}%" height="{height}">'
        f'<title>{_safe(bar.tip)}</title><rect class="{bar.kind}" width="100%" height="100%"/>'
        f"{text}</svg>\n"
    )


def _fitting(text: str, share: float) -> str:
    """As much of a label as fits into this share of a page; the tip of the bar has it all."""
    room = int((share * _PAGE - 8) / _LETTER)
    if len(text) <= room:
        return text
    return f"{text[: room - 1].rstrip()}…" if room > 1 else ""


def _key(y: int) -> str:
    kinds = (("reserved", "reserved"), ("waited", "waited for"), ("registered", "registered"))
    return "".join(
        f'<rect class="{kind}" x="{12 + 105 * n}" y="{y - 10}" width="12" height="12"/>'
        f'<text class="dim" x="{29 + 105 * n}" y="{y}">{word}</text>\n'
        for n, (kind, word) in enumerate(kinds)
    )


def _safe(text: str) -> str:
    return escape("".join(c if c.isprintable() else " " for c in text))
