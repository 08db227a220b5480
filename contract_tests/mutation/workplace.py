"""A copy of the sources in which mutants are put and tested; the sources stay as they are."""

from __future__ import annotations

import compileall
import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mutation.mutants import Mutant, normal_form

RUNNER = Path(__file__).with_name("runner.py")
_BASELINE_LIMIT = 600.0
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "node_modules")


class UsageError(Exception):
    """The tool cannot do what it was asked to; the text says why."""


@dataclass(frozen=True)
class Module:
    """A module to mutate: its file, the source root it lies in, and its name."""

    path: Path
    root: Path

    @property
    def name(self) -> str:
        """What it is imported as."""
        parts = self.path.relative_to(self.root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def package(self) -> Path:
        """The top folder or file of its root that it belongs to."""
        return self.root / self.path.relative_to(self.root).parts[0]


@dataclass(frozen=True)
class Result:
    """How the tests ended with a mutant in place."""

    outcome: str
    """``killed``, ``time-out`` or ``survived``."""
    seconds: float
    by: str = ""
    """The first test that failed."""


class Workplace:
    """One copy, and the process that runs tests on it."""

    def __init__(self, folder: Path, modules: list[Module], tests: list[str]) -> None:
        self._folder = folder
        self._modules = modules
        self._normal = {module: normal_form(module.path) for module in modules}
        self._tests = tests
        roots = list(dict.fromkeys(module.root for module in modules))
        self._roots = {root: folder / f"root{number}" for number, root in enumerate(roots)}
        for root, copy in self._roots.items():
            shutil.copytree(root, copy, ignore=_LEFT_OUT)
            compileall.compile_dir(copy, quiet=2)
        for module in modules:
            self._put(module, self._normal[module])
            # A mutant may have the size and time of the original: bytecode would hide it.
            Path(importlib.util.cache_from_source(str(self._copy(module)))).unlink(missing_ok=True)
        self._runner = self._start()

    def _start(self) -> subprocess.Popen[str]:
        paths = [*map(str, self._roots.values()), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self._folder / "hypothesis"),
        }
        return subprocess.Popen(
            [sys.executable, str(RUNNER)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for mutate.py, which then calls close()
        )

    def _copy(self, module: Module) -> Path:
        return self._roots[module.root] / module.path.relative_to(module.root)

    def _put(self, module: Module, source: str) -> None:
        self._copy(module).write_text(source, encoding="utf-8")

    def baseline(self) -> float:
        """Run the tests without a mutant; return the seconds, or say why it makes no sense."""
        answer = self._ask(_BASELINE_LIMIT, ["--tb=short"])
        if answer["code"] != 0:
            output = self._log.read_text(encoding="utf-8", errors="replace")
            raise UsageError(f"the tests fail without any mutant:\n{output}")
        for module in self._modules:
            found, due = answer["found"][module.name], self._copy(module)
            if found is None or Path(found).resolve() != due.resolve():
                raise UsageError(
                    f"the tests import {module.name} from {found}, not from the mutated copy: "
                    "is --root right, and do the tests put the sources on sys.path themselves?"
                )
        return float(answer["seconds"])

    def test(self, module: Module, mutant: Mutant, limit: float) -> Result:
        """Run the tests with this mutant in place."""
        self._put(module, mutant.source)
        try:
            answer = self._ask(limit, ["--tb=no"])
        finally:
            self._put(module, self._normal[module])
        outcome = {None: "time-out", 0: "survived"}.get(answer["code"], "killed")
        return Result(outcome, round(answer["seconds"], 2), answer.get("by", ""))

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _ask(self, limit: float, options: list[str]) -> dict[str, Any]:
        request = {
            "arguments": [*options, f"--basetemp={self._folder / 'tmp'}", *self._tests],
            "limit": limit,
            "log": str(self._log),
            "modules": [module.name for module in self._modules],
            "report": str(self._folder / "report"),
        }
        assert self._runner.stdin
        assert self._runner.stdout
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(request), file=self._runner.stdin, flush=True)
        answer = self._runner.stdout.readline()
        if not answer:
            raise UsageError("the process that runs the tests ended unexpectedly")
        return cast("dict[str, Any]", json.loads(answer))

    def close(self) -> None:
        """End the process and with it the run that is under way."""
        self._runner.terminate()
        self._runner.wait()
        for pipe in (self._runner.stdin, self._runner.stdout):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
