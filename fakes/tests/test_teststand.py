"""Sequences without TestStand: what code modules are given, the process models, the report."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ni.measurementlink.sessionmanagement.v1.client import (
    PinMapContext,
    SessionInformation,
    SessionManagementClient,
)
from ni_grpc_extensions.channelpool import GrpcChannelPool

from session_fakes.errors import FakeError
from session_fakes.fidelity import holds
from session_fakes.station import FakeStation
from session_fakes.teststand import (
    PIN_MAP_ID,
    Model,
    NotSimulated,
    Report,
    SequenceContext,
    SequenceFile,
    SequenceRunner,
    Step,
    code_module,
    measurement,
    picture,
    update_pin_map,
)
from session_fakes.teststand.scale import Scale

PLUG_INS = Path(__file__).parent / "plug_ins"
PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments>
    <Instrument name="bench log" instrumentTypeId="Log"><Channel id="0"/></Instrument>
  </Instruments>
  <Pins><DUTPin name="Pin1"/></Pins>
  <Sites><Site siteNumber="0"/><Site siteNumber="1"/></Sites>
  <Connections>
    <Connection pin="Pin1" siteNumber="0" instrument="bench log" channel="0"/>
    <Connection pin="Pin1" siteNumber="1" instrument="bench log" channel="0"/>
  </Connections>
</PinMap>
"""
SESSION = "Log-bench log"


@pytest.fixture
def pin_map(tmp_path: Path) -> Path:
    path = tmp_path / "pins" / "bench.pinmap"
    path.parent.mkdir()
    path.write_text(PIN_MAP, encoding="utf-8")
    return path


@pytest.fixture
def station() -> Iterator[FakeStation]:
    with FakeStation() as made:
        yield made
    assert made.internal_errors == []


class Bench:
    """Code modules as NI's samples have them, with the resource in this process."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.log: list[str] = []
        self.lock = threading.Lock()

    def create(self, sequence_context: SequenceContext) -> None:
        """Reserve, open, register."""
        with GrpcChannelPool() as pool:
            client = SessionManagementClient(grpc_channel_pool=pool)
            with client.reserve_sessions(context_of(sequence_context)) as reservation:
                self.take(reservation.session_info)
                client.register_sessions(reservation.session_info)

    def take(self, infos: Sequence[SessionInformation]) -> None:
        """Open what is not open; else fail as INITIALIZE_NEW does."""
        with self.lock:
            for info in infos:
                if info.resource_name in self.open:
                    raise RuntimeError(f"ALREADY_EXISTS: {info.resource_name}")
                self.open.add(info.resource_name)

    def use(self, sequence_context: SequenceContext) -> None:
        """Reserve and use."""
        with GrpcChannelPool() as pool:
            client = SessionManagementClient(grpc_channel_pool=pool)
            context = context_of(sequence_context)
            with client.reserve_session(context, "Pin1", timeout=20) as reservation:
                self.log.append(reservation.session_info.resource_name)

    def destroy(self) -> None:
        """Reserve all, close, unregister."""
        with GrpcChannelPool() as pool:
            client = SessionManagementClient(grpc_channel_pool=pool)
            with client.reserve_all_registered_sessions("Log") as reservation:
                for info in reservation.session_info:
                    self.open.remove(info.resource_name)
                client.unregister_sessions(reservation.session_info)


def context_of(sequence_context: SequenceContext) -> PinMapContext:
    variables = sequence_context.Execution.RunTimeVariables
    found = variables.GetValString(PIN_MAP_ID, 0x0) if variables.Exists(PIN_MAP_ID, 0x0) else ""
    return PinMapContext(found, None)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def raising(error: BaseException) -> Callable[[], None]:
    def step() -> None:
        raise error

    return step


def outcomes(report: Report) -> list[tuple[str, str]]:
    return [(step.name, step.outcome) for step in report.steps]


# The sequence context ----------------------------------------------------------------------------


@holds("TS-CONTEXT-STRICT")
@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("Locals", "Engine, Execution, SequenceFile"),
        ("Execution.GetStates", "RunTimeVariables"),
        ("Execution.RunTimeVariables.SetValString", "Exists, GetValString"),
        ("Engine.FindFile", "FindFileEx"),
        ("SequenceFile.Path", "nothing"),
    ],
)
def test___member_the_fake_has_not___asked_for___is_refused_with_what_there_is(
    path: str, known: str
) -> None:
    *way, last = path.split(".")
    found: Any = SequenceContext()
    for name in way:
        found = getattr(found, name)

    with pytest.raises(NotSimulated, match=f"has no {last} here.*use of it: {known}") as caught:
        getattr(found, last)

    assert isinstance(caught.value, AttributeError)
    with pytest.raises(NotSimulated, match="cannot be set"):
        setattr(found, last, 1)


@holds("TS-VARIABLE")
def test___run_time_variable___before_and_after_it_is_set___as_nis_helper_reads_it() -> None:
    values: dict[str, str] = {}
    variables = SequenceContext(values).Execution.RunTimeVariables

    assert not variables.Exists(PIN_MAP_ID, 0x0)
    with pytest.raises(FakeError, match=r"no run-time variable 'NI.MeasurementPlugIns.PinMapId'"):
        variables.GetValString(PIN_MAP_ID, 0x0)
    values[PIN_MAP_ID] = "x.pinmap"
    assert variables.Exists(PIN_MAP_ID, 0x0)
    assert variables.GetValString(PIN_MAP_ID, 0x0) == "x.pinmap"
    with pytest.raises(NotSimulated, match="option 0x1"):
        variables.Exists(PIN_MAP_ID, 0x1)


def find(context: SequenceContext, name: str, **arguments: object) -> tuple[Any, ...]:
    """As NI's helper calls it."""
    answer: tuple[Any, ...] = context.Engine.FindFileEx(
        fileToFind=name,
        absolutePath=None,
        srchDirType=None,
        searchDirectoryIndex=None,
        userCancelled=None,
        **{"searchContext": context.SequenceFile, **arguments},
    )
    return answer


