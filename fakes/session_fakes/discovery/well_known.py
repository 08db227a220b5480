"""Interfaces and service classes that NI's clients ask for by name."""

from __future__ import annotations

__all__ = [
    "DEVICE_SERVER_CLASS",
    "DEVICE_SERVER_INTERFACES",
    "MEASUREMENT_INTERFACES",
    "PIN_MAP_SERVICE",
    "SESSION_MANAGEMENT_SERVICE",
    "SIMULATED",
]

PIN_MAP_SERVICE = "ni.measurementlink.pinmap.v1.PinMapService"
"""Interface and service class of the Pin Map Service."""

SESSION_MANAGEMENT_SERVICE = "ni.measurementlink.sessionmanagement.v1.SessionManagementService"
"""Interface and service class of the Session Management Service."""

DEVICE_SERVER_CLASS = "ni.measurementlink.v1.grpcdeviceserver"
"""Service class of the NI gRPC Device Server, which registers once with all its interfaces."""

DEVICE_SERVER_INTERFACES = {
    "nidaqmx": "nidaqmx_grpc.NiDAQmx",
    "nidcpower": "nidcpower_grpc.NiDCPower",
    "nidigital": "nidigitalpattern_grpc.NiDigital",
    "nidmm": "nidmm_grpc.NiDmm",
    "nifgen": "nifgen_grpc.NiFgen",
    "niscope": "niscope_grpc.NiScope",
    "niswitch": "niswitch_grpc.NiSwitch",
    "visa": "visa_grpc.Visa",
}
"""Interface that a client of each driver resolves, by the driver's package name."""

SIMULATED = ("nidmm", "nidcpower", "nidaqmx", "nidigital", "nifgen", "niscope", "niswitch")
"""The driver packages that the fake device server has instruments for."""

MEASUREMENT_INTERFACES = (
    "ni.measurementlink.measurement.v1.MeasurementService",
    "ni.measurementlink.measurement.v2.MeasurementService",
)
"""Interfaces that a measurement plug-in may provide, the oldest first."""
