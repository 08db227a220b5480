"""NI-SWITCH as data: defaults of attributes, and the RPCs that only set some."""

from __future__ import annotations

from collections.abc import Mapping

from session_fakes.device.attributes import Facts
from session_fakes.device.instruments.ivi_table import IVI_DEFAULTS, IVI_READ_ONLY

__all__ = ["CONFIGURES", "FACTS"]

_KNOWN = {name: value for name, value in IVI_DEFAULTS.items() if name != "channel_count"}

FACTS = Facts(
    defaults={
        **_KNOWN,
        "analog_bus_sharing_enable": False,
        "continuous_scan": False,
        "is_debounced": True,
        "is_scanning": False,
        "is_waiting_for_trig": False,
        "scan_advanced_output": 0,
        "scan_delay": 0.0,
        "scan_list": "",
        "scan_mode": 1,
        "settling_time": 0.0,
        "temperature": 25.0,
        "trigger_input": 1,
    },
    read_only=IVI_READ_ONLY
    | {"is_debounced", "is_scanning", "is_waiting_for_trig", "number_of_relays", "temperature"}
    | {"bandwidth", "characteristic_impedance", "num_of_columns", "num_of_rows", "wire_mode"}
    | {f"max_{kind}_voltage" for kind in ("ac", "dc")}
    | {
        f"max_{what}_{kind}_{unit}"
        for what in ("carry", "switching")
        for kind in ("ac", "dc")
        for unit in ("current", "power")
    },
)

CONFIGURES: Mapping[str, Mapping[str, str]] = {
    "ConfigureScanTrigger": {
        "scan_delay": "scan_delay",
        "trigger_input": "trigger_input",
        "scan_advanced_output": "scan_advanced_output",
    },
    "SetContinuousScan": {"continuous_scan": "continuous_scan"},
}
