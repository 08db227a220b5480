"""The pytest plugin: fixtures, marker, leak audit, each in a test run of its own."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

# An inner run forgets what it imported, and gRPC cannot be imported twice: it is imported here.
from ni.measurementlink.discovery.v1.client import DiscoveryClient
from ni.measurementlink.pinmap.v1.client import PinMapClient
from ni.measurementlink.sessionmanagement.v1.client import PinMapContext, SessionManagementClient

from session_fakes import audit
from session_fakes.channels import ChannelWatch
from session_fakes.pytest_plugin import MakeFakeStation
from session_fakes.station import FakeStation

pytest_plugins = ["pytester"]
LIMIT = 60.0
IMPORTED = (grpc, DiscoveryClient, PinMapClient, FakeStation)
PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments><NIDmmInstrument name="DMM1"/><NIDmmInstrument name="DMM2"/></Instruments>
  <Pins><DUTPin name="A"/><DUTPin name="B"/></Pins><PinGroups/>
  <Sites><Site siteNumber="0"/></Sites>
  <Connections>
    <Connection pin="A" siteNumber="0" instrument="DMM1" channel="0"/>
    <Connection pin="B" siteNumber="0" instrument="DMM2" channel="0"/>
  </Connections>
</PinMap>
"""
HEAD = """
import grpc, pytest
from ni.measurementlink.discovery.v1.client import DiscoveryClient, ServiceLocation
from ni.measurementlink.discovery.v1.client import ServiceInfo
from ni.measurementlink.pinmap.v1.client import PinMapClient
from ni.measurementlink.sessionmanagement.v1.client import PinMapContext, SessionManagementClient
from ni_grpc_extensions.channelpool import GrpcChannelPool

def reserve(client, station, pins=None):
    return client.reserve_sessions(PinMapContext(station.pin_map_id, None), pins, timeout=0)

KEPT = []
"""
MARK = '@pytest.mark.fake_station(pin_map="bench.pinmap")'

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run a test module in this process, with warnings as errors, beside a pin map."""
    (pytester.path / "bench.pinmap").write_text(PIN_MAP, encoding="utf-8")

    def running(source: str, *arguments: str) -> pytest.RunResult:
        (pytester.path / "test_inner.py").write_text(HEAD + inspect.cleandoc(source), "utf-8")
        plain = ("-W", "error", "-p", "no:cacheprovider", "--strict-markers", "--strict-config")
        return pytester.runpytest_inprocess(*plain, *arguments)

    return running


def line(pytester: pytest.Pytester, what: str) -> str:
    """Where the inner module has a text, as the audit tells it."""
    lines = (pytester.path / "test_inner.py").read_text("utf-8").splitlines()
    number = next(number for number, text in enumerate(lines, 1) if what in text)
    return f"at '*test_inner.py:{number}'"


LEAKING = f"""
{MARK}
def test_it(fake_station):
    with SessionManagementClient() as client:
        reserve(client, fake_station)
