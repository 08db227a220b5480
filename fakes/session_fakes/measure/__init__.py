"""Running a hosted measurement through NI's MeasurementService: connect, set, run, show.

>>> with Measurement.connect("localhost:50051") as measurement:  # doctest: +SKIP
...     settings = parse_settings(measurement.parameters, ["voltage=3.3", "pins=Pin1,Pin2"])
...     print(as_table(run(measurement, settings, pin_map_id="station.pinmap", sites=[0])))
"""

from __future__ import annotations

from session_fakes.measure.failures import (
    BadMetadata,
    BadSetting,
    Cause,
    MeasureError,
    MeasurementFailed,
    unwrap,
)
from session_fakes.measure.metadata import Parameter, Signature
from session_fakes.measure.running import Measurement, run
from session_fakes.measure.settings import decode, encode, find, parse_settings
from session_fakes.measure.showing import Outputs, Reading, as_data, as_json, as_table, text_of
from session_fakes.measure.values import check, parse
from session_fakes.measure.wire import Value

__all__ = [
    "BadMetadata",
    "BadSetting",
    "Cause",
    "MeasureError",
    "Measurement",
    "MeasurementFailed",
    "Outputs",
    "Parameter",
    "Reading",
    "Signature",
    "Value",
    "as_data",
    "as_json",
    "as_table",
    "check",
    "decode",
    "encode",
    "find",
    "parse",
    "parse_settings",
    "run",
    "text_of",
    "unwrap",
]
