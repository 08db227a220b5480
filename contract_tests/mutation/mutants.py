"""Makes the mutants of a module: copies that differ from it in one small way each.

A module is mutated as a syntax tree and written anew, so comments and layout play no part. Nothing
is changed in docstrings, annotations, decorators, imports and what only type checkers read.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

KINDS = {
    "delete": "a statement is left out",
    "negate": "a condition is turned round",
    "true": "a condition always holds",
    "false": "a condition never holds",
    "compare": "another comparison",
    "and-or": "'or' for 'and', or the reverse",
    "operand": "one operand of 'and' or 'or' is left out",
    "return": "another value is returned: None, or from a '-> bool' True and False",
    "flip": "True for False, or the reverse",
    "number": "n + 1 for n",
    "string": "another text",
    "with": "a block runs without its context manager",
}

_CONDITIONS = {"If.test", "While.test", "IfExp.test", "comprehension.ifs", "match_case.guard"}
_UNREAD = {"annotation", "returns", "decorator_list", "type_params"}
_DELETED = (
    ast.Assign | ast.AugAssign | ast.Return | ast.Raise | ast.Assert | ast.Delete
    | ast.Break | ast.Continue | ast.For | ast.AsyncFor
)  # fmt: skip
_OTHER: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Lt: ast.LtE, ast.LtE: ast.Lt,
    ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_TYPING_CALLS = {"TypeVar", "ParamSpec", "TypeVarTuple", "NewType", "cast"}
_TWO_WORDS = re.compile(r"\w[.,;:]?\s+\w")


@dataclass(frozen=True)
class Mutant:
    """One changed copy of a module."""

    id: str
    """``module:function:kind:ordinal:digest``; stays the same while function and line do."""
    path: Path
    line: int
    before: str
    after: str
    text: bool
    """Whether only words for people are changed."""
    source: str

    @property
    def change(self) -> str:
        """The change in one line."""
        return f"{self.before} => {self.after}"


@dataclass(frozen=True)
class _Scope:
    """Where in a module a node stands."""

    name: str = ""
    returns_bool: bool = False
    text: bool = False

    def entering(self, node: ast.AST) -> _Scope:
        """The scope of what the node holds."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            returns_bool = node.returns is not None and ast.unparse(node.returns) == "bool"
            return _Scope(f"{self.name}.{node.name}".strip("."), returns_bool)
        if isinstance(node, ast.ClassDef):
            return _Scope(f"{self.name}.{node.name}".strip("."))
        return replace(self, text=self.text or _is_prose(node))


@dataclass(frozen=True)
class _Slot:
    """A place in the tree that holds a node, and can hold another."""

    owner: ast.AST
    field: str
    index: int | None = None

    @property
    def kind(self) -> str:
        return f"{type(self.owner).__name__}.{self.field}"

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.owner, self.field, node)
        else:
            cast("list[ast.AST]", getattr(self.owner, self.field))[self.index] = node


@dataclass(frozen=True)
class _Change:
    slot: _Slot
    old: ast.stmt | ast.expr
    new: ast.AST
    kind: str
    scope: _Scope


def normal_form(path: Path) -> str:
    """The module without any change, written as its mutants are."""
    return "\n".join(ast.unparse(statement) for statement in _parse(path).body)


def mutants_of(path: Path, module: str) -> Iterator[Mutant]:
    """Every mutant of the file at ``path``, which is imported as ``module``."""
    tree = _parse(path)
    pieces = [ast.unparse(statement) for statement in tree.body]
    ordinals: Counter[str] = Counter()
    seen = {"\n".join(pieces)}
    for index, statement in enumerate(tree.body):
        for change in _walk(_Slot(tree, "body", index), statement, _Scope()):
            change.slot.put(change.new)
            piece = ast.unparse(tree.body[index])
            change.slot.put(change.old)
            source = "\n".join([*pieces[:index], piece, *pieces[index + 1 :]])
            if source not in seen and _compiles(source):
                seen.add(source)
                yield _mutant(path, module, change, (pieces[index], piece, source), ordinals)


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), str(path))


def _compiles(source: str) -> bool:
    """Whether the change is one that Python takes without even a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            compile(source, "mutant", "exec", dont_inherit=True)
        except (SyntaxError, SyntaxWarning):
            return False
    return True


def _mutant(
    path: Path, module: str, change: _Change, texts: tuple[str, str, str], ordinals: Counter[str]
) -> Mutant:
    before, after = _differing(texts[0].splitlines(), texts[1].splitlines())
    digest = hashlib.sha256("\n".join([*before, "=>", *after]).encode()).hexdigest()[:8]
    key = f"{module}:{change.scope.name or '<module>'}:{change.kind}"
    ordinals[key + digest] += 1
    return Mutant(
        f"{key}:{ordinals[key + digest]}:{digest}",
        path,
        change.old.lineno,
        _one_line(before),
        _one_line(after),
        change.scope.text,
        texts[2],
    )


def _differing(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """The lines in which two texts differ, without their indentation."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    return [line.strip() for line in old], [line.strip() for line in new]


def _one_line(lines: list[str]) -> str:
    return (lines[0] if lines else "") + (" ..." if len(lines) > 1 else "")