@holds("TS-FIND-FILE", "TS-FIND-FILE-ORDER")
def test___file___looked_for___beside_the_sequence_file_then_in_the_search_folders(
    tmp_path: Path, pin_map: Path
) -> None:
    home = tmp_path / "sequence"
    home.mkdir()
    context = SequenceContext(home=home, search_folders=[tmp_path / "pins"])

    assert find(context, r"..\pins\bench.pinmap") == (True, str(pin_map), 0, 0, False)
    assert find(context, "bench.pinmap")[1] == str(pin_map)
    (home / "bench.pinmap").touch()
    assert find(context, "bench.pinmap")[1] == str(home / "bench.pinmap")
    assert find(context, "bench.pinmap", searchContext=None)[1] == str(pin_map)
    with pytest.raises(FakeError, match="has to be the SequenceFile"):
        find(context, "bench.pinmap", searchContext="mine")


@holds("TS-FIND-FILE-ORDER")
def test___file_that_is_nowhere___looked_for___error_or_what_the_user_answers(
    tmp_path: Path,
) -> None:
    with pytest.raises(FakeError, match=r"'x.pinmap' is in none .*TestStand would ask"):
        find(SequenceContext(home=tmp_path), "x.pinmap")

    cancelled = find(SequenceContext(file_dialog=lambda _: None), "x.pinmap")
    answered = find(SequenceContext(file_dialog=lambda name: f"/found/{name}"), "x.pinmap")

    assert cancelled == (False, "", 0, 0, True)
    assert answered == (True, "/found/x.pinmap", 0, 0, False)


# Steps -------------------------------------------------------------------------------------------


@holds("TS-UPDATE-PIN-MAP")
def test___update_pin_map___run___is_registered_under_its_path_and_the_variable_is_set(
    station: FakeStation, pin_map: Path
) -> None:
    seen: list[str] = []

    def look(sequence_context: SequenceContext) -> None:
        seen.append(sequence_context.Execution.RunTimeVariables.GetValString(PIN_MAP_ID, 0))

    sequence = SequenceFile(setup=[update_pin_map("bench.pinmap"), look], home=pin_map.parent)
    report = SequenceRunner(sequence, station).run()

    assert report.passed, report
    assert seen == [str(pin_map)]
    call = station.calls.of("UpdatePinMapFromXml").last
    assert str(call.request).count(str(pin_map)) == 1


