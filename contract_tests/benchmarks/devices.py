"""The fake device server: calls of NI-DMM against an echo of their types, a long waveform."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from typing import Any

import grpc

from benchmarks.figures import Figure, Findings, Rate, Rounds, Spread, alone
from benchmarks.short import Compared
from benchmarks.station import echo
from long_runs.shared import channel_to
from session_fakes.station import FakeStation

PART = "Fake device server"
_SERVICE = "/nidmm_grpc.NiDmm"
_SAMPLES = 1_000_000
_DC_VOLTS, _RANGE = 1, 1250002
_NO_LIMIT = [("grpc.max_receive_message_length", -1)]


LIMITS = {"GetAttributeViReal64": 0.7, "Read": 0.6, "ConfigureMeasurementDigits": 0.7}
"""Of the short form, below the aim: it has only to find what became slow."""
_AIM = 0.8
_LEAST = 10
"""Tries before anything is said: the best rate of few is one by luck."""


def measure(findings: Findings, rounds: int, waveforms: int = 15, samples: int = _SAMPLES) -> None:
    """The rates of calls, and how long a waveform takes through NI-SCOPE's package."""
    calling(findings, rounds)
    fetching(findings, waveforms, samples)


def calling(findings: Findings, rounds: int) -> None:
    """An attribute and a reading of NI-DMM, each against an echo of its types."""
    for name, ours, bare in _sides():
        ratio = Rounds.of({"ours": ours, "echo": bare}, rounds).ratio("ours", "echo")
        findings.add(Figure(PART, f"NI-DMM's {name}, of an echo's rate", ratio, least=_AIM))


def lagging(tries: int = 100) -> dict[str, Compared]:
    """What is below its limit of the echo, by the best rates of both, after so many tries."""
    found: dict[str, Compared] = {}
    for name, ours, bare in _sides():
        compared = found[name] = Compared(LIMITS[name])
        for number in range(tries):
            if number >= _LEAST and not compared.lagging():
                break
            compared.add({"ours": ours, "echo": bare})
    return {name: compared for name, compared in found.items() if compared.lagging()}


def _sides() -> Iterator[tuple[str, Rate, Rate]]:
    """Each call with its rate, and that of an echo of its types."""
    pb: Any = importlib.import_module("nidmm.nidmm_pb2")
    session: Any = importlib.import_module("session_pb2").Session(name="bench")
    requests = {
        "GetAttributeViReal64": pb.GetAttributeViReal64Request(vi=session, attribute_id=_RANGE),
        "Read": pb.ReadRequest(vi=session, maximum_time_raw=-1),
        "ConfigureMeasurementDigits": pb.ConfigureMeasurementDigitsRequest(
            vi=session, measurement_function_raw=_DC_VOLTS, range=10.0, resolution_digits=5.5
        ),
    }
    with FakeStation() as station, channel_to(station.device_server.port) as channel:
        station.bench.channel("DMM1", 0).source(volts=1.5, ohms=10.0)
        opening = pb.InitWithOptionsRequest(session_name="bench", resource_name="DMM1")
        _call(channel, pb, "InitWithOptions")(opening)
        for name, request in requests.items():
            call = _call(channel, pb, name)
            kinds = (getattr(pb, f"{name}{side}") for side in ("Request", "Response"))
            with echo(f"{_SERVICE}/{name}", *kinds) as bare:
                yield name, alone(_bound(call, request)), alone(_bound(bare, request))


def _call(channel: grpc.Channel, pb: Any, name: str) -> Any:  # noqa: ANN401 - made at run time
    bare: Any = channel
    return bare.unary_unary(
        f"{_SERVICE}/{name}",
        request_serializer=getattr(pb, f"{name}Request").SerializeToString,
        response_deserializer=getattr(pb, f"{name}Response").FromString,
    )


def _bound(call: Any, request: Any) -> Any:  # noqa: ANN401 - made at run time
    return lambda: call(request)


def fetching(findings: Findings, waveforms: int, samples: int) -> None:
    """Waveforms fetched from a simulated oscilloscope, through NI-SCOPE's package."""
    niscope: Any = importlib.import_module("niscope")
    seconds: list[float] = []
    with (
        FakeStation() as station,
        grpc.insecure_channel(station.device_server.address, _NO_LIMIT) as channel,
        niscope.Session(
            "Scope1", grpc_options=niscope.GrpcSessionOptions(channel, "bench")
        ) as session,
    ):
        station.bench.channel("Scope1", 0).waveform("sine", frequency=1234.5, amplitude=1.0)
        session.configure_horizontal_timing(1e6, samples, 50.0, 1, enforce_realtime=True)
        for _ in range(waveforms + 1):
            with session.initiate():
                begun = time.perf_counter()
                (found,) = session.channels["0"].fetch()
                seconds.append(time.perf_counter() - begun)
            if len(found.samples) != samples:
                raise RuntimeError(f"{len(found.samples)} samples, not {samples}")
    del seconds[0]
    what = f"{samples:,} samples fetched from an oscilloscope"
    findings.add(Figure(PART, what, Spread.of(seconds), "s", most=0.5))
