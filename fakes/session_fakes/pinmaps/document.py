"""From the text of a pin map to its elements, each with its line, checked against the grammar.

Python's expat does the reading. It is fed once and keeps its own stack, so the time is linear in
the size and no nesting is too deep; elements that the grammar has not are refused as they open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from session_fakes.errors import Refusal, quoted
from session_fakes.fidelity import fidelity
from session_fakes.pinmaps.grammar import NAMESPACE, ROOT, Rule

__all__ = ["Node", "fault", "parse"]


def fault(line: int, text: str) -> Refusal:
    """What is wrong in a line of a pin map, to be raised."""
    return Refusal("INVALID_ARGUMENT", f"The pin map is invalid, line {line}: {text}")


@dataclass(frozen=True)
class Node:
    """An element: its name, the line it begins in, its attributes and its children."""

    tag: str
    line: int
    attributes: Mapping[str, str]
    rule: Rule
    children: list[Node] = field(default_factory=list["Node"])
    singles: dict[str, int] = field(default_factory=dict[str, int])
    """The children that may stand once, and their lines."""

    def __getitem__(self, attribute: str) -> str:
        return self.attributes[attribute]

    def fault(self, text: str) -> Refusal:
        """What is wrong with this element, to be raised."""
        return fault(self.line, f"<{self.tag}>: {text}")


@fidelity(
    "MAP-BOM",
    evidence="tested by NI",
    rule="A byte order mark before the text is ignored",
)
@fidelity(
    "MAP-NOT-XML",
    evidence="documented",
    rule="A text that is no XML is INVALID_ARGUMENT; the line is named by our choice",
)
def parse(xml: str) -> Node:
    """The element PinMap of a pin map; raise Refusal for what the grammar has not."""
    try:
        data = xml.encode()
    except UnicodeEncodeError as error:
        line = xml.count("\n", 0, error.start) + 1
        raise fault(line, "a character that is no Unicode text (a lone surrogate)") from None
    builder = _Builder()
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise fault(error.lineno, f"no XML: {expat.ErrorString(error.code)}") from None
    return builder.root.children[0]


class _Builder:
    """Receives what expat reads, and refuses what a pin map may not have."""

    def __init__(self) -> None:
        self.root = Node("", 0, {}, Rule(children={"PinMap": ROOT}))
        self._open = [self.root]
        # The text is Unicode already: what its XML declaration says of bytes is over.
        self.parser = expat.ParserCreate(encoding="utf-8", namespace_separator=" ")
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    @fidelity(
        "MAP-NO-DTD",
        evidence="our choice",
        rule="A pin map with a document type declaration, and so every entity, is refused",
    )
    def _doctype(self, *_: object) -> None:
        raise fault(
            self.parser.CurrentLineNumber,
            "a document type declaration (<!DOCTYPE …>), and with it entities, may not be: "
            "remove it.",
        )

    @fidelity(
        "MAP-STRICT",
        evidence="our choice",
        rule="Elements, attributes and text that the format is not known to have are refused",
    )
    def _start(self, name: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        parent = self._open[-1]
        tag = _local(name, line)
        rule = parent.rule.child(tag)
        if rule is None:
            raise _misplaced(tag, parent, line)
        node = Node(tag, line, _plain(attributes), rule)
        _check_attributes(node)
        _check_once(node, parent)
        parent.children.append(node)
        self._open.append(node)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        if text.strip(" \t\r\n") and not self._open[-1].rule.is_open:
            raise fault(
                self.parser.CurrentLineNumber,
                f"the text {quoted(text)} stands between the elements: remove it.",
            )


def _local(name: str, line: int) -> str:
    namespace, _, tag = name.rpartition(" ")
    if namespace != NAMESPACE:
        raise fault(
            line,
            f"<{quoted(tag)[1:-1]}> is in the name space {quoted(namespace)}; a pin map begins "
            f'with <PinMap xmlns="{NAMESPACE}" …>.',
        )
    return tag


def _misplaced(tag: str, parent: Node, line: int) -> Refusal:
    where = f"in <{parent.tag}>" if parent.tag else "at the outside"
    known = ", ".join(f"<{child}>" for child in parent.rule.children) or "nothing"
    return fault(line, f"<{quoted(tag)[1:-1]}> may not stand {where}; there may be: {known}.")


@fidelity(
    "MAP-FOREIGN-ATTRIBUTES",
    evidence="our choice",
    rule="Attributes of other name spaces (xsi:schemaLocation) are passed over",
)
def _plain(attributes: dict[str, str]) -> dict[str, str]:
    """The attributes of no name space: the others hold it before their name."""
    return {name: value for name, value in attributes.items() if " " not in name}


def _check_attributes(node: Node) -> None:
    for name in node.attributes:
        if name not in node.rule.allowed and not node.rule.is_open:
            known = ", ".join(node.rule.allowed) or "none"
            raise node.fault(f"has no attribute {quoted(name)}; it may have: {known}.")
    for name in node.rule.required:
        if name not in node.attributes:
            raise node.fault(f"lacks the attribute {name}.")


def _check_once(node: Node, parent: Node) -> None:
    if not node.rule.once:
        return
    if node.tag in parent.singles:
        raise node.fault(f"stands twice, first in line {parent.singles[node.tag]}; join them.")
    parent.singles[node.tag] = node.line