def test___update_pin_map___cancelled_or_unreadable___is_an_error_of_the_step(
    station: FakeStation, tmp_path: Path
) -> None:
    cancelled = SequenceFile([update_pin_map("x")], file_dialog=lambda _: None)
    missing = SequenceFile([update_pin_map(tmp_path / "x")])

    assert "user has cancelled" in SequenceRunner(cancelled, station).run().steps[0].error
    assert "cannot be read" in SequenceRunner(missing, station).run().steps[0].error


def test___code_modules___with_and_without_an_argument___are_called_as_teststand_would() -> None:
    def two(first: object, second: object) -> None: ...

    def optional(sequence_context: object = None) -> object:
        return sequence_context is not None

    with pytest.raises(FakeError, match="two takes first, second"):
        code_module(two)
    with FakeStation() as station:
        report = SequenceRunner(SequenceFile(main=[optional, lambda: True]), station).run()
    assert [step.outcome for step in report.steps] == ["Passed", "Passed"]


@holds("TS-OUTCOME")
def test___steps___end_in_every_way___outcomes_by_what_they_return_or_raise(
    station: FakeStation,
) -> None:
    main = [
        code_module(lambda: True, name="good"),
        code_module(lambda: False, name="bad"),
        code_module(lambda: 7, name="seven"),
        code_module(raising(SystemExit(3)), name="leaves"),
    ]

    report = SequenceRunner(SequenceFile(main=main), station).run()

    assert outcomes(report) == [
        ("good", "Passed"),
        ("bad", "Failed"),
        ("seven", "Done"),
        ("leaves", "Error"),
    ]
    assert report.outcome == "Error"
    assert SequenceRunner(SequenceFile(main=main[:2]), station).run().outcome == "Failed"


def test___steps___given_wrongly___are_refused() -> None:
    with pytest.raises(FakeError, match="main is a list of steps"):
        SequenceFile(main="My Measurement")


@holds("TS-MEASUREMENT")
def test___measurement_by_name___run___with_the_pin_map_of_the_sequence(
    station: FakeStation, pin_map: Path
) -> None:
    station.launch([sys.executable, str(PLUG_INS / "simple" / "measurement.py")])
    good = measurement("SimpleMeasurement", ["Value=3"], passes=lambda out: out["Twice"] == 6.0)
    sequence = SequenceFile(
        setup=[update_pin_map(pin_map)], main=["SimpleMeasurement", good, "SimpleMeasurment"]
    )

    report = SequenceRunner(sequence, station).run()

    first, second, third = report.steps[1:]
    assert first.outputs == {"Echoed pin": "CustomInstrumentPin", "Twice": 4.0}
    assert (second.outcome, third.outcome) == ("Passed", "Error")
    assert "Did you mean 'SimpleMeasurement'?" in third.error
    assert re.fullmatch(r"process \d+", first.process)


# Groups and models -------------------------------------------------------------------------------


def bench_sequence(
    bench: Bench, pin_map: Path, *main: Step | Callable[..., object], last: Sequence[Step] = ()
) -> SequenceFile:
    setup = (update_pin_map(pin_map), bench.create)
    return SequenceFile(
        setup=setup, main=main or (bench.use,), cleanup=[bench.destroy], process_cleanup=last
    )


@holds("TS-GROUPS")
def test___error_in_main___run___rest_of_main_is_left_out_and_cleanup_runs(
    station: FakeStation, bench: Bench, pin_map: Path
) -> None:
    def fail() -> None:
        raise ValueError("it broke")

    report = SequenceRunner(bench_sequence(bench, pin_map, fail, bench.use), station).run()

    assert outcomes(report)[2:] == [("fail", "Error"), ("use", "Not run"), ("destroy", "Done")]
    assert report.outcome == "Error"
    assert report.left == []
    assert bench.open == set()
    assert "3  fail: ValueError: it broke" in str(report)


