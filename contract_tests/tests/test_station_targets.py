"""How a station is named, by flags or a file, and what is said when it cannot be judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from session_contract.doctor import Step
from session_contract.running.classes import load_any_target
from session_contract.running.flags import load
from session_contract.station.doctor import examine
from session_contract.station.target import StationTarget
from session_contract.subject.target import Command, TargetError, Unreachable
from session_fakes.station import FakeStation

if TYPE_CHECKING:
    from tests.small_runs import SmallRuns

HOUSE = Path(__file__).resolve().parents[2]


@pytest.fixture
def station() -> Iterator[FakeStation]:
    """A station that is right."""
    with FakeStation() as station:
        yield station


def test___the_target_file_of_the_fakes___loaded___is_a_station_that_is_ours() -> None:
    target = load_any_target(HOUSE / "contract_tests" / "targets" / "station.toml")

    assert isinstance(target, StationTarget)
    assert isinstance(target.place, Command)
    assert target.is_ours
    assert target.conformance_class == "station"


def test___an_address___loaded___is_a_foreign_station() -> None:
    target = load({"station": "localhost:42000"})

    assert isinstance(target, StationTarget)
    assert target.where == "localhost:42000"
    assert not target.is_ours


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"station": "localhost"}, "write host and port"),
        ({"station": "localhost:1", "proto": "x.proto"}, "--proto is for a server"),
        ({"station": "localhost:1", "claim": ["use"]}, "has 'use'; known are reference"),
        ({"station": "localhost:1", "address": "localhost:2"}, "stand together"),
    ],
)
def test___flags_that_name_no_station___loaded___are_refused_with_the_remedy(
    given: dict[str, object], words: str
) -> None:
    with pytest.raises(TargetError, match=words):
        load(given)


def test___the_look_up_of_ni___where_there_is_none___says_what_to_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> str:
        raise NotImplementedError("Platform not supported.")

    place = "ni.measurementlink.discovery.v1.client._support._get_discovery_service_address"
    monkeypatch.setattr(place, fail)

    with pytest.raises(TargetError, match="Give the address of the station as HOST:PORT"):
        load({"station": "ni"})


def test___the_look_up_of_ni___where_there_is_one___is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = "ni.measurementlink.discovery.v1.client._support._get_discovery_service_address"
    monkeypatch.setattr(place, lambda: "localhost:42001")

    assert load({"station": "ni"}).where == "localhost:42001"


def test___a_servicer___as_a_station___is_refused(tmp_path: Path) -> None:
    file = tmp_path / "target.toml"
    file.write_text('[target]\nclass = "station"\nname = "x"\nservicer = "a:b"\n')

    with pytest.raises(TargetError, match="is for a server"):
        load_any_target(file)


def test___a_station___examined___says_where_its_services_are(
    station: FakeStation, tmp_path: Path
) -> None:
    steps = list(examine(_target(station.discovery_address), tmp_path))

    assert not any(step.failed for step in steps)
    assert _text(steps, "pin map").endswith(station.pin_map_service.address.rpartition(":")[2])
    assert "are left out" in _text(steps, "our choices")


def _target(address: str) -> StationTarget:
    target = load({"station": address})
    assert isinstance(target, StationTarget)
    return target


def _text(steps: list[Step], name: str) -> str:
    return next(step.text for step in steps if step.name == name)


def test___a_server_that_is_no_discovery___examined___says_so(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with pytest.raises(Unreachable, match="Is this the address of a Discovery"):
                list(examine(_target(f"127.0.0.1:{port}"), tmp_path))
        finally:
            server.stop(0).wait()


def test___a_station___judged_by_the_command___needs_an_address_only(
    runs: SmallRuns, station: FakeStation
) -> None:
    left = runs.command(
        "run", "--station", station.discovery_address, "--quick", "-k", "test_registering"
    )

    # Only some checks ran: nothing is said of the others.
    assert left.exit_code == 5
    assert "DISC-REGISTER-PORT" in left.stdout
    assert "our choice: does not count" in left.stdout
    assert "38 requirements" in left.stdout


def test___a_station_that_is_wrong___judged_by_the_command___source_and_calls_are_told(
    runs: SmallRuns, station: FakeStation
) -> None:
    station.faults.on("EnumerateServices").fail("INTERNAL", "broken")

    left = runs.command(
        "run", "--station", station.discovery_address, "--quick", "-k", "DISC-ENUMERATE"
    )

    assert left.exit_code == 1
    assert "DISC-ENUMERATE" in left.stdout
    assert 'EnumerateServices("") -> INTERNAL' in left.stdout
    assert "Source: documented in NI's proto" in left.stdout


def test___nobody_at_the_address___judged_by_the_command___unreachable(runs: SmallRuns) -> None:
    with FakeStation() as station:
        address = station.discovery_address
    runs.file("target.toml", _DEAD.format(address=address))

    left = runs.run("-k", "DISC-UNREGISTER")

    assert left.exit_code == 3
    assert "Nobody answers" in left.stdout


_DEAD = """
[target]
class = "station"
name = "gone"
address = "{address}"
[limits]
call = 0.5
"""


def test___init___of_a_station___says_that_it_needs_none(runs: SmallRuns) -> None:
    from click.testing import CliRunner

    from session_contract.cli import cli

    del runs
    result = CliRunner().invoke(cli, ["init", "--station", "localhost:1"])

    assert result.exit_code == 2
    assert "judge it with run --station" in result.output
