"""Shows that every rule of a module is tested: changes each one and expects a test to fail."""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import queue
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mutation.mutants import KINDS, Mutant, mutants_of
from mutation.verdict import Job, conclude, place_of, read_explanations
from mutation.workplace import Module, Result, UsageError, Workplace

GRACE = 5.0
"""Seconds that a run may take beyond ten times as long as without a mutant."""
HERE = Path(__file__).resolve().parent
EXAMPLE = """example:
  python contract_tests/mutation/mutate.py spec/session_spec/model.py \\
      --tests spec/tests/test_model.py

exit code: 0 every survivor is explained; 1 some are not, or an explanation is stale;
  2 wrong usage, or the tests fail as it is; 130 interrupted (the same command goes on)
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (UsageError, OSError, SyntaxError) as error:
        print(f"mutate: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on from here.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    kinds = "".join(f"\n  {kind:9} {meaning}" for kind, meaning in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="mutate.py",
        description=f"{__doc__}\n\nkinds of change:{kinds}",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("modules", nargs="+", type=Path, metavar="MODULE", help="a file to mutate")
    add("--tests", action="append", default=[], metavar="TESTS",
        help="a file, folder or node id for pytest; may be repeated")  # fmt: skip
    add("--root", action="append", default=[], type=Path, metavar="FOLDER",
        help="source root, copied whole (default: the one of the package)")  # fmt: skip
    add("--explained", type=Path, default=HERE / "explained.json", metavar="FILE",
        help="the explained survivors (default: explained.json beside this)")  # fmt: skip
    add("--results", type=Path, default=Path("mutation-report.jsonl"), metavar="FILE",
        help="what is in here is not run again (default: %(default)s)")  # fmt: skip
    add("--jobs", type=int, default=2, metavar="N", help="runs at a time (default: 2)")
    add("--limit", type=float, metavar="SECONDS",
        help="what one run may take (default: ten times its usual time, and 5)")  # fmt: skip
    add("--only", default="", metavar="SUBSTRING", help="only mutants with this in their id")
    add("--survivors", type=Path, metavar="FILE",
        help="only mutants that other tests did not notice, by their results")  # fmt: skip
    add("--texts", action="store_true", help="mutate messages for people, too")
    add("--list", action="store_true", help="list the mutants, run nothing")
    return parser


def _run(options: argparse.Namespace) -> int:
    modules = [_module(path, options.root) for path in options.modules]
    explanations = read_explanations(options.explained)
    every = list(_all_jobs(modules, options.tests))
    jobs = [job for job in every if options.only in job.mutant.id]
    jobs = [job for job in jobs if options.texts or not job.mutant.text]
    if options.survivors:
        survivors = _survivors(options.survivors)
        jobs = [job for job in jobs if job.mutant.id in survivors]
    if not jobs:
        raise UsageError("there is no such mutant")
    if options.list:
        for job in jobs:
            print(f"{place_of(job.mutant)}  {job.mutant.id}\n    {job.mutant.change}")
        return 0
    if not options.tests or options.jobs < 1:
        raise UsageError("give --tests, and --jobs of at least 1")
    results = _test_all(jobs, modules, options)
    return conclude(jobs, every, results, explanations)


def _module(path: Path, roots: list[Path]) -> Module:
    path = path.resolve()
    if not path.is_file() or path.suffix != ".py":
        raise UsageError(f"{path} is no Python file")
    if roots:
        above = [root.resolve() for root in roots if root.resolve() in path.parents]
        if not above:
            raise UsageError(f"{path} lies in no --root")
        return Module(path, max(above, key=lambda root: len(root.parts)))
    root = path.parent
    while (root / "__init__.py").exists():
        root = root.parent
    return Module(path, root)


def _all_jobs(modules: list[Module], tests: list[str]) -> Iterator[Job]:
    for module in modules:
        digest = _digest(module, tests)
        for mutant in mutants_of(module.path, module.name):
            yield Job(module, mutant, digest)


def _digest(module: Module, tests: list[str]) -> str:
    """The digest of all that a result depends on: the package, the tests, the Python."""
    digest = hashlib.sha256(sys.version.encode())
    for file in [*_files(module.package), *(f for test in tests for f in _test_files(test))]:
        digest.update(str(file).encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _test_files(test: str) -> list[Path]:
    path = Path(test.split("::")[0]).resolve()
    if not path.exists():
        raise UsageError(f"there is no {path}")
    return [
        *_files(path),
        *(path.parent / "conftest.py",)[: (path.parent / "conftest.py").exists()],
    ]


def _files(path: Path) -> list[Path]:
    """The file, or all files in the folder but bytecode and hidden ones."""
    if path.is_file():
        return [path]
    inside = [file for file in path.rglob("*") if file.is_file()]
    hidden = (".", "__pycache__")
    return sorted(
        f for f in inside if not any(p.startswith(hidden) for p in f.relative_to(path).parts)
    )


def _test_all(
    jobs: list[Job], modules: list[Module], options: argparse.Namespace
) -> dict[str, Result]:
    """Test every mutant that the results file does not have yet; return all results by id."""
    results = _known_results(jobs, options.results)
    todo = [job for job in jobs if job.mutant.id not in results]
    if results:
        print(f"{len(results)} of {len(jobs)} results are in {options.results}", flush=True)
    if not todo:
        return results
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mutate-")))
        pool = stack.enter_context(ThreadPoolExecutor(options.jobs))
        places: queue.Queue[Workplace] = queue.Queue()
        for number in range(min(options.jobs, len(todo))):
            place = Workplace(folder / str(number), modules, options.tests)
            places.put(stack.enter_context(closing(place)))
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        limit = _limit(places, options.limit)
        progress = Progress(len(jobs), len(results), limit)

        def test(job: Job) -> tuple[Job, Result]:
            place = places.get()
            try:
                return job, place.test(job.module, job.mutant, limit)
            finally:
                places.put(place)

        file = stack.enter_context(options.results.open("a", encoding="utf-8"))
        for future in as_completed([pool.submit(test, job) for job in todo]):
            job, result = future.result()
            results[job.mutant.id] = result
            killer = _killer(job.module, result.by)
            row = {"mutant": job.mutant.id, "digest": job.digest, "killer": killer}
            row |= asdict(result)
            if job.digest != _digest(job.module, options.tests):
                raise UsageError("the sources or tests were changed meanwhile: start again")
            print(json.dumps(row), file=file, flush=True)
            progress.step(job.mutant, result)
    return results


def _limit(places: queue.Queue[Workplace], wanted: float | None) -> float:
    place = places.get()
    seconds = place.baseline()
    places.put(place)
    print(f"Without a mutant the tests pass in {seconds:.1f} s", flush=True)
    if wanted is not None and wanted < 2 * seconds:
        raise UsageError(f"--limit {wanted:g} is too short for tests that take {seconds:.1f} s")
    return wanted or seconds * 10 + GRACE


def _killer(module: Module, by: str) -> str:
    """The digest of all that a kill depends on: as above, but of the tests only its file."""
    file = by.partition("::")[0]
    return _digest(module, [file]) if Path(file).is_file() else ""


def _known_results(jobs: list[Job], path: Path) -> dict[str, Result]:
    """The results that still hold: what killed a mutant does so, whatever other tests there are."""
    known = _read_results(path)
    killer = functools.cache(_killer)
    results: dict[str, Result] = {}
    for job in jobs:
        for digest, its_killer, result in known.get(job.mutant.id, ()):
            if job.digest == digest or its_killer == killer(job.module, result.by) != "":
                results[job.mutant.id] = result
    return results


def _survivors(path: Path) -> set[str]:
    """The mutants that survived, by what was written last."""
    known = _read_results(path)
    return {name for name, results in known.items() if results[-1][2].outcome == "survived"}


def _read_results(path: Path) -> dict[str, list[tuple[str, str, Result]]]:
    """What earlier runs wrote; a line that was cut off counts as not written."""
    known: dict[str, list[tuple[str, str, Result]]] = {}
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text and not text.endswith("\n"):
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")
    for line in text.splitlines():
        try:
            row = json.loads(line)
            mutant, digest, killer = (row.pop(name) for name in ("mutant", "digest", "killer"))
            known.setdefault(mutant, []).append((digest, killer, Result(**row)))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return known


class Progress:
    """Says how far the run is: in place on a terminal, now and then in a pipe."""

    def __init__(self, total: int, done: int, limit: float) -> None:
        self._total, self._done, self._first = total, done, done
        self._started = time.monotonic()
        print(f"{total - done} mutants to test, {limit:.0f} s at most for each", flush=True)

    def step(self, mutant: Mutant, result: Result) -> None:
        """Note one result; a survivor is shown at once."""
        self._done += 1
        terminal = sys.stdout.isatty()
        if result.outcome == "survived":
            clear = "\r\x1b[K" if terminal else ""
            print(f"{clear}survived: {place_of(mutant)}  {mutant.change}", flush=True)
        each = (time.monotonic() - self._started) / (self._done - self._first)
        line = f"{self._done} of {self._total}, {each * (self._total - self._done):.0f} s to go"
        last = self._done == self._total
        if terminal:
            print(f"\r{line}\x1b[K", end="\n" if last else "", flush=True)
        elif last or self._done * 20 // self._total > (self._done - 1) * 20 // self._total:
            print(line, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