@holds("TS-GROUPS")
def test___error_in_setup___run___main_is_left_out_and_cleanup_runs(station: FakeStation) -> None:
    steps = [code_module(lambda: None, name=name) for name in ("never", "main", "clean")]
    setup = (raising(ValueError("no")), steps[0])

    report = SequenceRunner(SequenceFile(setup, [steps[1]], [steps[2]]), station).run()

    assert outcomes(report)[1:] == [("never", "Not run"), ("main", "Not run"), ("clean", "Done")]


@holds("TS-CLEANUP-GOES-ON")
def test___error_in_cleanup___run___the_cleanup_steps_after_it_run(station: FakeStation) -> None:
    cleanup = (raising(ValueError("no")), code_module(lambda: None, name="clean"))

    report = SequenceRunner(SequenceFile(cleanup=cleanup), station).run()

    assert outcomes(report) == [("step", "Error"), ("clean", "Done")]


@holds("TS-TERMINATE")
@pytest.mark.parametrize("way", ["terminate", "abort"])
def test___run___ended_early_and_run_again___cleanup_runs_unless_it_was_aborted(
    station: FakeStation, bench: Bench, pin_map: Path, way: str
) -> None:
    ends = [True]

    def end() -> None:
        if ends:
            ends.clear()
            getattr(runner, way)()

    processed = [code_module(lambda: None, name="processed")]
    sequence = bench_sequence(bench, pin_map, end, bench.use, last=processed)
    runner = SequenceRunner(sequence, station)

    first, second, third = runner.run(), runner.run(), runner.run()

    cleaned = "Done" if way == "terminate" else "Not run"
    assert [step.outcome for step in first.steps[3:]] == ["Not run", cleaned, cleaned]
    assert first.outcome == ("Terminated" if way == "terminate" else "Aborted")
    if way == "terminate":
        assert second.passed, second
    else:
        assert [leak.partition(",")[0] for leak in first.left] == [
            f"session registration {SESSION}"
        ]
        assert "ALREADY_EXISTS" in second.step("create").error
    assert third.passed, third


def test___ctrl_c_in_a_step___run___terminates_and_is_raised_after_cleanup(
    station: FakeStation, bench: Bench, pin_map: Path
) -> None:
    press = raising(KeyboardInterrupt())
    runner = SequenceRunner(bench_sequence(bench, pin_map, press, bench.use), station)

    with pytest.raises(KeyboardInterrupt):
        runner.run()

    assert (bench.open, bench.log, station.leaks()) == (set(), [], [])


@holds("TS-NEXT-UNIT")
def test___sequential_model___a_unit_fails___the_next_one_is_tested(
    station: FakeStation, bench: Bench, pin_map: Path
) -> None:
    failures = [ValueError("first unit")]

    def sometimes() -> None:
        if failures:
            raise failures.pop()

    sequence = bench_sequence(bench, pin_map, sometimes, bench.use)
    report = SequenceRunner(sequence, station, model="sequential", units=3).run()

    uses = [(step.unit, step.outcome) for step in report.steps if step.name == "use"]
    assert uses == [(1, "Not run"), (2, "Done"), (3, "Done")]
    assert report.left == []


@holds("TS-PROCESS-CALLBACKS", "TS-SOCKET-VARIABLES", "TS-SOCKETS")
@pytest.mark.parametrize("model", ["batch", "parallel"])
def test___setup_in_process_setup___sockets_run___share_the_one_session(
    station: FakeStation, bench: Bench, pin_map: Path, model: Model
) -> None:
    sequence = SequenceFile(
        process_setup=[update_pin_map(pin_map), bench.create],
        main=[bench.use],
        process_cleanup=[bench.destroy],
    )

    report = SequenceRunner(sequence, station, model=model, units=2, sockets=3).run()

    assert report.passed, report
    uses = [(step.socket, step.unit) for step in report.steps if step.name == "use"]
    assert sorted(uses, key=str) == [(socket, unit) for socket in range(3) for unit in (1, 2)]
    if model == "batch":
        assert [unit for _, unit in uses] == [1, 1, 1, 2, 2, 2]
    assert len(bench.log) == 6
    assert len(station.calls.of("RegisterSessions")) == 1


