"""Names in a pin map: given once, and found again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from session_fakes.errors import quoted
from session_fakes.fidelity import fidelity
from session_fakes.pinmaps.document import Node
from session_fakes.pinmaps.hints import choices, instead

__all__ = ["NameSpace", "filled", "referred", "site_number", "site_numbers", "whole_number"]

T = TypeVar("T")

_LARGEST_SITE = 2**31 - 1
"""Site numbers travel as 32 bits with a sign."""


class NameSpace:
    """Names of which each may be given once."""

    def __init__(self) -> None:
        self._owners: dict[str, Node] = {}

    @fidelity(
        "MAP-NAME-BLANK",
        evidence="our choice",
        rule="A name that is empty or white space is refused",
    )
    def claim(self, node: Node, attribute: str = "name", *, key: str | None = None) -> str:
        """The name of an element; raise Refusal when it is blank or has been given before."""
        name = filled(node, attribute)
        owner = self._owners.setdefault(name if key is None else key, node)
        if owner is not node:
            raise node.fault(
                f"the {attribute} {quoted(name)} is taken by the <{owner.tag}> of line "
                f"{owner.line}; choose another."
            )
        return name


def filled(node: Node, attribute: str) -> str:
    """An attribute that may not be blank."""
    if not node[attribute].strip():
        raise node.fault(f"the attribute {attribute} is empty.")
    return node[attribute]


@fidelity(
    "MAP-REFERENCES",
    evidence="documented",
    rule="Every pin, relay, group, site, instrument, multiplexer and relay driver that is "
    "referred to is in the pin map; that case matters is our choice",
)
def referred(node: Node, attribute: str, known: Mapping[str, T], kind: str) -> T:
    """What an attribute refers to; raise Refusal, naming what there is, for nothing."""
    name = node[attribute]
    if name not in known:
        raise node.fault(f"{attribute}={quoted(name)} is no {kind}. {instead(name, known)}")
    return known[name]


@fidelity(
    "MAP-NUMBERS",
    evidence="our choice",
    rule="Numbers are plain decimal digits without sign or leading zeros, sites at most 2**31-1",
)
def whole_number(text: str) -> int | None:
    """A number of at most ten digits; None for anything else."""
    text = text.strip(" ")
    plain = text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST_SITE))
    return int(text) if plain and (text == "0" or text[0] != "0") else None


def site_number(node: Node, text: str) -> int:
    """A site number; raise Refusal for what is none."""
    number = whole_number(text)
    if number is None or number > _LARGEST_SITE:
        raise node.fault(f"siteNumber={quoted(text)} is no site number such as 0.")
    return number


def site_numbers(node: Node, known: Collection[int]) -> tuple[int, ...]:
    """The sites of a connection, one or several with commas; each has to be in the pin map."""
    found: dict[int, None] = {}
    for part in node["siteNumber"].split(","):
        number = site_number(node, part)
        if number not in known:
            shown = choices([str(site) for site in known])
            raise node.fault(f"there is no site {number}. There is: {shown}.")
        if number in found:
            raise node.fault(f"site {number} stands twice in siteNumber.")
        found[number] = None
    return tuple(found)
