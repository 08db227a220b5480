"""Draws what becomes of a session, for the guide *Which behaviour do I want?*.

``python spec/site/behaviours.py`` writes them anew, beside the guide. What they show is asked from
the matrices of the specification. They know no theme: their colours suit both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from session_spec.matrix import CLIENT_MATRIX, SERVER_MATRIX, Effect, Leaving, SdkBehavior

FOLDER: Final = Path(__file__).resolve().parents[1] / "guides" / "pictures"
_BEGIN, _ENTER, _LEAVE, _END = 6, 62, 122, 178
"""Where things are from left to right: what was before, the block, what comes after."""
_HEAD: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="184" height="52" viewBox="0 0 184 52">'
    "<title>{title}</title>"
)
_BLOCK: Final = (
    f'<rect x="{_ENTER}" y="4" width="{_LEAVE - _ENTER}" height="44" rx="7" fill="#808a9c" '
    'fill-opacity=".13" stroke="#808a9c" stroke-dasharray="{dashes}"/>'
    f'<text x="{(_ENTER + _LEAVE) // 2}" y="18" text-anchor="middle" fill="#808a9c" '
    'font-family="monospace" font-size="12">with</text>'
)
_BAR: Final = '<path d="M{start} 34H{end}" stroke="#4878d0" stroke-width="9"/>'
_OPENS: Final = f'<circle cx="{_ENTER}" cy="34" r="8" fill="#2f9e5f"/>'
_CLOSES: Final = f'<path d="M{_LEAVE} 23V45" stroke="#d4783a" stroke-width="6"/>'
_REFUSED: Final = (
    f'<path d="M{_ENTER - 8} 26L{_ENTER + 8} 42M{_ENTER + 8} 26L{_ENTER - 8} 42" '
    'stroke="#d64550" stroke-width="4"/>'
)


def name(behavior: SdkBehavior, *, is_open: bool) -> str:
    """The picture of a behaviour, by whether a session is open before."""
    rule = CLIENT_MATRIX[behavior]
    effect = SERVER_MATRIX[rule.wire, is_open].effect
    if effect is Effect.REFUSE:
        return f"refused-{'open' if is_open else 'missing'}"
    is_new = effect is Effect.CREATE
    closes = rule.leaving is Leaving.CLOSE or (rule.leaving is Leaving.CLOSE_IF_NEW and is_new)
    return f"{'new' if is_new else 'joined'}-{'closed' if closes else 'left'}"


def names() -> list[str]:
    """All that there are."""
    found = (name(each, is_open=is_open) for each in SdkBehavior for is_open in (False, True))
    return sorted(set(found))


def draw(picture: str) -> str:
    """A picture as SVG."""
    before, after = picture.split("-")
    parts = "".join(_parts(before, after))
    dashes = "3 3" if before == "refused" else "none"
    title = picture.replace("-", ", ")
    return f"{_HEAD.format(title=title)}{_BLOCK.format(dashes=dashes)}{parts}</svg>\n"


def _parts(before: str, after: str) -> Iterator[str]:
    if before == "refused":
        if after == "open":  # somebody has it, and keeps it
            yield _BAR.format(start=_BEGIN, end=_END)
        yield _REFUSED
        return
    start = _ENTER if before == "new" else _BEGIN
    yield _BAR.format(start=start, end=_LEAVE if after == "closed" else _END)
    if before == "new":
        yield _OPENS
    if after == "closed":
        yield _CLOSES


def main() -> None:
    """Write the pictures beside the guide."""
    for each in names():
        (FOLDER / f"{each}.svg").write_text(draw(each), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
