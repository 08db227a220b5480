"""Pin maps of growing size, loaded and resolved by the fake Pin Map Service, over gRPC."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ni.measurementlink.pinmap.v1 import pin_map_service_pb2 as pin_maps
from ni.measurementlink.pinmap.v1 import pin_map_service_pb2_grpc as pin_map_stubs

from benchmarks.figures import Curve, Figure, Findings, Spread
from long_runs.shared import channel_to, pin_map_xml
from session_fakes.station import FakeStation

PART = "Fake station, pin maps"
SIZES = ((1, 1), (10, 1), (100, 1), (250, 4), (500, 5), (625, 8), (625, 16))
"""Pins and sites; each pin is connected on each site: up to 10,000 connections."""
MOST = 1.5
"""What a connection of the largest map may cost, of what one costs in the maps before it."""


def measure(findings: Findings, sizes: tuple[tuple[int, int], ...] = SIZES) -> None:
    """The time to load each map, and to resolve all of its pins on all of its sites."""
    steps: dict[str, list[tuple[float, Spread]]] = {"load": [], "resolve": []}
    with FakeStation() as station, channel_to(station.pin_map_service.port) as channel:
        stub: Any = pin_map_stubs.PinMapServiceStub(channel)
        for pins, sites in sizes:
            for name, call in _calls(stub, pins, sites).items():
                steps[name].append((pins * sites, _milliseconds(call)))
    lines: dict[str, list[tuple[float, float]]] = {}
    for name, points in steps.items():
        lines[name] = [(size, spread.median) for size, spread in points]
        _add(findings, name, points)
    findings.curves.append(Curve("pin-maps", "Pin maps", "connections", "milliseconds", lines))


def _calls(stub: Any, pins: int, sites: int) -> dict[str, Callable[[], object]]:  # noqa: ANN401
    update = pin_maps.UpdatePinMapFromXmlRequest(
        pin_map_id="map", pin_map_xml=pin_map_xml(pins, sites)
    )
    query = pin_maps.QueryResourceAccessInformationRequest(
        pin_map_id="map",
        sites=range(sites),
        pin_or_relay_names=[f"P{pin}" for pin in range(pins)],
    )
    return {
        "load": lambda: stub.UpdatePinMapFromXml(update),
        "resolve": lambda: stub.QueryResourceAccessInformation(query),
    }


def _milliseconds(call: Callable[[], object]) -> Spread:
    taken: list[float] = []
    for _ in range(6):
        begun = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - begun))
    return Spread.of(taken[1:])


def _add(findings: Findings, name: str, points: list[tuple[float, Spread]]) -> None:
    for size, spread in points:
        findings.add(Figure(PART, f"{name} {size:,.0f} connections", spread, "ms"))
    *_, (size, before), (most, last) = points
    growth = (last.median / most) / (before.median / size)
    findings.add(
        Figure(PART, f"{name}: a connection of the largest map, of one of the map before",
               Spread.of([growth]), most=MOST)
    )  # fmt: skip
