"""Finds code modules: ``folder/module.py:function``, as a person types it."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from session_fakes.errors import FakeError, listed, quoted
from session_fakes.teststand.steps import Step, code_module, measurement

__all__ = ["load", "step"]

_MODULE = re.compile(r"(?P<module>.+\.py|[A-Za-z_][\w.]*):(?P<function>[A-Za-z_]\w*)")


def step(text: str) -> Step:
    """A step as it is typed: a code module ``file.py:function``, or the name of a measurement."""
    if not _MODULE.fullmatch(text):
        return measurement(text)
    return code_module(load(text))


def load(text: str) -> Callable[..., object]:
    """The function of a code module: ``file.py:function`` or ``package.module:function``.

    The module finds those beside it, as TestStand's Python adapter lets it, and a file is loaded
    once however often it is named.

    Raises:
        FakeError: There is no such file or function, or the module cannot be loaded.
    """
    match = _MODULE.fullmatch(text)
    if match is None:
        raise FakeError(f"{quoted(text)} is no code module: expected file.py:function.")
    module = _module(match["module"])
    function: object = getattr(module, match["function"], None)
    if not callable(function):
        known = [name for name, value in vars(module).items() if _is_own(value, module)]
        raise FakeError(
            f"{match['module']} has no function {quoted(match['function'])}; it has"
            f" {listed(known, most=30)}."
        )
    return function


def _is_own(value: object, module: ModuleType) -> bool:
    return callable(value) and getattr(value, "__module__", "") == module.__name__


def _module(name: str) -> ModuleType:
    try:
        return _from_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
    except FakeError:
        raise
    except Exception as error:  # whatever its code does
        raise FakeError(f"{name} cannot be loaded: {type(error).__name__}: {error}") from error


def _from_file(path: Path) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        raise FakeError(f"There is no file {path}.")
    for loaded in list(sys.modules.values()):
        if getattr(loaded, "__file__", None) == str(path):
            return loaded
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    # Under a name of its own when the plain one is somebody else's.
    name = f"{path.stem}_{abs(hash(path))}" if path.stem in sys.modules else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
