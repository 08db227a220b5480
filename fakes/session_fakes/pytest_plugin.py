"""Fake stations for tests with pytest: installed with the package, there when it is asked for.

A test that takes ``fake_station`` has a station of its own, and NI's clients find it::

    import pytest
    from ni.measurementlink.sessionmanagement.v1.client import (
        PinMapContext,
        SessionManagementClient,
    )

    @pytest.mark.fake_station(pin_map="bench.pinmap")  # beside the test file, or in the rootdir
    def test_reserve(fake_station):
        context = PinMapContext(fake_station.pin_map_id, sites=[0])
        with SessionManagementClient() as client, client.reserve_session(context, "A"):
            fake_station.calls.assert_called("ReserveSessions", times=1)

    def test_two_benches(make_fake_station):
        left, right = make_fake_station("left.pinmap"), make_fake_station("right.pinmap")

When the test has passed, what it left behind on its stations makes it fail, and the text says who
made it: reservations, registrations of sessions and services, calls that still wait, and open
channels, those of NI's channel pools and those to the stations. When it has failed, that and the
last calls are added to its report.

The marker's arguments are those of ``FakeStation``, and two for the audit, which go for
``make_fake_station`` too: ``leaks`` and ``unused_faults``, each ``"error"``, ``"warn"`` or
``"ignore"``. Without ``leaks`` the flag ``--fake-station-leaks`` counts, then the ini option
``fake_station_leaks``, then ``"error"``; without ``unused_faults`` they are ignored. A marker at
a class or module holds for its tests, argument by argument.
"""

from __future__ import annotations

import difflib
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from session_fakes import audit
from session_fakes.channels import ChannelWatch
from session_fakes.errors import FakeError, quoted
from session_fakes.views import Leak

if TYPE_CHECKING:
    from session_fakes.station import FakeStation

__all__ = ["FakeStationWarning", "MakeFakeStation", "fake_station", "make_fake_station"]

_LEVELS = ("error", "warn", "ignore")
_OURS = ("leaks", "unused_faults")
_MARKER = (
    "fake_station(pin_map=None, *, leaks='error', unused_faults='ignore', ...): the fake station of"
    " the test: a pin map file (relative to the test file, or else to the rootdir) and the other"
    " arguments of FakeStation. leaks and unused_faults ('error', 'warn' or 'ignore') say what"
    " becomes of a test that leaves something behind, or a fault that no call has met. All are"
    " given by keyword."
)


class FakeStationWarning(pytest.PytestWarning):
    """A test left something behind on its fake station, and only a warning was wanted."""


class MakeFakeStation(Protocol):
    """Makes stations that listen until the end of the test: what ``make_fake_station`` is."""

    def __call__(self, pin_map: str | Path | None = None, **options: Any) -> FakeStation:  # noqa: ANN401 - several types
        """Make and start one more station.

        Args:
            pin_map: A pin map file, relative to the test file or else to the rootdir.
            options: The other arguments of ``FakeStation``.
        """
        ...


# Settings -----------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag and the ini option."""
    text = "What becomes of a passed test that leaves something behind on its fake station"
    parser.getgroup("fake station").addoption(
        "--fake-station-leaks",
        choices=_LEVELS,
        help=f"{text} (default: fake_station_leaks of the ini file).",
    )
    parser.addini("fake_station_leaks", f"{text}: error, warn or ignore.", default="error")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and refuse a bad ini option."""
    config.addinivalue_line("markers", _MARKER)
    level = str(config.getini("fake_station_leaks"))
    if level not in _LEVELS:
        raise pytest.UsageError(f"fake_station_leaks = {level}: {_expected(level, _LEVELS)}")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse bad markers before any test runs."""
    if hasattr(session.config, "workerinput"):
        return  # a worker of xdist would crash: there, each such test fails by itself
    for item in session.items:
        problem = _problem(item)
        if problem:
            raise pytest.UsageError(f"{item.nodeid}: {problem}")


def _marked(item: pytest.Item) -> dict[str, Any]:
    """The arguments of all markers that hold for a test; the nearest wins."""
    found: dict[str, Any] = {}
    for mark in item.iter_markers("fake_station"):
        found = {**mark.kwargs, **found}
    return found


def _problem(item: pytest.Item) -> str:
    """What is wrong with the markers of a test; empty when nothing is."""
    if any(mark.args for mark in item.iter_markers("fake_station")):
        return "@pytest.mark.fake_station takes its arguments by keyword, as in pin_map='x.pinmap'"
    given = _marked(item)
    for name in _OURS:
        if given.get(name, "error") not in _LEVELS:
            level = str(given[name])
            return f"@pytest.mark.fake_station({name}={level!r}): {_expected(level, _LEVELS)}"
    if given.keys() <= {*_OURS, "pin_map"}:
        return ""
    known = sorted({*_OURS, *_station_arguments()})
    wrong = sorted(given.keys() - set(known))
    if wrong:
        return f"@pytest.mark.fake_station has no {wrong[0]}=: {_expected(wrong[0], known)}"
    return ""


def _station_arguments() -> list[str]:
    import inspect

    from session_fakes.station import FakeStation

    return list(inspect.signature(FakeStation).parameters)


