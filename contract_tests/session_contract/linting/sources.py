"""What Python files say, without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Text(NamedTuple):
    """A text of the code, and where it stands."""

    value: str
    path: Path
    line: int


@dataclass(frozen=True)
class Module:
    """A Python file.

    Attributes:
        path: Where it is.
        text: What is in it.
        tree: Its syntax.
        constants: The texts that have names in it.
    """

    path: Path
    text: str
    tree: ast.Module
    constants: dict[str, Text]

    @classmethod
    def read(cls, path: Path, text: str) -> Module | None:
        """Read a file; None when it is no Python."""
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return None
        return cls(path, text, tree, {name: Text(*found) for name, found in _constants(path, tree)})

    @property
    def is_test(self) -> bool:
        """Whether it belongs to tests."""
        return "tests" in self.path.parts or self.path.name.startswith(("test_", "conftest"))

    def calls(self, *names: str) -> Iterator[ast.Call]:
        """The calls of functions and methods with these names."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and called(node) in names:
                yield node


def _constants(path: Path, tree: ast.Module) -> Iterator[tuple[str, tuple[str, Path, int]]]:
    for node in tree.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        value = getattr(node, "value", None)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, (value.value, path, value.lineno)


def called(node: ast.Call) -> str:
    """The name of what is called, without what it belongs to."""
    return last_name(node.func)


def last_name(node: ast.expr | None) -> str:
    """The last part of a dotted name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class Names:
    """Finds what names of the modules stand for."""

    def __init__(self, modules: Iterable[Module]) -> None:
        """Know the constants of all modules."""
        self._known: dict[str, set[Text]] = {}
        for module in modules:
            for name, text in module.constants.items():
                self._known.setdefault(name, set()).add(text)

    def text(self, module: Module, node: ast.expr | None) -> Text | None:
        """The text that an expression stands for; None when that cannot be told."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return Text(node.value, module.path, node.lineno)
        name = last_name(node)
        if name in module.constants:
            return module.constants[name]
        found = self._known.get(name, set())
        return next(iter(found)) if len(found) == 1 else None

    def texts(self, module: Module, node: ast.expr | None) -> list[Text]:
        """The texts of an expression: of a list, each."""
        nodes = node.elts if isinstance(node, (ast.List, ast.Tuple)) else [node]
        found = (self.text(module, each) for each in nodes)
        return [text for text in found if text]


def argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    """An argument, by its place or by its name."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[place] if 0 <= place < len(call.args) else None
