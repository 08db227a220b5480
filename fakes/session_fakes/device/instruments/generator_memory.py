"""NI-FGEN's memory: arbitrary waveforms, and sequences of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from session_fakes.device import faults
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import generator_table as table
from session_fakes.device.instruments.ivi import IviSimulation
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal

__all__ = ["GeneratorMemory", "checked"]

_MOST_SAMPLES = 2**26
"""Of a sequence with all its loops."""
_ALL = -1
_FULL_SCALE = 2**15


class GeneratorMemory(IviSimulation):
    """The part of a generator that keeps waveforms."""

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._handles = itertools.count(1)
        self._waveforms: dict[int, list[float]] = {}
        self._positions: dict[int, int] = {}
        """Where the next samples of a waveform are written."""
        self._sequences: dict[int, list[tuple[int, int]]] = {}

    @rpc("CreateWaveformF64")
    def create_waveform(self, request: Any) -> Answer:
        """Keep a waveform, values from -1 to 1."""
        return (self._add(checked(request.waveform_data_array)),)

    @rpc("CreateWaveformI16")
    def create_binary_waveform(self, request: Any) -> Answer:
        """Keep a waveform, numbers of 16 bits."""
        return (self._add(checked([v / _FULL_SCALE for v in request.waveform_data_array])),)

    @rpc("AllocateWaveform")
    def allocate_waveform(self, request: Any) -> Answer:
        """Keep room for a waveform."""
        _check_size(request.waveform_size)
        return (self._add([0.0] * request.waveform_size),)

    @rpc("WriteWaveform")
    def write_waveform(self, request: Any) -> Answer:
        """Write samples where those that were written last end."""
        values, place = self._waveform(request.waveform_handle), request.waveform_handle
        first = self._positions.get(place, 0)
        new = checked(request.data, whole=False)
        if first + len(new) > len(values):
            raise DriverError(faults.INVALID_VALUE, "The waveform has no room for these samples.")
        values[first : first + len(new)] = new
        self._positions[place] = first + len(new)
        self.attributes_changed("")
        return None

    @rpc("SetWaveformNextWritePosition")
    def set_write_position(self, request: Any) -> Answer:
        """Say where samples are written next."""
        handle = request.waveform_handle
        is_relative = value_of(request, "relative_to") == 1
        first = request.offset + (self._positions.get(handle, 0) if is_relative else 0)
        if not 0 <= first < len(self._waveform(handle)):
            raise DriverError(faults.INVALID_VALUE, f"The waveform has no sample {first}.")
        self._positions[handle] = first
        return None

    @rpc("ConfigureArbWaveform")
    def configure_waveform(self, request: Any) -> Answer:
        """Say which waveform is put out, times what, plus what."""
        self._waveform(request.waveform_handle)
        self._configure_arbitrary(request, "arb_waveform_handle", request.waveform_handle)
        return None

    def _configure_arbitrary(self, request: Any, attribute: str, handle: int) -> None:
        where = request.channel_name
        self.attributes.put("arb_gain", request.gain, where)
        self.attributes.put("arb_offset", request.offset, where)
        self.attributes.put(attribute, handle, where)
        self.attributes_changed(where)

    @rpc("ClearArbWaveform")
    def clear_waveform(self, request: Any) -> Answer:
        """Forget one waveform, or all."""
        handle = value_of(request, "waveform_handle")
        if handle == _ALL:
            self._waveforms.clear()
        else:
            self._waveform(handle)
            del self._waveforms[handle]
        return None

    @rpc("ClearArbMemory")
    def clear_memory(self, _: Any) -> Answer:
        """Forget all waveforms and sequences."""
        self._waveforms.clear()
        self._sequences.clear()
        return None

    @rpc("CreateArbSequence")
    def create_sequence(self, request: Any) -> Answer:
        """Keep a sequence of waveforms, each with the number of its loops."""
        handles, loops = list(request.waveform_handles_array), list(request.loop_counts_array)
        if len(handles) != len(loops) or not handles or min(loops) < 1:
            raise DriverError(faults.INVALID_VALUE, "Each waveform needs a number of loops.")
        steps = list(zip(handles, loops, strict=True))
        if sum(len(self._waveform(each)) * count for each, count in steps) > _MOST_SAMPLES:
            raise Refusal("UNIMPLEMENTED", f"NI-FGEN: more than {_MOST_SAMPLES} samples in all.")
        handle = next(self._handles)
        self._sequences[handle] = steps
        return (handle,)

    @rpc("ConfigureArbSequence")
    def configure_sequence(self, request: Any) -> Answer:
        """Say which sequence is put out, times what, plus what."""
        self._whole_sequence(request.sequence_handle)
        self._configure_arbitrary(request, "arb_sequence_handle", request.sequence_handle)
        return None

    @rpc("ClearArbSequence")
    def clear_sequence(self, request: Any) -> Answer:
        """Forget one sequence, or all."""
        handle = value_of(request, "sequence_handle")
        if handle == _ALL:
            self._sequences.clear()
        else:
            self._whole_sequence(handle)
            del self._sequences[handle]
        return None

    @rpc("QueryArbWfmCapabilities")
    def query_waveforms(self, _: Any) -> Answer:
        """Say how many waveforms there can be, and how long."""
        return table.LIMITS_OF_WAVEFORMS

    @rpc("QueryArbSeqCapabilities")
    def query_sequences(self, _: Any) -> Answer:
        """Say how many sequences there can be, and how long."""
        return table.LIMITS_OF_SEQUENCES

    def _add(self, values: list[float]) -> int:
        handle = next(self._handles)
        self._waveforms[handle] = values
        return handle

    def _waveform(self, handle: int) -> list[float]:
        if handle not in self._waveforms:
            raise DriverError(faults.INVALID_VALUE, f"There is no waveform {handle}.")
        return self._waveforms[handle]

    def _whole_sequence(self, handle: int) -> list[float]:
        if handle not in self._sequences:
            raise DriverError(faults.INVALID_VALUE, f"There is no sequence {handle}.")
        steps = self._sequences[handle]
        return [value for each, count in steps for value in self._waveform(each) * count]


def checked(values: Sequence[float], *, whole: bool = True) -> list[float]:
    """The samples of a waveform, or of a piece of one; raise DriverError for what cannot be."""
    if whole:
        _check_size(len(values))
    found = list(values)
    if not all(-1.0 <= value <= 1.0 and math.isfinite(value) for value in found):
        raise DriverError(faults.INVALID_VALUE, "The samples of a waveform go from -1 to 1.")
    return found


def _check_size(size: int) -> None:
    _, quantum, least, most = table.LIMITS_OF_WAVEFORMS
    if not least <= size <= most or size % quantum:
        raise DriverError(
            faults.INVALID_VALUE,
            f"A waveform has from {least} to {most} samples, a multiple of {quantum}, not {size}.",
        )
