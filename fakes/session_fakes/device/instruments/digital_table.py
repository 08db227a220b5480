"""NI-Digital as data: defaults of attributes, and the RPCs that only set some."""

from __future__ import annotations

from collections.abc import Mapping

from session_fakes.device.attributes import Facts, Value
from session_fakes.device.instruments.ivi_table import IVI_DEFAULTS, IVI_READ_ONLY

__all__ = ["CONFIGURES", "FACTS", "LEVELS", "SETS"]

DIGITAL, PPMU, OFF, DISCONNECT = 1100, 1101, 1102, 1103
ACTIVE_LOAD, VTERM, HIGH_Z = 1200, 1201, 1202
VOLTAGE, CURRENT = 1300, 1301
NO_TRIGGER, DIGITAL_EDGE, SOFTWARE = 1700, 1701, 1702
START_TRIGGER = 2000
MEASURE_CURRENT = 2400
PASS_FAIL = 3300
ZERO, ONE, LOW, HIGH, X, MIDBAND, BOTH = 0, 1, 3, 4, 5, 6, 7

LEVELS = ("vil", "vih", "vol", "voh", "vterm", "termination_mode")
"""What a levels sheet sets; nobody reads the sheet."""

FACTS = Facts(
    defaults={
        **IVI_DEFAULTS,
        "clock_generator_is_running": False,
        "frequency_counter_measurement_mode": 3700,
        "frequency_counter_measurement_time": 2e-5,
        "mask_compare": False,
        "ppmu_allow_extended_voltage_range": False,
        "ppmu_aperture_time": 4e-6,
        "ppmu_aperture_time_units": 2100,
        "ppmu_current_level": 0.0,
        "ppmu_current_level_range": 2e-3,
        "ppmu_current_limit": 2e-3,
        "ppmu_current_limit_behavior": 3100,
        "ppmu_current_limit_range": 2e-3,
        "ppmu_current_limit_supported": False,
        "ppmu_output_function": VOLTAGE,
        "ppmu_voltage_level": 0.0,
        "ppmu_voltage_limit_high": 6.0,
        "ppmu_voltage_limit_low": -2.0,
        "selected_function": DISCONNECT,
        "start_label": "",
        "start_trigger_type": NO_TRIGGER,
        "tdr_offset": 0.0,
        "termination_mode": HIGH_Z,
        "timing_absolute_delay": 0.0,
        "timing_absolute_delay_enabled": False,
        "vih": 3.3,
        "vil": 0.0,
        "voh": 1.7,
        "vol": 1.6,
        "vterm": 2.0,
    },
    read_only=IVI_READ_ONLY | {"clock_generator_is_running", "ppmu_current_limit_supported"},
    only={"mask_compare": (False,)},
    limits={
        "clock_generator_frequency": (1.0, 2e8),
        "ppmu_aperture_time": (2e-6, 0.1),
        "ppmu_current_level": (-0.032, 0.032),
        "ppmu_current_limit_range": (0.0, 0.032),
        "ppmu_current_level_range": (0.0, 0.032),
        "ppmu_voltage_level": (-2.0, 7.0),
        "ppmu_voltage_limit_high": (-2.0, 7.0),
        "ppmu_voltage_limit_low": (-2.0, 7.0),
        "vih": (-2.0, 7.0),
        "vil": (-2.0, 7.0),
        "voh": (-2.0, 7.0),
        "vol": (-2.0, 7.0),
        "vterm": (-2.0, 7.0),
    },
)

CONFIGURES: Mapping[str, Mapping[str, str]] = {
    "ConfigureActiveLoadLevels": {
        "iol": "active_load_iol",
        "ioh": "active_load_ioh",
        "vcom": "active_load_vcom",
    },
    "ConfigureDigitalEdgeStartTrigger": {
        "source": "digital_edge_start_trigger_source",
        "edge": "digital_edge_start_trigger_edge",
    },
    "ConfigureStartLabel": {"label": "start_label"},
    "ConfigureTerminationMode": {"mode": "termination_mode"},
    "ConfigureVoltageLevels": {
        "vil": "vil",
        "vih": "vih",
        "vol": "vol",
        "voh": "voh",
        "vterm": "vterm",
    },
    "FrequencyCounterConfigureMeasurementMode": {
        "measurement_mode": "frequency_counter_measurement_mode"
    },
    "FrequencyCounterConfigureMeasurementTime": {
        "measurement_time": "frequency_counter_measurement_time"
    },
    "PPMUConfigureApertureTime": {
        "aperture_time": "ppmu_aperture_time",
        "units": "ppmu_aperture_time_units",
    },
    "PPMUConfigureCurrentLevel": {"current_level": "ppmu_current_level"},
    "PPMUConfigureCurrentLevelRange": {"range": "ppmu_current_level_range"},
    "PPMUConfigureCurrentLimit": {
        "behavior": "ppmu_current_limit_behavior",
        "limit": "ppmu_current_limit",
    },
    "PPMUConfigureCurrentLimitRange": {"range": "ppmu_current_limit_range"},
    "PPMUConfigureOutputFunction": {"output_function": "ppmu_output_function"},
    "PPMUConfigureVoltageLevel": {"voltage_level": "ppmu_voltage_level"},
    "PPMUConfigureVoltageLimits": {
        "lower_voltage_limit": "ppmu_voltage_limit_low",
        "upper_voltage_limit": "ppmu_voltage_limit_high",
    },
    "SelectFunction": {"function": "selected_function"},
}
SETS: Mapping[str, Mapping[str, Value]] = {
    "ConfigureDigitalEdgeStartTrigger": {"start_trigger_type": DIGITAL_EDGE},
    "ConfigureSoftwareEdgeStartTrigger": {"start_trigger_type": SOFTWARE},
    "DisableStartTrigger": {"start_trigger_type": NO_TRIGGER},
}
