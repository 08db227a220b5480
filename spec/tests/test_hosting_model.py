"""The hosting model: how a server may start and end, and by which name it is refused."""

from __future__ import annotations

import pytest

from session_spec.class_models.hosting import HostingModel
from session_spec.examples import parse_example
from session_spec.judge import judge

SERVE = "Serve(127.0.0.1:50051)"
REGISTER = "Register(localhost:50051) -> OK"
UNREGISTER = "Unregister() -> OK"
UP = ("Start()", SERVE, REGISTER)
OPTIONAL = ("Start(discovery=optional)", SERVE)


def refusals(*lines: str, reference: bool = True) -> set[str]:
    """The requirements that the server violates; none when it is right."""
    events = parse_example(list(lines), 1).events
    no_order = judge(events, HostingModel(reference=reference))
    return {violation.requirement for violation in no_order.violations} if no_order else set()


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize("way", ["SIGINT", "SIGTERM", "CTRL_BREAK", "Enter"])
def test___server_that_is_up___orderly_stop___accepted(way: str, reference: bool) -> None:
    lines = (*UP, "Wait()", f"Stop({way})", UNREGISTER, "Exit(0)")

    assert refusals(*lines, reference=reference) == set()


@pytest.mark.parametrize(
    ("lines", "requirement"),
    [
        (["Start()", REGISTER], "HOST-SERVE-FIRST"),
        (["Start()", SERVE, "Register(localhost:1) -> OK"], "HOST-SERVE-FIRST"),
        ([*UP, "a: Call() -> UNAVAILABLE"], "HOST-SERVE-FIRST"),
        (["Start()", SERVE, "Wait()"], "HOST-REGISTERS"),
        (["Start()", SERVE, "Register(localhost:50051) -> INTERNAL", "Wait()"], "HOST-REGISTERS"),
        ([*UP, UNREGISTER, "Wait()"], "HOST-REGISTERS"),
        ([*UP, "Stop(SIGTERM)", "Exit(0)"], "HOST-UNREGISTERS"),
        ([*UP, "Stop(SIGTERM)", UNREGISTER, "Exit(143)"], "HOST-EXIT-CODE"),
        ([*UP, "Stop(SIGTERM)", UNREGISTER, "Wait()"], "HOST-EXIT-CODE"),
    ],
)
def test___server_with_the_claim___one_fault___refused_by_its_name(
    lines: list[str], requirement: str
) -> None:
    assert refusals(*lines, reference=False) == {requirement}


@pytest.mark.parametrize(
    ("lines", "requirement"),
    [
        (["Start()", "Serve(0.0.0.0:50051)"], "HOST-LOOPBACK"),
        (["Start(host=10.0.0.5)", "Serve(10.0.0.6:50051)"], "HOST-LOOPBACK"),
        ([*UP, "Stop(SIGINT)", "Wait()"], "HOST-SIGNALS"),
        ([*UP, "Stop(Enter)", "Wait()"], "HOST-ENTER"),
        ([*UP, "StdinClosed()", UNREGISTER, "Exit(0)"], "HOST-STDIN-IGNORED"),
        (["DiscoveryLost()", "Start(discovery=optional)", "Exit(1)"], "HOST-DISCOVERY-OPTIONAL"),
        (["DiscoveryLost()", *OPTIONAL, "DiscoveryBack()", "Wait()"], "HOST-DISCOVERY-OPTIONAL"),
        ([*OPTIONAL, "Wait()"], "HOST-REGISTERS"),
        (["Start(discovery=off)", SERVE, REGISTER], "HOST-WITHOUT-DISCOVERY"),
        (["Start(discovery=off)", SERVE, "Wait()"], "HOST-WITHOUT-DISCOVERY"),
        (["Start(discovery=off)", "Ready(127.0.0.1:50051)"], "HOST-WITHOUT-DISCOVERY"),
        (["Start(discovery=off, port=50052)", SERVE], "HOST-WITHOUT-DISCOVERY"),
    ],
)
def test___reference_server___one_fault___refused_by_its_name(
    lines: list[str], requirement: str
) -> None:
    assert refusals(*lines) == {requirement}


@pytest.mark.parametrize(
    "lines",
    [
        [*UP, "StdinClosed()", "Exit(0)"],
        ["Start()", "Serve(0.0.0.0:50051)"],
        ["DiscoveryLost()", *OPTIONAL, "Exit(1)"],
    ],
)
def test___what_binds_the_references_only___server_with_the_claim___accepted(
    lines: list[str],
) -> None:
    assert refusals(*lines, reference=False) == set()


