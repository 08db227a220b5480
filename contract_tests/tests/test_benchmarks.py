"""The benchmark in short: each part measures, and a reference that became slow is noticed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks import (
    bench,
    checker,
    devices,
    direct,
    durable,
    logs,
    pin_maps,
    references,
    short,
    station,
)
from benchmarks.figures import Curve, Figure, Findings, Rate, Rounds, Spread, alone, together
from benchmarks.servers import started

ONE = Spread(1.0, 0.9, 1.1)


@pytest.mark.timeout(240)
def test___reference_servers___beside_an_echo___none_became_slow(tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = {
            "echo": stack.enter_context(started("echo", 0, tmp_path / "echo")),
            "1": stack.enter_context(started("reference", 0, tmp_path / "one")),
            "300": stack.enter_context(started("reference", 300, tmp_path / "many")),
        }
        clients = {
            name: references.calls(stack.enter_context(server.channel()), server.folder)
            for name, server in servers.items()
        }

        compared = short.compare(clients)

    slow = {what: one.lagging() for what, one in compared.items() if one.lagging()}
    if slow and all(compared[what].cannot_tell for what in slow):
        pytest.skip(f"the machine is too busy to tell: {slow}")
    assert slow == {}


def test___a_reference_that_is_slow___beside_an_echo___is_told_with_what_it_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reached = {"LogMeasurementData": 0.65, "ReadRegister": 0.95} | dict.fromkeys(
        references.SINGLE, 0.41
    )

    def sides(_: object, what: str) -> dict[str, Rate]:
        return {"echo": lambda _: 1000.0, "1": lambda _: 1000.0 * reached[what]}

    monkeypatch.setattr(short, "sides", sides)
    found = short.compare({"echo": {}, "1": {}})

    assert {what: one.lagging() for what, one in found.items() if one.lagging()} == {
        "LogMeasurementData": {"1": 0.65}
    }
    assert not any(one.cannot_tell for one in found.values())


def test___others_disturb___compared___the_best_rates_count() -> None:
    busy, calm = [1000.0, 400.0, 500.0], [1000.0, 900.0, 950.0]
    slow = short.Compared(0.9, {"echo": busy, "1": [100, 890, 200]})
    fast = short.Compared(0.9, {"echo": calm, "1": [100, 910, 200]})
    very_slow = short.Compared(0.9, {"echo": busy, "1": [100, 500, 200]})

    assert slow.lagging() == {"1": 0.89}
    assert slow.cannot_tell
    assert not short.Compared(0.9, {"echo": calm, "1": [890, 890, 200]}).cannot_tell
    assert very_slow.lagging()
    assert not very_slow.cannot_tell
    assert fast.lagging() == {}


@pytest.mark.timeout(240)
def test___the_fake_device_server___beside_an_echo___did_not_become_slow() -> None:
    pytest.importorskip("nidmm", reason="the extra drivers is not installed")

    slow = devices.lagging()

    if slow and all(compared.cannot_tell for compared in slow.values()):
        pytest.skip(f"the machine is too busy to tell: {slow}")
    assert {name: compared.lagging() for name, compared in slow.items()} == {}


def test___a_device_server_that_is_slow___beside_an_echo___no_lucky_round_hides_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds = itertools.count(1)

    def echo(_: float) -> float:
        return 1000.0 if next(rounds) % 10 else 100.0

    def sides() -> Iterator[tuple[str, Rate, Rate]]:
        yield "Read", lambda _: 550.0, echo
        yield "GetAttributeViReal64", lambda _: 900.0, lambda _: 1000.0

    monkeypatch.setattr(devices, "_sides", sides)

    found = devices.lagging()

    assert {name: compared.lagging() for name, compared in found.items()} == {
        "Read": {"ours": 0.55}
    }


def test___few_samples___devices___measured_with_their_aims() -> None:
    pytest.importorskip("nidmm", reason="the extra drivers is not installed")
    pytest.importorskip("niscope", reason="the extra drivers is not installed")
    found = Findings()

    devices.measure(found, 1, waveforms=2, samples=1000)

    assert [figure.aim for figure in found.figures] == ["≥ 0.8"] * 3 + ["≤ 0.5"]
    assert all(figure.spread.median > 0 for figure in found.figures)


def test___small_amounts___each_part___measures_what_it_should(tmp_path: Path) -> None:
    found = Findings()

    direct.measure(found, tmp_path / "direct", 1, 20)
    logs.measure(found, tmp_path / "logs", 1, 1)
    durable.measure(found, tmp_path / "durable", 1)
    pin_maps.measure(found, ((4, 1), (8, 1), (8, 2)))
    station.measure(found, tmp_path / "station", station.Amount(2, 20, 1, 1, 1))
    found.figures += checker_figures()

    parts = {figure.part for figure in found.figures}
    assert len(parts) == 6
    assert all(figure.spread.median > 0 for figure in found.figures if figure.unit)
    assert len([figure for figure in found.figures if figure.aim]) == 19
    assert all(not figure.spread.median for figure in found.figures if "plugin" in figure.what)


def checker_figures() -> list[Figure]:
    found = Findings()
    checker.measure(found, 1, (50, 100))
    assert [curve.name for curve in found.curves] == ["checker"]
    return found.figures


def test___few_rounds___references_over_grpc___each_call_has_its_figures(tmp_path: Path) -> None:
    found = Findings()

    references.measure(found, tmp_path, 1, [20])

    told = [figure.what for figure in found.figures]
    for what in references.AIMS:
        for more in ("1 open session", "20 open sessions", "8 clients at once"):
            assert f"{what}, {more}" in told
    assert set(references.OTHERS) <= set(told)
    assert len(found.curves[0].lines) == len(references.AIMS)
    (held,) = (figure for figure in found.figures if "descriptors" in figure.what)
    assert 20 < held.spread.median < 200


def test___a_command_line___bench___writes_what_the_site_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(found: Findings) -> None:
        found.add(Figure("P", "slow", ONE, least=2.0))
        found.curves.append(Curve("c", "C", "x", "y", {"a": [(1, 1.0)]}))

    monkeypatch.setattr(bench, "parts", lambda *_: {"part": measure})  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    out = tmp_path / "out.json"

    assert bench.main(["--json", str(out)]) == 0
    assert bench.main(["--json", str(out), "--strict"]) == 1
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["figures"][0]["verdict"] == "missed"
    assert {"date", "system", "processor", "Python", "grpcio"} <= set(written["machine"])
    assert "1 figures, 1 aims missed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("least", "most", "verdict"),
    [(None, None, ""), (0.9, None, "met"), (1.1, None, "missed"), (None, 1, "met"),
     (None, 0.5, "missed")],
)  # fmt: skip
def test___a_figure___verdict___is_that_of_its_aim(
    least: float | None, most: float | None, verdict: str
) -> None:
    figure = Figure("P", "x", ONE, least=least, most=most)

    assert figure.verdict == verdict
    assert figure.line().endswith(verdict or "1.1)")


def test___rates_of_rounds___ratio___is_of_neighbours_in_time() -> None:
    rounds = Rounds({"a": [10, 100, 1000], "b": [20, 100, 4000]})

    assert rounds.ratio("a", "b") == Spread(0.5, 0.375, 0.75)
    assert rounds.rate("a").median == 100
    assert rounds.seconds("b").median == pytest.approx(0.01)


def test___calls___rate___counts_them_all() -> None:
    done: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        rate = together([lambda: done.append(1), lambda: done.append(2)], pool)(0.01)
    called = len(done)
    alone(lambda: done.append(3))(0.01)

    assert rate > 0
    assert {1, 2} == set(done[:called])
    assert done.count(3) > 0