@pytest.mark.parametrize("model", ["batch", "parallel"])
def test___setup_in_the_per_socket_part___sockets_run___error_names_the_remedy(
    station: FakeStation, bench: Bench, pin_map: Path, model: Model
) -> None:
    meet = threading.Barrier(2)

    def create(sequence_context: SequenceContext) -> None:
        meet.wait(20)
        try:
            bench.create(sequence_context)
        finally:
            meet.wait(20)  # the session of one is open while the other one asks

    sequence = SequenceFile([update_pin_map(pin_map), create], [bench.use], [bench.destroy])
    report = SequenceRunner(sequence, station, model=model, units=1).run()

    (error,) = [step.error for step in report.steps if step.name == "create" and step.error]
    assert re.match("UNAVAILABLE|RuntimeError: ALREADY_EXISTS", error)
    assert "opens a session once for all belongs into ProcessSetup" in error
    assert report.outcome == "Error"


@holds("TS-MEASUREMENT")
def test___test_sockets___measure___each_its_own_site(station: FakeStation, pin_map: Path) -> None:
    station.launch([sys.executable, str(PLUG_INS / "sites" / "measurement.py")])
    sequence = SequenceFile(process_setup=[update_pin_map(pin_map)], main=["Site Measurement"])

    batch = SequenceRunner(sequence, station, model="batch", units=1).run()
    single = SequenceRunner(sequence, station).run()

    told = [step.outputs for step in batch.steps if step.name == "Site Measurement"]
    assert sorted(map(str, told)) == ["{'Sites': [0]}", "{'Sites': [1]}"], batch
    assert single.steps[-1].outputs == {"Sites": [0, 1]}


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"model": "bach"}, "no process model 'bach'"),
        ({"units": 3}, "Single Pass tests one unit"),
        ({"model": "sequential", "sockets": 2}, "no test sockets"),
        ({"model": "batch", "sockets": 0}, "at least one unit"),
    ],
)
def test___impossible_run___asked_for___is_refused(
    station: FakeStation, how: dict[str, Any], text: str
) -> None:
    with pytest.raises(FakeError, match=text):
        SequenceRunner(SequenceFile(main=[lambda: None]), station, **how)


# Who held what, and the report -------------------------------------------------------------------


def test___sequence___run___holdings_name_step_and_kind(
    station: FakeStation, bench: Bench, pin_map: Path
) -> None:
    report = SequenceRunner(bench_sequence(bench, pin_map), station).run()

    found = [(span.kind, span.step, span.who) for span in report.holdings]
    assert found == [
        ("reserved", 2, "create"),
        ("registered", 2, "create"),
        ("reserved", 3, "use"),
        ("reserved", 4, "destroy"),
    ]
    assert {span.session for span in report.holdings} == {SESSION}
    assert all(span.ended is not None for span in report.holdings)


def test___plug_in_and_another_socket___wait___holdings_tell_them_apart(
    station: FakeStation, bench: Bench, pin_map: Path
) -> None:
    station.launch([sys.executable, str(PLUG_INS / "sites" / "measurement.py")])
    meet = threading.Barrier(2)

    def hold(sequence_context: SequenceContext) -> None:
        with GrpcChannelPool() as pool:
            client = SessionManagementClient(grpc_channel_pool=pool)
            with client.reserve_session(context_of(sequence_context), "Pin1", timeout=20):
                meet.wait(20)
                while not station.waiting():
                    pass

    def ask(sequence_context: SequenceContext) -> None:
        meet.wait(20)
        bench.use(sequence_context)

    chosen = iter([hold, ask])
    lock = threading.Lock()

    def either(sequence_context: SequenceContext) -> None:
        with lock:
            step = next(chosen)
        step(sequence_context)

    reserve = measurement("Site Measurement", {"Reserve": True}, name="plug-in", sites=[0])
    sequence = SequenceFile(process_setup=[update_pin_map(pin_map), reserve], main=[either])
    report = SequenceRunner(sequence, station, model="batch", units=1).run()

    assert report.passed, report
    found = [(span.kind, span.who) for span in report.holdings]
    assert found.count(("reserved", "plug-in")) == 1
    assert len({span.step for span in report.holdings if span.who == "either"}) == 2
    waits = [span.who for span in report.holdings if span.kind == "waited"]
    assert waits == ["either"]