"""


def test___plug_in___imported___loads_no_grpc() -> None:
    code = (
        "import sys, session_fakes.pytest_plugin\n"
        "heavy = {'grpc', 'google', 'ni', 'session_fakes.station', 'ni_grpc_extensions'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=LIMIT
    )

    assert (done.returncode, done.stderr) == (0, "")


def test___test_without_station___run___loads_no_grpc(pytester: pytest.Pytester) -> None:
    source = "def test_it():\n    import sys\n    assert 'grpc' not in sys.modules"
    (pytester.path / "test_inner.py").write_text(source, "utf-8")

    # Without pytest-grpc, which may be installed and loads gRPC whatever the tests are.
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:grpc")

    result.assert_outcomes(passed=1)


def test___several_tests___each_with_a_station___each_fresh(run: Run) -> None:
    result = run(
        f"""
        @pytest.mark.parametrize("_", range(3))
        {MARK}
        def test_it(fake_station, _):
            with SessionManagementClient() as client:
                with reserve(client, fake_station) as reservation:
                    assert len(reservation.session_info) == 2
            fake_station.calls.assert_called("ReserveSessions", times=1)
            assert fake_station.leaks() == []
        """
    )

    result.assert_outcomes(passed=3)


def test___reservation_kept___test_passes___fails_in_teardown_with_line_and_remedy(
    run: Run, pytester: pytest.Pytester
) -> None:
    result = run(LEAKING)

    place = line(pytester, "return client.reserve_sessions")

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "The test passed, but left 2 things behind:",
            f"  1. reservation niDMM-DMM1, by program *, this process, {place}, peer *",
            "     Leave the `with` block of the reservation, or call its unreserve()*",
            "  2. reservation niDMM-DMM2, by *",
            "*fake station calls*",
            "* ReserveSessions -> OK",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "pytest_plugin.py" not in result.stdout.str()


def test___registration_and_service_kept___test_passes___each_is_named(
    run: Run, pytester: pytest.Pytester
) -> None:
    result = run(
        f"""
        {MARK}
        def test_it(fake_station):
            with SessionManagementClient() as client, reserve(client, fake_station, "A") as held:
                client.register_sessions(held.session_info)
            with GrpcChannelPool() as pool:
                DiscoveryClient(grpc_channel_pool=pool).register_service(
                    ServiceInfo("my.Class", "", ["my.Interface"], display_name="Mine"),
                    ServiceLocation("localhost", "1", ""),
                )
        """
    )

    registered = line(pytester, "client.register_sessions(")
    made = line(pytester, "register_service(")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "The test passed, but left 2 things behind:",
            f"  1. session registration niDMM-DMM1, by *this process, {registered}, peer *",
            "     Call unregister_sessions()*",
            f"  2. service Mine (my.Class), by program *, this process, {made}, peer *",
            "     Call unregister_service()*",
        ]
    )


def test___multiplexer_registration_kept___test_passes___is_named(run: Run) -> None:
    result = run(
        """
        from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as pb
        from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2_grpc as g

        def test_it(fake_station):
            address = fake_station.session_management.address
            info = pb.MultiplexerSessionInformation(
                session={"name": "MUX"}, resource_name="MUX", multiplexer_type_id="t"
            )
            with grpc.insecure_channel(address) as channel:
                stub = g.SessionManagementServiceStub(channel)
                stub.RegisterMultiplexerSessions(
                    pb.RegisterMultiplexerSessionsRequest(multiplexer_sessions=[info])
                )
        """
    )

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["  1. multiplexer registration MUX, by peer *", "*unregister_multiplexer_sessions()*"]
    )


def test___channels_kept___test_passes___are_named_with_the_line(
    run: Run, pytester: pytest.Pytester
) -> None:
    result = run(
        f"""
        {MARK}
        def test_it(fake_station):
            KEPT.append(DiscoveryClient())
            KEPT[0].enumerate_compute_nodes()
        """
    )

    place = line(pytester, "KEPT[0].enumerate")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "The test passed, but left 1 thing behind:",
            f"  1. channel to localhost:*, by this process, {place}",
            "     Use the client, or the channel, in a `with` block, or close the *",
        ]
    )


@pytest.mark.parametrize("by", ["address", "stub"])
def test___raw_channel_to_the_station_kept___test_passes___is_named_with_the_line(
    run: Run, pytester: pytest.Pytester, by: str
) -> None:
    result = run(
        f"""
        {MARK}
        def test_it(fake_station):
            channel = grpc.insecure_channel(fake_station.session_management.address)
            client = SessionManagementClient(grpc_channel=channel)
            with reserve(client, fake_station):
                KEPT.append(channel if {by == "address"} else client)
        """
    )

    place = line(pytester, "channel = grpc.")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "The test passed, but left 1 thing behind:",
            f"  1. channel to localhost:*, by this process, {place}",
            "     Use the client, or the channel, in a `with` block,*",
        ]
    )


def test___raw_channels_closed_or_to_others___test_passes___no_leak(run: Run) -> None:
    result = run(
        """
        def test_it(fake_station):
            address = fake_station.discovery.address
            KEPT.append(grpc.insecure_channel("localhost:1"))
            KEPT.append(grpc.insecure_channel(address))
            with KEPT[-1] as channel:
                assert isinstance(channel, grpc.Channel)
            KEPT.append(grpc.insecure_channel(target=address, options=()))
            KEPT[-1].close()
            grpc.insecure_channel(address).unary_unary("/a/b")
        """
    )

    result.assert_outcomes(passed=1)


def test___call_still_waiting___test_passes___is_a_leak(
    run: Run, pytester: pytest.Pytester
) -> None:
    result = run(
        f"""
        import threading

        def wait(station):
            with SessionManagementClient() as client, pytest.raises(grpc.RpcError):
                client.reserve_sessions(PinMapContext(station.pin_map_id, None), "A", timeout=-1)

        {MARK}
        def test_it(fake_station):
            with SessionManagementClient() as client:
                reserve(client, fake_station, "A")
            KEPT.append(threading.Thread(target=wait, args=[fake_station]))
            KEPT[0].start()
            while not fake_station.waiting():
                pass

        def test_end():
            KEPT[0].join()
        """
    )

    place = line(pytester, "timeout=-1")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            f"  2. waiting call for 'niDMM-DMM1', by *this process, {place}, peer *",
            "     Have the call end before the test does*",
        ]
    )


def test___launched_plug_in_forgotten___test_ends___is_told_and_ended(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("session_fakes.launch._ENTER_TIME", 0.1)
    (pytester.path / "service.py").write_text(STARTED, "utf-8")
    result = run(
        """
        import sys

        def test_it(fake_station):
            KEPT.append(fake_station.launch([sys.executable, "service.py"]))

        def test_ended():
            assert KEPT[0].returncode is not None
        """
    )

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["  1. service Started (my.Started), by program *service.py*"])


def test___channels_closed_collected_or_closed_by_a_late_fixture___test_passes___no_leak(
    run: Run,
) -> None:
    result = run(
        f"""
        @pytest.fixture
        def late():
            with PinMapClient() as client:
                yield client

        class Ring:
            def __init__(self):
                self.self, self.client = self, DiscoveryClient()

        {MARK}
        def test_it(late, fake_station):
            late.update_pin_map(fake_station.pin_map_id)
            PinMapClient().update_pin_map(fake_station.pin_map_id)
            Ring().client.enumerate_compute_nodes()
            with GrpcChannelPool() as pool:
                DiscoveryClient(grpc_channel_pool=pool).enumerate_compute_nodes()
                KEPT.append(pool.get_channel("localhost:1"))
        """
    )

    result.assert_outcomes(passed=1)


def test___grpc___watched_and_left___is_as_it_was(run: Run) -> None:
    before = grpc.insecure_channel

    result = run(
        f"""
        {MARK}
        def test_it(fake_station):
            assert grpc.insecure_channel.__module__ == "session_fakes.channels"
            1 / 0
        """
    )

    result.assert_outcomes(failed=1)
    assert grpc.insecure_channel is before


def test___failed_test___leaves_things___they_and_the_calls_are_in_the_report(run: Run) -> None:
    result = run(LEAKING + "        assert False, 'my own fault'\n")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*my own fault*",
            "*fake station calls*",
            "* EnumerateComputeNodes -> OK",
            "* ReserveSessions -> OK",
            "*fake station: left behind at teardown*",
            "  1. reservation niDMM-DMM1, by *",
        ]
    )


def test___failed_test___many_calls___last_20_are_shown(run: Run) -> None:
    result = run(
        """
        def test_it(fake_station):
            with GrpcChannelPool() as pool:
                client = DiscoveryClient(grpc_channel_pool=pool)
                for _ in range(25):
                    client.enumerate_compute_nodes()
            assert False
        """
    )

    text = result.stdout.str()
    assert "(5 earlier calls)" in text
    assert "\n6 EnumerateComputeNodes -> OK" in text
    assert text.count("EnumerateComputeNodes ->") == 20


@pytest.mark.parametrize("end", ["pytest.skip('later')", "pytest.xfail('known')"])
def test___skipped_or_xfailed_test___leaves_things___is_not_an_error(run: Run, end: str) -> None:
    result = run(LEAKING + f"        {end}\n")

    outcomes = result.parseoutcomes()
    assert "errors" not in outcomes
    assert outcomes.get("skipped", 0) + outcomes.get("xfailed", 0) == 1


def test___two_tests___only_one_leaks___only_that_is_blamed(run: Run) -> None:
    result = run(LEAKING + LEAKING.replace("test_it", "test_b").replace("reserve(client, ", "str("))

    result.assert_outcomes(passed=2, errors=1)


def test___internal_error___test_fails_too___is_an_error_always(run: Run) -> None:
    source = """
        @pytest.mark.fake_station(leaks="ignore")
        def test_it(fake_station):
            fake_station.internal_errors.append("Traceback: boom")
            assert {}
        """

    run(source.format("True")).assert_outcomes(passed=1, errors=1)
    result = run(source.format("False"))

    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["a fault of the fake station itself*", "Traceback: boom"])


def test___unused_fault___error_wanted___test_fails(run: Run) -> None:
    result = run(
        """
        @pytest.mark.fake_station(unused_faults="error")
        def test_it(fake_station):
            fake_station.faults.on("ReserveSessions").fail("UNAVAILABLE")

        def test_ignored(fake_station):
            fake_station.faults.on("ReserveSessions").fail("UNAVAILABLE")

        @pytest.mark.fake_station(unused_faults="error")
        def test_met(fake_station):
            fake_station.faults.on("EnumerateComputeNodes").fail("UNAVAILABLE")
            with GrpcChannelPool() as pool, pytest.raises(grpc.RpcError):
                DiscoveryClient(grpc_channel_pool=pool).enumerate_compute_nodes()
        """
    )

    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(
        [
            "The test passed, but no call has met:",
            "  fault on ReserveSessions (fail UNAVAILABLE)",
            "*ERROR *::test_it*",
        ]
    )


# Levels and settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ini", "flag", "marker", "error"),
    [
        ("error", "", "", 1),
        ("ignore", "", "", 0),
        ("ignore", "error", "", 1),
        ("error", "ignore", "", 0),
        ("error", "error", "ignore", 0),
        ("ignore", "ignore", "error", 1),
        ("error", "warn", "", 1),  # warnings are errors here
    ],
)
def test___level___given_in_several_places___the_nearest_counts(
    run: Run, pytester: pytest.Pytester, ini: str, flag: str, marker: str, error: int
) -> None:
    pytester.makeini(f"[pytest]\nfake_station_leaks = {ini}")
    mark = f"@pytest.mark.fake_station(leaks={marker!r})" if marker else ""

    result = run(mark + LEAKING, *([f"--fake-station-leaks={flag}"] if flag else []))

    result.assert_outcomes(passed=1, errors=error)


def test___level_warn___test_leaks___passes_with_a_warning(run: Run) -> None:
    result = run(LEAKING, "--fake-station-leaks=warn", "-W", "default")

    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*FakeStationWarning: The test passed, but left 2 things*"])


def test___bad_level_in_ini___run___is_refused(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nfake_station_leaks = eror")

    result = run(LEAKING)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: fake_station_leaks = eror: did you mean error? There*"])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("pinmap='x'", "has no pinmap=: did you mean pin_map?"),
        ("leeks='warn'", "has no leeks=: did you mean leaks?"),
        ("leaks='warning'", "(leaks='warning'): did you mean warn?"),
        ("unused_faults=False", "(unused_faults='False'): "),
        ("'bench.pinmap'", "takes its arguments by keyword"),
    ],
)
def test___bad_marker___run___is_refused_with_the_nearest(
    run: Run, arguments: str, text: str
) -> None:
    source = f"@pytest.mark.fake_station({arguments})\ndef test_it(fake_station): pass"

    result = run(source)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert text in result.stderr.str()
    assert "::test_it: @pytest.mark.fake_station" in result.stderr.str()


def test___marker___asked_for___is_documented(run: Run) -> None:
    result = run("", "--markers")

    result.stdout.fnmatch_lines(["@pytest.mark.fake_station(pin_map=None, *, leaks=*"])


def test___markers_of_module_and_test___both___the_nearest_counts_by_argument(run: Run) -> None:
    result = run(
        """
        pytestmark = pytest.mark.fake_station(pin_map="none.pinmap", prefixed_session_names=False)

        @pytest.mark.fake_station(pin_map="bench.pinmap")
        def test_it(fake_station):
            with SessionManagementClient() as client, reserve(client, fake_station, "A") as held:
                assert held.session_info[0].session_name == "DMM1"
        """
    )

    result.assert_outcomes(passed=1)


def test___pin_map___beside_the_test_or_in_the_rootdir___is_found(
    pytester: pytest.Pytester,
) -> None:
    for name in ("both.pinmap", "root.pinmap"):
        (pytester.path / name).write_text(PIN_MAP, encoding="utf-8")
    pytester.makeini("[pytest]")
    folder = pytester.mkdir("inner")
    (folder / "both.pinmap").write_text(PIN_MAP, encoding="utf-8")
    source = """
        import pathlib, pytest
        HERE = pathlib.Path(__file__).parent
        @pytest.mark.fake_station(pin_map="both.pinmap")
        def test_both(fake_station):
            assert fake_station.pin_map_id == str(HERE / "both.pinmap")
        @pytest.mark.fake_station(pin_map="root.pinmap")
        def test_root(fake_station):
            assert fake_station.pin_map_id == str(HERE.parent / "root.pinmap")
        @pytest.mark.fake_station(pin_map="gone.pinmap")
        def test_gone(fake_station):
            pass
        """
    (folder / "test_inner.py").write_text(inspect.cleandoc(source), encoding="utf-8")

    result = pytester.runpytest_inprocess("-W", "error")

    result.assert_outcomes(passed=2, errors=1)
    missing = "There is no fake station: the file 'gone.pinmap' is missing: there is neither *"
    result.stdout.fnmatch_lines([missing])


def test___bad_pin_map___fixture_asked_for___fails_in_one_sentence(
    run: Run, pytester: pytest.Pytester
) -> None:
    (pytester.path / "bad.pinmap").write_text("<no", encoding="utf-8")

    result = run("@pytest.mark.fake_station(pin_map='bad.pinmap')\ndef test_it(fake_station): 0")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["There is no fake station: *"])
    assert "pytest_plugin.py" not in result.stdout.str()


# More stations ------------------------------------------------------------------------------------


def test___stations_made___one_leaks___is_found_and_all_are_stopped(run: Run) -> None:
    result = run(
        """
        def test_it(make_fake_station):
            left, right = make_fake_station("bench.pinmap"), make_fake_station()
            KEPT.extend([left, right])
            with left.installed(), SessionManagementClient() as client:
                reserve(client, left, "A")
            with right.installed(), GrpcChannelPool() as pool:
                DiscoveryClient(grpc_channel_pool=pool).enumerate_compute_nodes()
            right.calls.assert_called("EnumerateComputeNodes")

        def test_stopped():
            assert [each.discovery.running for each in KEPT] == [False, False]
        """
    )

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "  1. reservation niDMM-DMM1, by *",
            "*fake station calls of station 1*",
            "* ReserveSessions -> OK",
            "*fake station calls of station 2*",
        ]
    )


def test___fixture_that_cleans_up___asks_for_the_station___no_leak(run: Run) -> None:
    result = run(
        f"""
        @pytest.fixture
        def held(fake_station):
            with SessionManagementClient() as client, reserve(client, fake_station) as held:
                yield held

        {MARK}
        def test_it(held):
            assert held.session_info
        """
    )

    result.assert_outcomes(passed=1)


def test___failing_fixture___in_teardown___its_error_and_the_leaks_are_told(run: Run) -> None:
    result = run(
        "@pytest.fixture\ndef bad(fake_station):\n    yield\n    raise ValueError('my fixture')\n"
        + LEAKING.replace("(fake_station)", "(bad, fake_station)")
    )

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["E *ValueError: my fixture", "*left behind at teardown*", "  1. reservation *"]
    )


STARTED = """
import threading
from ni.measurementlink.discovery.v1.client import DiscoveryClient, ServiceInfo, ServiceLocation
info = ServiceInfo("my.Started", "", ["my.I"], display_name="Started")
DiscoveryClient().register_service(info, ServiceLocation("localhost", "1", ""))
threading.Event().wait()
"""


def install_service(pytester: pytest.Pytester) -> None:
    """Have a file describe a service, which a script starts in a process of its own."""
    entry = {"displayName": "Started", "serviceClass": "my.Started", "providedInterface": "my.I"}
    (pytester.path / "service.py").write_text(STARTED, "utf-8")
    (pytester.path / "start.sh").write_text(f"#!/bin/sh\nexec '{sys.executable}' service.py\n")
    (pytester.path / "one.serviceconfig").write_text(
        json.dumps({"services": [{**entry, "path": "start.bat"}]}), "utf-8"
    )


@pytest.mark.skipif(os.name == "nt", reason="the service is started by a shell script")
def test___service_that_the_station_started___still_runs___no_leak(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pytester.mkdir("elsewhere"))
    install_service(pytester)

    result = run(
        """
        @pytest.mark.fake_station(service_configs=["one.serviceconfig"])
        def test_it(fake_station):
            with GrpcChannelPool() as pool:
                client = DiscoveryClient(grpc_channel_pool=pool)
                assert client.resolve_service("my.I", "my.Started").insecure_port == "1"
            assert "Started" in [view.display_name for view in fake_station.services()]
            assert fake_station.leaks() == []
        """,
        str(pytester.path / "test_inner.py"),
    )

    result.assert_outcomes(passed=1)


@pytest.mark.skipif(os.name == "nt", reason="the service is started by a shell script")
def test___class_that_the_station_started___registered_by_the_test_too___is_a_leak(
    run: Run, pytester: pytest.Pytester
) -> None:
    install_service(pytester)
    result = run(
        """
        @pytest.mark.fake_station(service_configs=["one.serviceconfig"])
        def test_it(fake_station):
            with GrpcChannelPool() as pool:
                client = DiscoveryClient(grpc_channel_pool=pool)
                client.resolve_service("my.I", "my.Started")
                client.register_service(
                    ServiceInfo("my.Started", "", ["my.I"], display_name="Mine"),
                    ServiceLocation("localhost", "2", ""),
                )
        """
    )

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["The test passed, but left 1 thing behind:", "  1. service Mine *"]
    )


def test___xdist___two_workers___same_verdicts(pytester: pytest.Pytester) -> None:
    (pytester.path / "bench.pinmap").write_text(PIN_MAP, encoding="utf-8")
    clean = LEAKING.replace("reserve(client, fake_station)", "client")
    bad = "@pytest.mark.fake_station(leeks=1)\ndef test_bad(fake_station): pass\n"
    for name, source in (("a", LEAKING), ("b", clean), ("c", bad)):
        (pytester.path / f"test_{name}.py").write_text(HEAD + source, "utf-8")

    result = pytester.runpytest_subprocess("-n", "2", "-W", "error", timeout=LIMIT)

    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(["*The test passed, but left 2 things behind:*"])
    result.stdout.fnmatch_lines(["*has no leeks=: did you mean leaks?*"])
    result.stdout.fnmatch_lines(["*fake station calls*"])


# Without pytest -----------------------------------------------------------------------------------


def test___station___checked___tells_leaks_and_faults_of_the_fakes(
    tmp_path: Path, make_fake_station: MakeFakeStation
) -> None:
    path = tmp_path / "bench.pinmap"
    path.write_text(PIN_MAP, encoding="utf-8")
    station = make_fake_station(path)
    with station.installed(), SessionManagementClient() as client:
        context = PinMapContext(station.pin_map_id, None)
        reservation = client.reserve_session(context, "A", timeout=0)
        held = audit.check(station)
        reservation.unreserve()

    assert len(held) == 1
    assert held[0].startswith("reservation niDMM-DMM1, by program ")
    assert f"{Path(__file__).name}:" in held[0]
    assert audit.check(station) == []


def test___call_given_up_a_moment_ago___leaks___waits_until_the_station_knows(
    make_fake_station: MakeFakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = make_fake_station()
    answers: list[list[str]] = [[], ["one"], ["one", "two"]]
    monkeypatch.setattr(station, "waiting", answers.pop)

    assert audit.leaks(station) == []

    assert answers == []


def test___channel_unlike_grpcs___watched___is_passed_on_and_not_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel = object()

    def of_another(_: str) -> object:
        return channel

    monkeypatch.setattr(grpc, "insecure_channel", of_another)
    watch = ChannelWatch()

    watch.start()
    made = grpc.insecure_channel("localhost:1")
    watch.stop()

    assert made is channel
    assert watch.still_open({1}) == []


def test___example_of_the_documentation___run___passes(run: Run, pytester: pytest.Pytester) -> None:
    for name in ("left", "right"):
        (pytester.path / f"{name}.pinmap").write_text(PIN_MAP, encoding="utf-8")
    text = inspect.getdoc(sys.modules[MakeFakeStation.__module__]) or ""
    example = text.partition("::\n\n")[2].partition("\nWhen the test")[0]

    result = run(inspect.cleandoc("\n" + example))

    result.assert_outcomes(passed=2)
