"""NI-DMM as data: defaults of attributes, and the RPCs that only set some."""

from __future__ import annotations

from collections.abc import Mapping

from session_fakes.device.attributes import Facts
from session_fakes.device.instruments.ivi_table import IVI_DEFAULTS, IVI_READ_ONLY

__all__ = ["CONFIGURES", "FACTS"]

DC_VOLTS, AC_VOLTS, DC_CURRENT, AC_CURRENT, TWO_WIRES = 1, 2, 3, 4, 5
FOUR_WIRES, FREQUENCY, PERIOD, TEMPERATURE = 101, 104, 105, 108
AC_VOLTS_DC_COUPLED, DIODE, WAVEFORM_VOLTAGE = 1001, 1002, 1003
IMMEDIATE, INTERVAL = 1, 10
AC_COUPLED, DC_COUPLED = 0, 1

FACTS = Facts(
    defaults={
        **IVI_DEFAULTS,
        "ac_max_freq": 300e3,
        "ac_min_freq": 20.0,
        "adc_calibration": -1,
        "aperture_time": 1 / 60,
        "aperture_time_units": 0,
        "auto_range_value": 10.0,
        "auto_zero": -1,
        "buffer_size": 1,
        "cable_comp_type": 0,
        "current_source": 1e-3,
        "dc_noise_rejection": -1,
        "freq_voltage_auto_range": 10.0,
        "freq_voltage_range": 10.0,
        "function": DC_VOLTS,
        "input_resistance": 10e6,
        "meas_complete_dest": -1,
        "number_of_averages": 1,
        "offset_comp_ohms": 0,
        "operation_mode": 0,
        "powerline_freq": 60.0,
        "range": 10.0,
        "resolution_absolute": 1e-4,
        "resolution_digits": 5.5,
        "sample_count": 1,
        "sample_interval": -1.0,
        "sample_trigger": 1,
        "settle_time": -1.0,
        "temp_rtd_a": 3.9083e-3,
        "temp_rtd_b": -5.775e-7,
        "temp_rtd_c": -4.183e-12,
        "temp_rtd_res": 100.0,
        "temp_rtd_type": 1,
        "temp_tc_fixed_ref_junc": 25.0,
        "temp_tc_ref_junc_type": 2,
        "temp_tc_type": 6,
        "temp_transducer_type": 1,
        "trigger_count": 1,
        "trigger_delay": -1.0,
        "trigger_source": 1,
        "waveform_coupling": DC_COUPLED,
        "waveform_points": 500,
        "waveform_rate": 1.8e6,
    },
    read_only=IVI_READ_ONLY | {"auto_range_value", "freq_voltage_auto_range"},
    only={"sample_trigger": (IMMEDIATE, INTERVAL)},
    limits={
        "input_resistance": (1.0, 1e12),
        "resolution_digits": (3.5, 7.5),
        "sample_count": (0, 2**31 - 1),
        "trigger_count": (0, 2**31 - 1),
        "range": (-3.0, 1e9),
        "waveform_points": (1, 2**31 - 1),
        "waveform_rate": (1e-3, 1.8e6),
        "number_of_averages": (1, 2**31 - 1),
    },
)

CONFIGURES: Mapping[str, Mapping[str, str]] = {
    "ConfigureACBandwidth": {
        "ac_minimum_frequency_hz": "ac_min_freq",
        "ac_maximum_frequency_hz": "ac_max_freq",
    },
    "ConfigureADCCalibration": {"adc_calibration": "adc_calibration"},
    "ConfigureAutoZeroMode": {"auto_zero_mode": "auto_zero"},
    "ConfigureCableCompType": {"cable_comp_type": "cable_comp_type"},
    "ConfigureCurrentSource": {"current_source": "current_source"},
    "ConfigureFixedRefJunction": {"fixed_reference_junction": "temp_tc_fixed_ref_junc"},
    "ConfigureFrequencyVoltageRange": {"voltage_range": "freq_voltage_range"},
    "ConfigureMeasCompleteDest": {"meas_complete_destination": "meas_complete_dest"},
    "ConfigureMultiPoint": {
        "trigger_count": "trigger_count",
        "sample_count": "sample_count",
        "sample_trigger": "sample_trigger",
        "sample_interval": "sample_interval",
    },
    "ConfigureOffsetCompOhms": {"offset_comp_ohms": "offset_comp_ohms"},
    "ConfigureOpenCableCompValues": {
        "conductance": "open_cable_comp_conductance",
        "susceptance": "open_cable_comp_susceptance",
    },
    "ConfigurePowerLineFrequency": {"power_line_frequency_hz": "powerline_freq"},
    "ConfigureRTDCustom": {"rtd_a": "temp_rtd_a", "rtd_b": "temp_rtd_b", "rtd_c": "temp_rtd_c"},
    "ConfigureRTDType": {"rtd_type": "temp_rtd_type", "rtd_resistance": "temp_rtd_res"},
    "ConfigureShortCableCompValues": {
        "resistance": "short_cable_comp_resistance",
        "reactance": "short_cable_comp_reactance",
    },
    "ConfigureThermistorCustom": {
        "thermistor_a": "temp_thermistor_a",
        "thermistor_b": "temp_thermistor_b",
        "thermistor_c": "temp_thermistor_c",
    },
    "ConfigureThermistorType": {"thermistor_type": "temp_thermistor_type"},
    "ConfigureThermocouple": {
        "thermocouple_type": "temp_tc_type",
        "reference_junction_type": "temp_tc_ref_junc_type",
    },
    "ConfigureTransducerType": {"transducer_type": "temp_transducer_type"},
    "ConfigureTrigger": {"trigger_source": "trigger_source", "trigger_delay": "trigger_delay"},
    "ConfigureWaveformAcquisition": {
        "measurement_function": "function",
        "range": "range",
        "rate": "waveform_rate",
        "waveform_points": "waveform_points",
    },
    "ConfigureWaveformCoupling": {"waveform_coupling": "waveform_coupling"},
}