def test___session_left_behind___run___report_says_so_and_has_not_passed(
    station: FakeStation, bench: Bench, pin_map: Path
) -> None:
    sequence = SequenceFile(setup=[update_pin_map(pin_map), bench.create])
    report = SequenceRunner(sequence, station).run()

    assert (report.outcome, report.passed) == ("Passed", False)
    assert f"left behind: session registration {SESSION}" in str(report)
    assert [span.kind for span in report.holdings if span.ended is None] == ["registered"]
    assert json.loads(json.dumps(report.as_dict()))["passed"] is False


def test___scale___short_pieces_beside_long_ones___keep_their_order_and_stay_visible() -> None:
    scale = Scale([0.0, 0.001, 10.0, 10.001])

    places = [scale(time) for time in (-1, 0.0, 0.0005, 0.001, 5.0, 10.0, 10.001, 11)]

    assert places == sorted(places)
    assert (places[0], places[-1]) == (0.0, 1.0)
    assert scale(0.001) > 0.1
    assert Scale([])(1.0) == 0.0


def drawn(station: FakeStation, bench: Bench, pin_map: Path) -> str:
    fail = code_module(raising(ValueError("no")), name="a < b\x1b & c")
    return picture(SequenceRunner(bench_sequence(bench, pin_map, bench.use, fail), station).run())


def test___picture___drawn___is_svg_with_steps_sessions_and_both_palettes(
    station: FakeStation, bench: Bench, pin_map: Path
) -> None:
    svg = drawn(station, bench, pin_map)

    texts = [text for text in ET.fromstring(svg).itertext() if text.strip()]
    for expected in ("Steps", SESSION, "Main: a < b  & c", "Setup: create", "reserved by 3 use"):
        assert any(expected in text for text in texts), expected
    assert "prefers-color-scheme: dark" in svg
    assert 'width="100%"' in svg


def test___label_that_does_not_fit___drawn___is_cut_and_its_tip_says_all(
    station: FakeStation,
) -> None:
    name = "a step with a name that is far too long for the bar that it has " * 3
    steps = [Step(name, lambda _: None), Step("short", lambda _: None)]
    svg = picture(SequenceRunner(SequenceFile(main=steps), station).run())

    texts = [text for text in ET.fromstring(svg).itertext() if text.strip()]
    assert any(text.startswith("1 a step") and text.endswith("…") for text in texts)
    assert any(name.strip() in text for text in texts)
    assert "2 short" in texts


_CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.mark.skipif(_CHROMIUM is None, reason="Chromium is not installed")
def test___picture___in_a_browser___fits_any_width(
    station: FakeStation, bench: Bench, pin_map: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    script = """<script>const widths = [1200, 320].map(width => {
      document.body.style.width = width + "px";
      const boxes = [...document.querySelectorAll("svg svg rect")]
        .map(rect => rect.getBoundingClientRect());
      const least = Math.min(...boxes.map(box => box.width));
      const right = Math.max(...boxes.map(box => box.right));
      return [boxes.length > 8, least > 1, right <= width];
    }); document.title = JSON.stringify(widths);</script>"""
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><title>-</title><body style="margin:0">'
        f"{drawn(station, bench, pin_map)}{script}",
        encoding="utf-8",
    )

    assert _CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    done = subprocess.run(
        [_CHROMIUM, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert "<title>[[true,true,true],[true,true,true]]</title>" in done.stdout