@pytest.mark.parametrize("served", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"])
def test___loopback_in_any_spelling___served___accepted(served: str) -> None:
    assert refusals("Start()", f"Serve({served}:50051)", REGISTER, "Wait()") == set()


def test___port_zero___any_port_and_a_ready_file___accepted() -> None:
    lines = ("Start(discovery=off, port=0)", SERVE, "Ready(127.0.0.1:50051)", "Wait()")

    assert refusals(*lines) == set()


def test___call_that_runs___stopped_within_the_grace_period___refused() -> None:
    stopping = (*UP, "a: Begin()", "Stop(SIGTERM)", UNREGISTER)

    assert refusals(*stopping, "a: Answer() -> UNAVAILABLE") == {"HOST-CALLS-FINISH"}
    assert refusals(*stopping, "Exit(0)") == {"HOST-CALLS-FINISH"}
    assert refusals(*stopping, "a: Answer() -> OK", "Exit(0)") == set()


@pytest.mark.parametrize("code", ["CANCELLED", "UNKNOWN", "INTERNAL", "UNAVAILABLE"])
def test___call_that_runs___aborted_in_any_way_by_the_stop___refused(code: str) -> None:
    stopping = (*UP, "a: Begin()", "Stop(SIGTERM)", UNREGISTER)

    assert refusals(*stopping, f"a: Answer() -> {code}") == {"HOST-CALLS-FINISH"}
    assert refusals(*stopping, "Wait()", f"a: Answer() -> {code}", "Exit(0)") == set()


def test___call_with_an_error_of_its_own___answered_before_the_stop___accepted() -> None:
    lines = (*UP, "a: Begin()", "a: Answer() -> INTERNAL", "Stop(SIGTERM)", UNREGISTER, "Exit(0)")

    assert refusals(*lines) == set()


@pytest.mark.parametrize("code", ["CANCELLED", "UNAVAILABLE"])
def test___call_that_begins_after_the_stop___turned_away___accepted(code: str) -> None:
    stopping = (*UP, "Stop(SIGTERM)", "b: Begin()")

    assert refusals(*stopping, f"b: Answer() -> {code}", UNREGISTER, "Exit(0)") == set()
    assert refusals(*stopping, UNREGISTER, "Exit(0)") == set()


@pytest.mark.parametrize("over", ["Wait()", "Stop(SIGTERM)"])
def test___grace_period_over___call_is_cut_off___accepted(over: str) -> None:
    lines = (*UP, "a: Begin()", "Stop(SIGTERM)", UNREGISTER, over, "a: Answer() -> UNAVAILABLE")

    assert refusals(*lines, "Exit(0)") == set()


def test___grace_period_over___it_runs_on___refused() -> None:
    lines = (*UP, "a: Begin()", "Stop(SIGTERM)", UNREGISTER, "Wait()", "Wait()")

    assert refusals(*lines) == {"HOST-SIGNALS"}


def test___call_after_the_stop___turned_away___accepted() -> None:
    lines = (*UP, "Stop(SIGTERM)", "a: Call() -> UNAVAILABLE", UNREGISTER, "Exit(0)")

    assert refusals(*lines) == set()


def test___discovery_that_is_gone___orderly_stop___needs_no_registration_taken_back() -> None:
    tried = (*UP, "Stop(SIGTERM)", "Unregister() -> UNAVAILABLE", "Exit(0)")

    assert refusals(*tried) == set()
    assert refusals(*UP, "DiscoveryLost()", "Stop(SIGTERM)", "Exit(0)") == set()


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED"])
def test___discovery_that_is_up___unregistering_failed___refused(code: str) -> None:
    tried = (*UP, "Stop(SIGTERM)", f"Unregister() -> {code}")

    assert refusals(*tried, "Exit(0)") == {"HOST-UNREGISTERS"}
    assert refusals(*tried, UNREGISTER, "Exit(0)") == set()


def test___optional_discovery_that_comes_and_goes___served_throughout___accepted() -> None:
    lines = (*OPTIONAL, REGISTER, "DiscoveryLost()", "Wait()", "a: Call() -> OK")

    assert refusals(*lines, "DiscoveryBack()", REGISTER, "Wait()") == set()


def test___stdin_that_is_watched___closed___server_stops_in_order() -> None:
    lines = ("Start(stop-on-stdin-close)", SERVE, REGISTER, "StdinClosed()")

    assert refusals(*lines, UNREGISTER, "Exit(0)") == set()
    assert refusals(*lines, "Exit(0)") == {"HOST-UNREGISTERS"}
    assert refusals(*lines, "Wait()") == {"HOST-STDIN-IGNORED"}


def test___server_that_crashed___started_again___newest_registration_counts() -> None:
    again = ("Start()", "Serve(127.0.0.1:50077)", "Register(localhost:50077) -> OK", "Wait()")

    assert refusals(*UP, "Exit(139)", *again) == set()


@pytest.mark.parametrize("line", ["Stop(SIGKILL)", "Restart()", "Serve()"])
def test___line_that_hosting_does_not_know___judged___error_quotes_it(line: str) -> None:
    with pytest.raises(ValueError, match=line.split("(", maxsplit=1)[0]):
        refusals("Start()", line)
