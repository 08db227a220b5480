"""NI-DCPower as data: defaults of attributes, and the RPCs that only set some."""

from __future__ import annotations

from collections.abc import Mapping

from session_fakes.device.attributes import Facts, Value
from session_fakes.device.instruments.ivi_table import IVI_DEFAULTS, IVI_READ_ONLY

__all__ = ["CONFIGURES", "FACTS", "SETS", "TRIGGERS"]

VOLTAGE, CURRENT = 1006, 1007
NO_TRIGGER, DIGITAL_EDGE, SOFTWARE_EDGE = 1012, 1014, 1015
REGULATE, SOURCE_MEASURE = 0, 1061
SYMMETRIC = 0
SOURCE_COMPLETE, MEASURE_COMPLETE, ITERATION_COMPLETE, ENGINE_DONE = 1030, 1031, 1032, 1033
SINGLE_POINT, SEQUENCE = 1020, 1021
AFTER_SOURCE, ON_DEMAND, ON_TRIGGER = 1025, 1026, 1027

FACTS = Facts(
    defaults={
        **IVI_DEFAULTS,
        "aperture_time": 1 / 60,
        "aperture_time_units": 1028,
        "auto_zero": 1,
        "autorange": 0,
        "compliance_limit_symmetry": 0,
        "current_level": 0.0,
        "current_level_autorange": 0,
        "current_level_range": 0.1,
        "current_limit": 0.01,
        "current_limit_autorange": 0,
        "current_limit_behavior": 0,
        "current_limit_high": 0.01,
        "current_limit_low": -0.01,
        "current_limit_range": 0.1,
        "dc_noise_rejection": 1044,
        "fetch_backlog": 0,
        "instrument_mode": 1061,
        "interlock_input_open": False,
        "measure_buffer_size": 12000000,
        "measure_complete_event_delay": 0.0,
        "measure_record_delta_time": 1 / 60,
        "measure_record_length": 1,
        "measure_record_length_is_finite": True,
        "measure_trigger_type": NO_TRIGGER,
        "measure_when": ON_DEMAND,
        "merged_channels": "",
        "output_connected": True,
        "output_enabled": True,
        "output_function": VOLTAGE,
        "output_resistance": 0.0,
        "overranging_enabled": False,
        "ovp_enabled": False,
        "ovp_limit": 60.0,
        "power_line_frequency": 60.0,
        "power_source": 1005,
        "power_source_in_use": 1003,
        "query_instrument_status": False,
        "samples_to_average": 1,
        "self_calibration_persistence": 1045,
        "sense": 1008,
        "sequence_advance_trigger_type": NO_TRIGGER,
        "sequence_loop_count": 1,
        "sequence_loop_count_is_finite": True,
        "shutdown_trigger_type": NO_TRIGGER,
        "source_delay": 0.016666,
        "source_mode": SINGLE_POINT,
        "source_trigger_type": NO_TRIGGER,
        "start_trigger_type": NO_TRIGGER,
        "transient_response": 1038,
        "voltage_level": 0.0,
        "voltage_level_autorange": 0,
        "voltage_level_range": 10.0,
        "voltage_limit": 1.0,
        "voltage_limit_autorange": 0,
        "voltage_limit_high": 1.0,
        "voltage_limit_low": -1.0,
        "voltage_limit_range": 10.0,
    },
    read_only=IVI_READ_ONLY | {"fetch_backlog", "interlock_input_open", "power_source_in_use"},
    only={
        "active_advanced_sequence": ("",),
        "current_limit_behavior": (REGULATE,),
        "instrument_mode": (SOURCE_MEASURE,),
        "measure_record_length_is_finite": (True,),
        "merged_channels": ("",),
        "output_cutoff_enabled": (False,),
        "output_shorted": (False,),
        "sequence_loop_count_is_finite": (True,),
    },
    limits={
        "aperture_time": (0.0, 1e4),
        "current_limit": (0.0, 1e3),
        "current_limit_range": (0.0, 1e3),
        "measure_record_length": (1, 2**31 - 1),
        "samples_to_average": (1, 511),
        "sequence_loop_count": (1, 2**31 - 1),
        "source_delay": (0.0, 167.0),
        "voltage_level_range": (0.0, 1e3),
        "voltage_limit": (0.0, 1e3),
        "voltage_limit_range": (0.0, 1e3),
    },
)

_LEVELS = {
    "VoltageLevel": ("level", "voltage_level"),
    "VoltageLevelRange": ("range", "voltage_level_range"),
    "CurrentLimitRange": ("range", "current_limit_range"),
    "CurrentLevel": ("level", "current_level"),
    "CurrentLevelRange": ("range", "current_level_range"),
    "VoltageLimit": ("limit", "voltage_limit"),
    "VoltageLimitRange": ("range", "voltage_limit_range"),
    "OutputResistance": ("resistance", "output_resistance"),
    "OutputFunction": ("function", "output_function"),
    "OutputEnabled": ("enabled", "output_enabled"),
    "SourceMode": ("source_mode", "source_mode"),
    "SourceModeWithChannels": ("source_mode", "source_mode"),
    "AutoZero": ("auto_zero", "auto_zero"),
    "PowerLineFrequency": ("powerline_frequency", "power_line_frequency"),
    "Sense": ("sense", "sense"),
}
_PULSE_LEVELS = {
    "VoltageLevel": "level",
    "CurrentLimit": "limit",
    "BiasVoltageLevel": "level",
    "BiasCurrentLimit": "limit",
    "VoltageLevelRange": "range",
    "CurrentLimitRange": "range",
    "CurrentLevel": "level",
    "VoltageLimit": "limit",
    "BiasCurrentLevel": "level",
    "BiasVoltageLimit": "limit",
    "CurrentLevelRange": "range",
    "VoltageLimitRange": "range",
}
TRIGGERS = {
    "Start": "start",
    "SequenceAdvance": "sequence_advance",
    "Source": "source",
    "Measure": "measure",
    "Pulse": "pulse",
    "Shutdown": "shutdown",
}
"""The triggers in the names of RPCs, and in those of attributes."""


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).strip("_")


def _trigger_fields() -> dict[str, Mapping[str, str]]:
    return {
        f"ConfigureDigitalEdge{name}Trigger{rest}": {
            "input_terminal": f"digital_edge_{attribute}_trigger_input_terminal"
        }
        for name, attribute in TRIGGERS.items()
        for rest in ("", "WithChannels")
    }


def _trigger_types() -> dict[str, Mapping[str, Value]]:
    return {
        f"{verb}{name}Trigger{rest}": {f"{attribute}_trigger_type": value}
        for name, attribute in TRIGGERS.items()
        for rest in ("", "WithChannels")
        for verb, value in (
            ("ConfigureDigitalEdge", DIGITAL_EDGE),
            ("ConfigureSoftwareEdge", SOFTWARE_EDGE),
            ("Disable", NO_TRIGGER),
        )
    }


CONFIGURES: Mapping[str, Mapping[str, str]] = {
    **{f"Configure{name}": {field: attribute} for name, (field, attribute) in _LEVELS.items()},
    **{
        f"ConfigurePulse{name}": {field: f"pulse_{_snake(name)}"}
        for name, field in _PULSE_LEVELS.items()
    },
    **_trigger_fields(),
    "ConfigureApertureTime": {"aperture_time": "aperture_time", "units": "aperture_time_units"},
    "ConfigureCurrentLimit": {"behavior": "current_limit_behavior", "limit": "current_limit"},
    "ConfigureOvp": {"enabled": "ovp_enabled", "limit": "ovp_limit"},
}
SETS = _trigger_types()
