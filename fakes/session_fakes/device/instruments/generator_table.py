"""NI-FGEN as data: defaults of attributes, and the RPCs that only set some."""

from __future__ import annotations

from collections.abc import Mapping

from session_fakes.device.attributes import Facts, Value
from session_fakes.device.instruments.ivi_table import IVI_DEFAULTS, IVI_READ_ONLY

__all__ = ["CONFIGURES", "FACTS", "LIMITS_OF_SEQUENCES", "LIMITS_OF_WAVEFORMS", "SETS"]

FUNCTION, ARBITRARY, SEQUENCE = 0, 1, 2
SINE, SQUARE, TRIANGLE, RAMP_UP, RAMP_DOWN, DIRECT, NOISE, USER = 1, 2, 3, 4, 5, 6, 101, 102
NO_TRIGGER, DIGITAL_EDGE, SOFTWARE_EDGE = 101, 102, 104
CONTINUOUS = 2
IDLE, WAITING, RUNNING = 0, 100, 200
MATCHED = -1.0
ONBOARD = "OnboardClock"
SINGLE_ENDED = 300
START_TRIGGER = 1004

LIMITS_OF_WAVEFORMS = (1024, 2, 4, 2**25)
"""The most waveforms, the quantum of their sizes, their least and their greatest size."""
LIMITS_OF_SEQUENCES = (1024, 1, 2**16, 2**20)
"""The most sequences, their least and greatest length, the most loops."""

_CAPABILITIES: Mapping[str, Value] = {
    "max_num_waveforms": LIMITS_OF_WAVEFORMS[0],
    "waveform_quantum": LIMITS_OF_WAVEFORMS[1],
    "min_waveform_size": LIMITS_OF_WAVEFORMS[2],
    "max_waveform_size": LIMITS_OF_WAVEFORMS[3],
    "max_num_sequences": LIMITS_OF_SEQUENCES[0],
    "min_sequence_length": LIMITS_OF_SEQUENCES[1],
    "max_sequence_length": LIMITS_OF_SEQUENCES[2],
    "max_loop_count": LIMITS_OF_SEQUENCES[3],
    "memory_size": 2**29,
}

FACTS = Facts(
    defaults={
        **IVI_DEFAULTS,
        **_CAPABILITIES,
        "analog_filter_enabled": False,
        "arb_gain": 1.0,
        "arb_offset": 0.0,
        "arb_sample_rate": 1e8,
        "clock_mode": 0,
        "digital_filter_enabled": False,
        "digital_gain": 1.0,
        "digital_pattern_enabled": False,
        "func_amplitude": 2.0,
        "func_dc_offset": 0.0,
        "func_duty_cycle_high": 50.0,
        "func_frequency": 1e6,
        "func_start_phase": 0.0,
        "func_waveform": SINE,
        "major_version": 1,
        "minor_version": 0,
        "output_enabled": True,
        "output_impedance": 50.0,
        "output_mode": FUNCTION,
        "ref_clock_frequency": 1e7,
        "reference_clock_source": "None",
        "sample_clock_source": ONBOARD,
        "start_trigger_type": NO_TRIGGER,
        "trigger_mode": CONTINUOUS,
    },
    read_only=IVI_READ_ONLY | {"major_version", "minor_version", *_CAPABILITIES},
    only={
        **dict.fromkeys(("channel_delay", "common_mode_offset"), (0.0,)),
        **dict.fromkeys(("idle_behavior", "idle_value", "wait_behavior", "wait_value"), ()),
        **dict.fromkeys(("sample_clock_source", "sample_clock_timebase_source"), (ONBOARD,)),
        "external_sample_clock_multiplier": (1.0,),
        "terminal_configuration": (SINGLE_ENDED,),
    },
    limits={
        "arb_gain": (-12.0, 12.0),
        "arb_offset": (-12.0, 12.0),
        "arb_sample_rate": (1e-3, 2e9),
        "digital_gain": (-1.5, 1.5),
        "func_amplitude": (0.0, 24.0),
        "func_dc_offset": (-12.0, 12.0),
        "func_duty_cycle_high": (0.0, 100.0),
        "func_frequency": (0.0, 1e9),
        "output_impedance": (0.0, 1e6),
    },
)

CONFIGURES: Mapping[str, Mapping[str, str]] = {
    "ConfigureAmplitude": {"amplitude": "func_amplitude"},
    "ConfigureClockMode": {"clock_mode": "clock_mode"},
    "ConfigureDigitalEdgeStartTrigger": {
        "source": "digital_edge_start_trigger_source",
        "edge": "digital_edge_start_trigger_edge",
    },
    "ConfigureFrequency": {"frequency": "func_frequency"},
    "ConfigureOutputEnabled": {"enabled": "output_enabled"},
    "ConfigureOutputImpedance": {"impedance": "output_impedance"},
    "ConfigureOutputMode": {"output_mode": "output_mode"},
    "ConfigureReferenceClock": {
        "reference_clock_source": "reference_clock_source",
        "reference_clock_frequency": "ref_clock_frequency",
    },
    "ConfigureSampleClockSource": {"sample_clock_source": "sample_clock_source"},
    "ConfigureSampleRate": {"sample_rate": "arb_sample_rate"},
    "ConfigureStandardWaveform": {
        "waveform": "func_waveform",
        "amplitude": "func_amplitude",
        "dc_offset": "func_dc_offset",
        "frequency": "func_frequency",
        "start_phase": "func_start_phase",
    },
    "ConfigureTriggerMode": {"trigger_mode": "trigger_mode"},
    "EnableAnalogFilter": {"filter_correction_frequency": "filter_correction_frequency"},
}
SETS: Mapping[str, Mapping[str, Value]] = {
    "ConfigureDigitalEdgeStartTrigger": {"start_trigger_type": DIGITAL_EDGE},
    "ConfigureSoftwareEdgeStartTrigger": {"start_trigger_type": SOFTWARE_EDGE},
    "DisableAnalogFilter": {"analog_filter_enabled": False},
    "DisableDigitalFilter": {"digital_filter_enabled": False},
    "DisableDigitalPatterning": {"digital_pattern_enabled": False},
    "DisableStartTrigger": {"start_trigger_type": NO_TRIGGER},
    "EnableAnalogFilter": {"analog_filter_enabled": True},
    "EnableDigitalFilter": {"digital_filter_enabled": True},
    "EnableDigitalPatterning": {"digital_pattern_enabled": True},
}
