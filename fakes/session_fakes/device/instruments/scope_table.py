"""NI-SCOPE as data: defaults of attributes, and the RPCs that only set some."""

from __future__ import annotations

from collections.abc import Mapping

from session_fakes.device.attributes import Facts, Value
from session_fakes.device.instruments.ivi_table import IVI_DEFAULTS, IVI_READ_ONLY

__all__ = ["CONFIGURES", "FACTS", "SETS"]

EDGE, SOFTWARE, IMMEDIATE, DIGITAL, HYSTERESIS = 1, 1004, 6, 1002, 1001
AC, DC, GROUND = 0, 1, 2
NEGATIVE, EITHER = 0, 3
READ_POINTER, PRETRIGGER, AT_TRIGGER = 388, 477, 483
NO_MODIFIER = 1
SINGLE_ENDED = 0
IMMEDIATELY = ("", "VAL_IMMEDIATE")
"""The sources of triggers that nothing waits for."""
OF_ITS_OWN = ("", "VAL_NO_SOURCE", "VAL_INTERNAL")
"""The sources of clocks that are in the instrument."""

_EDGE = {
    "trigger_source": "trigger_source",
    "slope": "trigger_slope",
    "trigger_coupling": "trigger_coupling",
}
_LATER = {"holdoff": "trigger_holdoff", "delay": "trigger_delay_time"}

FACTS = Facts(
    defaults={
        **IVI_DEFAULTS,
        "acquisition_type": 0,
        "allow_more_records_than_memory": False,
        "binary_sample_width": 16,
        "channel_enabled": True,
        "channel_terminal_configuration": 0,
        "device_temperature": 31.0,
        "_fetch_num_records": -1,
        "_fetch_offset": 0,
        "_fetch_record_number": 0,
        "_fetch_relative_to": PRETRIGGER,
        "horz_enforce_realtime": True,
        "horz_min_num_pts": 1000,
        "horz_num_records": 1,
        "horz_record_ref_position": 50.0,
        "horz_time_per_record": 1e-3,
        "input_impedance": 1e6,
        "is_probe_comp_on": False,
        "max_input_frequency": 0.0,
        "max_real_time_sampling_rate": 1.25e9,
        "min_sample_rate": 1e6,
        "onboard_memory_size": 2**28,
        "points_done": 0.0,
        "probe_attenuation": 1.0,
        "records_done": 0,
        "resolution": 16,
        "sample_mode": 0,
        "trigger_coupling": 1,
        "trigger_delay_time": 0.0,
        "trigger_holdoff": 0.0,
        "trigger_hysteresis": 0.05,
        "trigger_level": 0.0,
        "trigger_modifier": NO_MODIFIER,
        "trigger_slope": 1,
        "trigger_source": "0",
        "trigger_type": IMMEDIATE,
        "vertical_coupling": 1,
        "vertical_offset": 0.0,
        "vertical_range": 10.0,
    },
    read_only=IVI_READ_ONLY
    | {
        "device_temperature",
        "is_probe_comp_on",
        "max_real_time_sampling_rate",
        "onboard_memory_size",
        "points_done",
        "records_done",
        "resolution",
        "sample_mode",
    },
    only={
        **dict.fromkeys(
            ("acq_arm_source", "adv_trig_src", "arm_ref_trig_src", "record_arm_source"),
            IMMEDIATELY,
        ),
        **dict.fromkeys(("input_clock_source", "samp_clk_timebase_src"), OF_ITS_OWN),
        **dict.fromkeys(("samp_clk_timebase_div", "sample_clock_timebase_multiplier"), (1,)),
        **dict.fromkeys(("bandpass_filter_enabled", "equalization_filter_enabled"), (False,)),
        "channel_terminal_configuration": (SINGLE_ENDED,),
        "enable_dc_restore": (False,),
        "high_pass_filter_frequency": (0.0,),
        "start_to_ref_trigger_holdoff": (0.0,),
        "trigger_coupling": (AC, DC),
    },
    limits={
        "trigger_hysteresis": (0.0, 1e3),
        "horz_min_num_pts": (1, 2**28),
        "horz_num_records": (1, 10_000),
        "horz_record_ref_position": (0.0, 100.0),
        "min_sample_rate": (1e-3, 1.25e9),
        "probe_attenuation": (1e-3, 1e6),
        "trigger_delay_time": (0.0, 171.8),
        "trigger_holdoff": (0.0, 171.8),
        "vertical_offset": (-1e3, 1e3),
        "vertical_range": (1e-3, 1e3),
    },
)

CONFIGURES: Mapping[str, Mapping[str, str]] = {
    "ConfigureAcquisition": {"acquisition_type": "acquisition_type"},
    "ConfigureChanCharacteristics": {
        "input_impedance": "input_impedance",
        "max_input_frequency": "max_input_frequency",
    },
    "ConfigureHorizontalTiming": {
        "min_sample_rate": "min_sample_rate",
        "min_num_pts": "horz_min_num_pts",
        "ref_position": "horz_record_ref_position",
        "num_records": "horz_num_records",
        "enforce_realtime": "horz_enforce_realtime",
    },
    "ConfigureTriggerDigital": {
        "trigger_source": "trigger_source",
        "slope": "trigger_slope",
        **_LATER,
    },
    "ConfigureTriggerEdge": {"level": "trigger_level", **_EDGE, **_LATER},
    "ConfigureTriggerHysteresis": {
        "level": "trigger_level",
        "hysteresis": "trigger_hysteresis",
        **_EDGE,
        **_LATER,
    },
    "ConfigureTriggerSoftware": _LATER,
    "ConfigureVertical": {
        "range": "vertical_range",
        "offset": "vertical_offset",
        "coupling": "vertical_coupling",
        "probe_attenuation": "probe_attenuation",
        "enabled": "channel_enabled",
    },
}
SETS: Mapping[str, Mapping[str, Value]] = {
    "ConfigureTriggerDigital": {"trigger_type": DIGITAL},
    "ConfigureTriggerEdge": {"trigger_type": EDGE},
    "ConfigureTriggerHysteresis": {"trigger_type": HYSTERESIS},
    "ConfigureTriggerImmediate": {"trigger_type": IMMEDIATE},
    "ConfigureTriggerSoftware": {"trigger_type": SOFTWARE},
}