def _expected(given: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(given, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}There are {', '.join(known)}."


# Fixtures -----------------------------------------------------------------------------------------


@pytest.fixture
def fake_station(request: pytest.FixtureRequest) -> Iterator[FakeStation]:
    """A fake station of the test's own, which NI's clients of this process find meanwhile."""
    item: pytest.Item = request.node
    problem = _problem(item)
    if problem:
        pytest.fail(problem, pytrace=False)
    options = {name: value for name, value in _marked(item).items() if name not in _OURS}
    try:
        with _bench_of(item).furnished(options) as station, station.installed():
            yield station
    except FakeError as error:
        pytest.fail(f"There is no fake station: {error}", pytrace=False)


@pytest.fixture
def make_fake_station(request: pytest.FixtureRequest) -> Iterator[MakeFakeStation]:
    """A function that makes a started station; NI's clients find it within its ``installed()``."""
    bench = _bench_of(request.node)
    with ExitStack() as stations:

        def make(pin_map: str | Path | None = None, **options: Any) -> FakeStation:  # noqa: ANN401
            return stations.enter_context(bench.furnished({"pin_map": pin_map, **options}))

        yield make


def _bench_of(item: pytest.Item) -> _Bench:
    if _BENCH not in item.stash:
        item.stash[_BENCH] = _Bench(item)
    return item.stash[_BENCH]


@dataclass
class _Audited:
    """A station of a test, and what was found when the test had done with it."""

    station: FakeStation
    leaks: list[Leak] = field(default_factory=list[Leak])
    unused_faults: list[str] = field(default_factory=list[str])


class _Bench:
    """All stations of one test, and the verdict on what they were left with."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._stations: list[_Audited] = []
        self._channels = ChannelWatch()
        self._channels.start()
        self._passed = False
        self._has_shown_calls = False
        self._left_behind = ""

    @contextmanager
    def furnished(self, options: dict[str, Any]) -> Generator[FakeStation, None, None]:
        """A station that runs inside the block, and is audited at its end."""
        from session_fakes.station import FakeStation

        with FakeStation(**self._with_paths(options)) as station:
            audited = _Audited(station)
            self._stations.append(audited)
            yield station
            audited.leaks = audit.leaks(station)
            audited.unused_faults = audit.unused_faults(station)

    def _with_paths(self, options: dict[str, Any]) -> dict[str, Any]:
        found = dict(options)
        if found.get("pin_map") is not None:
            found["pin_map"] = self._path(found["pin_map"])
        if "service_configs" in found:
            found["service_configs"] = [self._path(path) for path in found["service_configs"]]
        return found

    def _path(self, given: str | Path) -> Path:
        places = (self._item.path.parent / given, self._item.config.rootpath / given)
        for place in places:
            if place.exists():
                return place
        tried = " nor ".join(dict.fromkeys(str(place) for place in places))
        raise FakeError(f"the file {quoted(str(given))} is missing: there is neither {tried}.")

    # The verdict ----------------------------------------------------------------------------------

    def stop(self) -> None:
        """Watch for channels no longer."""
        self._channels.stop()

    def conclude(self) -> None:
        """Fail or warn for what was left behind, once all fixtures of the test have ended."""
        errors = [text for each in self._stations for text in audit.internal_errors(each.station)]
        warnings: list[str] = []
        if self._passed:
            left = [*self._left_on_stations(), *self._channels.still_open(self._ports())]
            self._judge("leaks", audit.text_of_leaks(left), errors, warnings)
            unused = [text for each in self._stations for text in each.unused_faults]
            self._judge("unused_faults", audit.text_of_faults(unused), errors, warnings)
        else:
            self.excuse()
        if errors:
            pytest.fail("\n\n".join(errors + warnings), pytrace=False)
        for text in warnings:
            self._item.warn(FakeStationWarning(text))

    def excuse(self) -> None:
        """Only tell what was left behind: the test has failed already.

        Channels are left out: the traceback of the failure keeps those of local variables open.
        """
        self._left_behind = "\n".join(audit.numbered(self._left_on_stations()))

    def _ports(self) -> set[int]:
        stations = [each.station for each in self._stations]
        servers = [(s.discovery, s.pin_map_service, s.session_management) for s in stations]
        return {server.port for three in servers for server in three}

    def _left_on_stations(self) -> list[Leak]:
        return [leak for each in self._stations for leak in each.leaks]

    def _judge(self, what: str, text: str, errors: list[str], warnings: list[str]) -> None:
        level = self._level(what)
        if text and level != "ignore":
            (errors if level == "error" else warnings).append(text)

    def _level(self, what: str) -> str:
        config = self._item.config
        default = "ignore"
        if what == "leaks":
            default = config.getoption("fake_station_leaks") or config.getini("fake_station_leaks")
        return str(_marked(self._item).get(what, default))

    # The report -----------------------------------------------------------------------------------

    def see(self, report: pytest.TestReport) -> None:
        """Remember how the test went, and add to a report of a failure what helps."""
        if report.when == "call":
            self._passed = report.passed
        if report.failed and not self._has_shown_calls:
            self._has_shown_calls = True
            report.sections += list(self._calls())
        if self._left_behind:
            # pytest shows sections of the teardown of a failed test when their title says so.
            report.sections.append(("fake station: left behind at teardown", self._left_behind))

    def _calls(self) -> Iterator[tuple[str, str]]:
        for number, each in enumerate(self._stations, 1):
            which = f" of station {number}" if len(self._stations) > 1 else ""
            calls = audit.last_calls(each.station)
            yield f"fake station calls{which}", calls or "(there were none)"


_BENCH = pytest.StashKey[_Bench]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Audit when all fixtures of the test have ended: they may be what closes a channel."""
    bench = item.stash.get(_BENCH, None)
    if bench is None:
        return (yield)
    try:
        result = yield
    except BaseException:  # outcomes of pytest, such as a skip, are no Exception
        bench.excuse()
        raise
    finally:
        bench.stop()
    bench.conclude()
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the stations of the test know to its report."""
    report = yield
    bench = item.stash.get(_BENCH, None)
    if bench is not None:
        bench.see(report)
        if report.when == "teardown":
            del item.stash[_BENCH]
    return report
