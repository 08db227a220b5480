"""All work on this project: ``python noxfile.py -s tests``, or ``nox -s tests`` where there is nox.

Run as a script, this file needs nothing but Python and pip: it makes a private environment with
nox and uv under ``.nox`` and goes on in there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLDEST = (3, 10)
PIP = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet")


def bootstrap(arguments: list[str]) -> int:
    """Run nox with these arguments, in a private environment when this Python has no nox."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:2]))
        print(f"Python 3.10 or later is needed; this is Python {found}.", file=sys.stderr)
        return 2
    try:
        python = sys.executable if _has_nox() else str(_private_environment())
        command = [python, "-m", "nox", "-f", str(HERE / "noxfile.py"), *arguments]
        return subprocess.call(command)
    except subprocess.CalledProcessError as error:
        print(f"Could not set up nox: {error}", file=sys.stderr)
        print(_remedy(error.cmd), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _remedy(command: list[str]) -> str:
    if "venv" in command:
        return "Python has to have venv: on Debian and Ubuntu, apt install python3-venv."
    return "pip has to reach a package index: is there a network, or a proxy to name?"


def _has_nox() -> bool:
    """Whether this interpreter can run the sessions itself."""
    probe = [sys.executable, "-c", "import nox"]
    return subprocess.call(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def _private_environment() -> Path:
    """Make the environment that runs nox, or find the one made before; return its Python."""
    folder = HERE / ".nox" / "bootstrap"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    complete = folder / "complete"
    if not (complete.exists() and python.exists()):
        print(f"Setting up nox and uv in {folder.relative_to(HERE)} (once)", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.check_call([sys.executable, "-m", "venv", str(folder)])
        subprocess.check_call([str(python), *PIP, "nox", "uv"])
        complete.touch()
    return python


if __name__ == "__main__":
    sys.exit(bootstrap(sys.argv[1:]))

import nox  # noqa: E402 - the script above has to work without it

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["tests", "contract", "lint", "types", "docs"]

PLACES = ("--target", "--address", "--command", "--servicer", "--client", "--station")
"""How ``session-contract run`` is told what to judge."""
VARIANTS = Path("contract_tests/targets/variants")
ROOMS = ["spec", "reference_impl", "contract_tests", "fakes"]


def oldest_python() -> str:
    """The lowest supported Python: one that pyenv keeps off the path, else whatever nox finds."""
    name = ".".join(map(str, OLDEST))
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{name}.*/bin/python"))
    return str(kept[-1]) if kept else name


SAME_ON_THE_FLOOR = [
    "test_mutation.py", "test_race_*.py", "test_session_table*.py", "test_*long_runs.py",
    "test_documents.py", "test_shows.py", "test_client_wheels.py", "test_run_command.py",
    "test_doctor_command.py", "test_ci.py",
]  # fmt: skip
"""Tests that take long and do not depend on Python's or a package's version, or bring their own."""


WITHOUT_EXTRAS = ["test_cli.py", "test_copy.py", "test_house.py", "test_judge_command.py"]
"""Tests of the command that need only what is always installed; the suite needs its extra."""


CLIENTS = [
    "./reference_impl/session_reference/custom_instrument",
    "./reference_impl/session_reference/file_logger",
]
"""The packages of the reference clients: the plug-ins of the examples use them."""


def install_clients(session: nox.Session) -> None:
    """Install the reference clients, built anew: their version does not tell of a change."""
    session.install("--force-reinstall", "--no-deps", *CLIENTS)


def group(name: str) -> tuple[str, ...]:
    """The packages of a dependency group of pyproject.toml."""
    return nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), name)


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test of the project; arguments after ``--`` go to pytest."""
    session.install("-e", ".[contract,drivers]", *group("docs"), *group("lint"), *group("readers"))
    install_clients(session)
    # Tests that make environments take uv where they find it; here it may be beside nox alone.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    session.run("pytest", *(session.posargs or ["-n", "2", "-rs"]), env={"PATH": path})


@nox.session
def examples(session: nox.Session) -> None:
    """Show all examples without NI's software, and judge their copies; ``-- NAME`` shows one."""
    session.install("-e", ".[contract,drivers]", *group("types"), *group("readers"))
    install_clients(session)
    if session.posargs:
        session.run("python", "examples/run.py", *session.posargs)
        return
    session.run("pytest", "-n", "4", "--timeout", "900", "--durations", "8", "examples/whole")


@nox.session
def contract(session: nox.Session) -> None:
    """Judge all that is ours, on one page; ``-- --target FILE`` judges something else.

    ``-- --all`` judges the variants, too: by the profiles, by each driver, in other ways.
    """
    session.install("-e", ".[contract,drivers]")
    if any(word.startswith(PLACES) for word in session.posargs):
        session.run("session-contract", "run", *session.posargs)
        return
    flags = [word for word in session.posargs if word != "--all"]
    more = [str(VARIANTS)] if "--all" in session.posargs and VARIANTS.exists() else []
    session.run("session-contract", "run-all", "contract_tests/targets", *more, *flags)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format with ruff, and the requirements with their own linter."""
    session.install("-e", ".", *group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("python", "-m", "session_spec", "check")


@nox.session
def spec(session: nox.Session) -> None:
    """Check the requirements; ``-- tables`` and ``-- lock`` write tables and lock anew."""
    session.install("-e", ".")
    session.run("python", "-m", "session_spec", *(session.posargs or ["check"]))


@nox.session
def types(session: nox.Session) -> None:
    """Check all annotations with mypy and pyright, both strict."""
    session.install("-e", ".[contract]", *group("types"))
    install_clients(session)
    session.run("mypy")
    session.run("pyright")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the static site of the specification and guides in ``site-build``."""
    session.install("-e", ".", *group("docs"))
    session.run("python", "spec/site/build.py", *(session.posargs or ["site-build"]))


@nox.session
def package(session: nox.Session) -> None:
    """Build the wheel, install it in a clean environment, and use it there from an empty folder."""
    dist = Path(session.create_tmp()) / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.install("build")
    session.run("python", "-m", "build", "--quiet", "--outdir", str(dist), silent=True)
    (wheel,) = dist.glob("*.whl")
    session.install("--force-reinstall", str(wheel))
    elsewhere = session.create_tmp()
    with session.chdir(elsewhere):
        session.run("session-contract", "--version")
        session.run("session-contract", "list")
        session.run("session-contract", "explain", "CLOSE-UNKNOWN")
        session.run("session-contract", "schema", "target", silent=True)
        shutil.rmtree("my logger", ignore_errors=True)
        session.run("session-contract", "copy", "file_logger", "my logger")
        if os.name == "posix":  # it makes an environment of its own, from a package index
            session.run("my logger/start.sh", "--help", silent=True, external=True)


@nox.session(python=oldest_python())
def floor(session: nox.Session) -> None:
    """Run the tests on the lowest supported Python with the lowest run-time dependencies."""
    session.install("uv")
    session.run(
        "uv", "pip", "install", "--quiet", "--resolution", "lowest-direct", "-e", ".",
        external=True,
    )  # fmt: skip
    session.install(*group("test"), *group("docs"))
    session.run("uv", "pip", "list", silent=False, external=True)
    left_out = [f"--ignore-glob=*/{name}" for name in SAME_ON_THE_FLOOR]
    left_out += [f"--ignore={path}" for path in Path("contract_tests/tests").glob("test_*.py")
                 if path.name not in WITHOUT_EXTRAS]  # fmt: skip
    session.run("pytest", *(session.posargs or ["-n", "2", "-rs", *left_out]))


@nox.session(python=oldest_python())
def protos(session: nox.Session) -> None:
    """Make the stubs of the reference servers anew and compare; ``-- --write`` takes them over."""
    session.install(*group("protos"))
    session.run("python", "reference_impl/make_stubs.py", *session.posargs)


_R, _T = "reference_impl/session_reference", "reference_impl/tests"
_F, _FT = "fakes/session_fakes", "fakes/tests"
_C, _CT = "contract_tests/session_contract", "contract_tests/tests"
MUTATED = {
    "spec/session_spec/model.py": ["spec/tests/test_model.py"],
    f"{_R}/session_table.py": [
        f"{_T}/test_session_table.py", f"{_T}/test_session_table_steps.py",
        f"{_T}/test_session_table_races.py",
    ],
    f"{_R}/file_logger/session.py {_R}/file_logger/connection.py": [
        f"{_T}/test_json_logger_client.py", f"{_T}/test_clients.py",
    ],
    f"{_R}/custom_instrument/session.py {_R}/custom_instrument/connection.py": [
        f"{_T}/test_device_communication_client.py", f"{_T}/test_clients.py",
    ],
    f"{_C}/races/search.py {_C}/races/judging.py": [f"{_CT}/test_race_search.py"],
    f"{_F}/pinmaps/resolve.py {_F}/pinmaps/queries.py": [f"{_FT}/test_pin_map_resolve.py"],
    f"{_F}/sessions/reservations.py": [
        f"{_FT}/test_reservations.py", f"{_FT}/test_reservations_lock.py",
    ],
    f"{_F}/sessions/waiting_line.py": [
        f"{_FT}/test_waiting_line.py", f"{_FT}/test_session_book.py",
    ],
}  # fmt: skip
"""Modules, and the tests of which one has to fail when something is changed there."""


@nox.session(python=oldest_python())
def mutate(session: nox.Session) -> None:
    """Change and delete rules, one by one: each has to make a test fail; ``-- --jobs 1``."""
    session.install("-e", ".[contract]")
    for modules, files in MUTATED.items():
        tests = [word for file in files for word in ("--tests", file)]
        command = ["contract_tests/mutation/mutate.py", *modules.split(), *tests]
        session.run("python", *command, *session.posargs)


@nox.session
def scaffold(session: nox.Session) -> None:
    """Make projects by ``session-contract new``, and check each in a fresh environment."""
    session.install("-e", ".[contract]", "uv")
    session.run(
        "python", "contract_tests/new_projects/check.py", "--oldest", oldest_python(),
        *session.posargs,
    )  # fmt: skip


@nox.session
def stress(session: nox.Session) -> None:
    """Stress reservations of many stations, for about an hour; ``-- --minutes 5`` is less."""
    session.install("-e", ".", *group("test"))
    session.run("python", "fakes/long_runs/stress.py", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Send each service of the fakes 100,000 random and mutated requests."""
    session.install("-e", ".", *group("test"))
    session.run("python", "fakes/long_runs/fuzz.py", *session.posargs)


@nox.session
def parsers(session: nox.Session) -> None:
    """Give each parser 20,000 broken files; ``-- --seed N`` repeats a run."""
    session.install("-e", ".[contract]")
    session.run("python", "contract_tests/long_runs/parsers.py", *session.posargs)


@nox.session
def environments(session: nox.Session) -> None:
    """Run a plug-in in environments of its own, with NI's oldest SDK and the newest."""
    session.install("-e", ".")
    session.run("python", "fakes/long_runs/environments.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure references, fakes and suite beside an echo; ``-- --write`` renews the page."""
    session.install("-e", ".[contract,drivers]")
    session.run("python", "contract_tests/benchmarks/bench.py", *session.posargs)


@nox.session
def kill(session: nox.Session) -> None:
    """Kill the file logger 50 times while clients write: no acknowledged record may be lost."""
    session.install("-e", ".")
    session.run("python", "reference_impl/long_runs/kill.py", *session.posargs)


@nox.session
def races(session: nox.Session) -> None:
    """Run each race of the references, and of device sessions, 500 times: one winner always."""
    session.install("-e", ".[drivers]", *group("test"))
    rounds = os.environ.get("RACE_ROUNDS", "500")
    files = sorted(map(str, Path("reference_impl/tests").glob("test_*_races.py")))
    session.run(
        "pytest", "--timeout=1800", *(session.posargs or ["-n", "2", "-v"]), *files,
        "fakes/tests/test_device_sessions.py", "-k", "races or racing",
        env={"RACE_ROUNDS": rounds, "SESSION_FAKES_ROUNDS": rounds},
    )  # fmt: skip


@nox.session
def soak(session: nox.Session) -> None:
    """Soak the references and a station in faults for ten minutes; ``-- --minutes 60`` is more."""
    session.install("-e", ".[contract]")
    session.run("python", "contract_tests/soaking/soak.py", *session.posargs)


@nox.session
def cycles(session: nox.Session) -> None:
    """Open and close 10,000 sessions of each reference server: nothing may grow."""
    session.install("-e", ".")
    session.run("python", "reference_impl/long_runs/cycles.py", *session.posargs)


@nox.session
def selftest(session: nox.Session) -> None:
    """Judge wrong implementations: each has to be found; ``-- --write`` takes the result over."""
    session.install("-e", ".[contract,drivers]")
    session.run("python", "contract_tests/selftest/selftest.py", *session.posargs)


@nox.session
def alarms(session: nox.Session) -> None:
    """Judge the reference servers 220 times on a busy machine: none may be found wrong."""
    session.install("-e", ".[contract]")
    session.run("python", "contract_tests/long_runs/alarms.py", *session.posargs)
