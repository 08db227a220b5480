"""A measurement with NI-DMM, whose sessions and log are shared."""

from __future__ import annotations

from offline.bench import REFERENCE, Bench, expect, values

NAME = "NI-DMM Measurement With Logger"


def show() -> None:
    """Measure two voltages of the device under test; see both in the log."""
    with Bench("file_logger.pinmap") as bench:
        bench.serve(REFERENCE / "file_logger")
        bench.plug_in("nidmm_measurement_with_logger")
        for volts in (1.2, 2.5):
            bench.station.bench.pin("DMMPin").source(volts=volts)
            outputs = values(bench.measure(NAME, {"Function": "DC_VOLTS", "Range": 10.0}))
            value = outputs["Value"]
            assert isinstance(value, float)
            expect(abs(value - volts) < 0.01, f"it measured the {volts:g} V that are there")
        bench.print_log(2)
