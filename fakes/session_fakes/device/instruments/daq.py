"""NI-DAQmx: analog and digital input and output, on demand, finite and continuous."""

from __future__ import annotations

from session_fakes.device.instruments.daq_attributes import DaqAttributes
from session_fakes.device.instruments.daq_events import DaqEvents
from session_fakes.device.instruments.daq_reading import DaqReading
from session_fakes.device.instruments.daq_writing import DaqWriting


class Task(DaqReading, DaqWriting, DaqEvents, DaqAttributes):
    """A task; what it does its channels say."""


SIMULATION = Task
