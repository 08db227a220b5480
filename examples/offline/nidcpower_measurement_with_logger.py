"""A measurement with NI-DCPower, whose sessions and log are shared."""

from __future__ import annotations

from offline.bench import REFERENCE, Bench, expect, values

NAME = "NI-DCPower Measurement With Logger"


def show() -> None:
    """Measure twice, with another voltage; see both in the log."""
    with Bench("file_logger.pinmap") as bench:
        bench.serve(REFERENCE / "file_logger")
        bench.plug_in("nidcpower_measurement_with_logger")
        for level in (5.0, 3.3):
            outputs = values(bench.measure(NAME, {"Voltage level": level}))
            voltage = outputs["Voltage"]
            assert isinstance(voltage, float)
            expect(abs(voltage - level) < 0.1, f"it measured the {level:g} V that it sources")
        bench.print_log(2)
