"""Two sequences, run as TestStand runs them: setup opens, main shares, cleanup closes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from offline.bench import EXAMPLES, PIN_MAPS, REFERENCE, Bench, expect, say
from session_fakes.teststand import (
    Report,
    SequenceFile,
    SequenceRunner,
    Step,
    load,
    measurement,
    picture,
    update_pin_map,
)

RESULTS = Path("example-results")
"""The folder that pictures are written into, below the current one."""
MODULES = EXAMPLES / "teststand_sequence"


def show() -> None:
    """Run the sequence of the custom instrument, then that of the file logger."""
    _custom_instrument()
    _file_logger()


def _custom_instrument() -> None:
    with Bench("custom_instrument.pinmap") as bench:
        bench.serve(REFERENCE / "custom_instrument")
        bench.plug_in("simple_measurement")
        report = _run(
            bench,
            "custom_instrument",
            [_function("device_comm", "create_device_communication_sessions")],
            [
                measurement("Simple Measurement", {"Value": 17}, name="Write 17"),
                measurement("Simple Measurement", {"Value": 34}, name="Write 34"),
            ],
            [_function("device_comm", "destroy_device_communication_sessions")],
        )
        first, second = (report.step(name).outputs or {} for name in ("Write 17", "Write 34"))
        same = first["Session id"] == second["Session id"]
        fresh = first["New session"] or second["New session"]
        expect(same and not fresh, "both measurements use the session that Setup has opened")
        expect(second["Value before"] == 17, "the second reads what the first has written")


def _file_logger() -> None:
    with Bench("file_logger.pinmap") as bench:
        bench.serve(REFERENCE / "file_logger")
        bench.plug_in("nidcpower_measurement_with_logger")
        bench.plug_in("nidmm_measurement_with_logger")
        bench.station.bench.pin("DMMPin").source(volts=1.2)
        kinds = ("nidcpower", "nidmm", "json_logger")
        _run(
            bench,
            "file_logger",
            [_function(kind, f"create_{kind}_sessions") for kind in kinds],
            ["NI-DCPower Measurement With Logger", "NI-DMM Measurement With Logger"],
            [_function(kind, f"destroy_{kind}_sessions") for kind in kinds],
        )
        bench.print_log(2)
        opened = [
            call.method
            for call in bench.station.calls
            if call.method.startswith("Init")
            and getattr(call.response, "new_session_initialized", False)
        ]
        expect(len(opened) == 2, "each driver session was opened once: by Setup")


def _function(module: str, name: str) -> Callable[..., object]:
    return load(f"{MODULES / f'teststand_{module}.py'}:{name}")


def _run(
    bench: Bench,
    name: str,
    setup: Sequence[Callable[..., object]],
    main: Sequence[Step | str],
    cleanup: Sequence[Callable[..., object]],
) -> Report:
    """Run a sequence; print its table and write its picture."""
    say(f"The sequence {name}")
    pin_map = update_pin_map(PIN_MAPS / f"{name}.pinmap")
    sequence = SequenceFile(setup=[pin_map, *setup], main=main, cleanup=cleanup)
    report = SequenceRunner(sequence, bench.station).run()
    print(report)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.svg"
    path.write_text(picture(report), encoding="utf-8")
    print(f"Who held which session when: {path.absolute()}")
    expect(report.passed, "every step did its work, and nothing is left reserved or registered")
    return report