def _walk(slot: _Slot, node: ast.AST, scope: _Scope) -> Iterator[_Change]:
    if _is_unread(slot, node):
        return
    inner = scope.entering(node)
    if isinstance(node, ast.stmt | ast.expr):
        for kind, new in _replacements(slot, node, inner):
            text = inner.text or slot.kind == "JoinedStr.values"
            yield _Change(slot, node, new, kind, replace(inner, text=text))
    for place, child in _children(node):
        yield from _walk(place, child, inner)


def _children(node: ast.AST) -> Iterator[tuple[_Slot, ast.AST]]:
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield _Slot(node, field), value
        elif isinstance(value, list):
            for index, item in enumerate(cast("list[object]", value)):
                if isinstance(item, ast.AST):
                    yield _Slot(node, field, index), item


def _is_unread(slot: _Slot, node: ast.AST) -> bool:
    """Whether a running program takes no notice of this node."""
    if slot.field in _UNREAD or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ):
        return True
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
        return True
    if isinstance(node, ast.If):
        return ast.unparse(node.test).endswith("TYPE_CHECKING")
    if slot.kind == "Call.args" and slot.index == 0:
        return ast.unparse(cast("ast.Call", slot.owner).func).split(".")[-1] in _TYPING_CALLS
    if slot.kind == "Subscript.slice":
        return ast.unparse(cast("ast.Subscript", slot.owner).value).split(".")[-1] == "Literal"
    return False


def _is_prose(node: ast.AST) -> bool:
    """Whether it is a text for people: two words in a row stand in it."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    texts = [part.value for part in parts if isinstance(part, ast.Constant)]
    return any(isinstance(text, str) and _TWO_WORDS.search(text) for text in texts)


_New = Iterator[tuple[str, ast.AST]]


def _replacements(slot: _Slot, node: ast.stmt | ast.expr, scope: _Scope) -> _New:
    """What can stand in place of this node, by kind."""
    if slot.kind in _CONDITIONS or slot.kind == "Assert.test":
        yield from _conditions(slot, node)
    if isinstance(node, ast.stmt):
        yield from _statements(node, scope)
    elif isinstance(node, ast.Compare):
        yield from _comparisons(node)
    elif isinstance(node, ast.BoolOp):
        yield from _connections(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "negate", node.operand
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value)


def _conditions(slot: _Slot, node: ast.AST) -> _New:
    if isinstance(node, ast.Constant) or not isinstance(node, ast.expr):
        return
    operators = node.ops if isinstance(node, ast.Compare) else []
    turned_elsewhere = len(operators) == 1 and not isinstance(operators[0], _ORDERS)
    is_not = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    if not turned_elsewhere and not is_not:
        yield "negate", ast.UnaryOp(ast.Not(), node)
    if slot.kind in _CONDITIONS:  # an assertion that always holds is one that was deleted
        yield "true", ast.Constant(True)
    yield "false", ast.Constant(False)


def _statements(node: ast.stmt, scope: _Scope) -> _New:
    valued = isinstance(node, ast.AnnAssign) and node.value is not None
    if isinstance(node, _DELETED | ast.Expr) or valued:
        yield "delete", ast.Pass()
    if isinstance(node, ast.With | ast.AsyncWith):
        for index in range(len(node.items)):
            yield "with", _without(node, index)
    if isinstance(node, ast.Return) and node.value:
        constant = isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool)
        for value in (True, False) if scope.returns_bool and not constant else (None,):
            if not constant:
                yield "return", ast.Return(ast.Constant(value))


def _without(node: ast.With | ast.AsyncWith, index: int) -> ast.stmt:
    """The block without one of its context managers; ``as x`` gets the manager itself."""
    item = node.items[index]
    body: list[ast.stmt] = list(node.body)
    if node.items[index + 1 :]:
        body = [type(node)(items=node.items[index + 1 :], body=body, lineno=node.lineno)]
    if item.optional_vars:
        body.insert(0, ast.Assign([item.optional_vars], item.context_expr, lineno=node.lineno))
    if node.items[:index]:
        return type(node)(items=node.items[:index], body=body, lineno=node.lineno)
    return ast.If(ast.Constant(True), body, [])


def _comparisons(node: ast.Compare) -> _New:
    for index, operator in enumerate(node.ops):
        other = _OTHER[type(operator)]()
        operators = [*node.ops[:index], other, *node.ops[index + 1 :]]
        yield "compare", ast.Compare(node.left, operators, node.comparators)


def _connections(node: ast.BoolOp) -> _New:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield "and-or", ast.BoolOp(other, node.values)
    for index in range(len(node.values)):
        rest = node.values[:index] + node.values[index + 1 :]
        yield "operand", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def _constants(value: Any) -> _New:  # noqa: ANN401 - whatever a constant can be
    if isinstance(value, bool):
        yield "flip", ast.Constant(not value)
    elif isinstance(value, int):
        yield "number", ast.Constant(value + 1)
    elif isinstance(value, str):
        yield "string", ast.Constant("mutant" if value != "mutant" else "mutated")
    elif isinstance(value, bytes):
        yield "string", ast.Constant(b"mutant" if value != b"mutant" else b"mutated")
