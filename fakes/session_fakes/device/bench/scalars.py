"""What an oscilloscope measures on a waveform: one number of many samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from session_fakes.errors import Refusal

__all__ = ["scalar"]


def scalar(number: int, samples: Sequence[float], step: float) -> float:
    """One of NI-SCOPE's scalar measurements.

    Args:
        number: Of the measurement, as NI-SCOPE counts them.
        samples: The waveform.
        step: The time from one sample to the next.

    Raises:
        Refusal: It is not simulated.
    """
    measure = _MEASUREMENTS.get(number)
    if measure is None:
        raise Refusal(
            "UNIMPLEMENTED",
            f"NI-SCOPE: the measurement {number} is not simulated; FREQUENCY, PERIOD, AMPLITUDE and"
            " those of voltages are. Fetch the waveform, or answer the call with a fault (reply).",
        )
    return measure(samples, step)


def _mean(samples: Sequence[float], _: float) -> float:
    return math.fsum(samples) / len(samples)


def _rms(samples: Sequence[float], _: float) -> float:
    return math.sqrt(math.fsum(value * value for value in samples) / len(samples))


def _highest(samples: Sequence[float], _: float) -> float:
    return max(samples)


def _lowest(samples: Sequence[float], _: float) -> float:
    return min(samples)


def _span(samples: Sequence[float], _: float) -> float:
    return max(samples) - min(samples)


def _period(samples: Sequence[float], step: float) -> float:
    """Between the first and the last time that it rises through its middle; NaN when it does not.

    A step of noise is no edge: between two rises it has to have been near the bottom.
    """
    low, high = min(samples), max(samples)
    middle, bottom = (low + high) / 2, low + (high - low) / 4
    rises: list[float] = []
    is_armed = samples[0] < bottom
    for place, value in enumerate(samples):
        if is_armed and value >= middle:
            before = samples[place - 1]
            rises.append(place - 1 + (middle - before) / (value - before))
        is_armed = value < bottom or (is_armed and value < middle)
    if len(rises) < 2:
        return math.nan
    return (rises[-1] - rises[0]) / (len(rises) - 1) * step


def _frequency(samples: Sequence[float], step: float) -> float:
    return 1 / _period(samples, step)


_MEASUREMENTS: Mapping[int, Callable[[Sequence[float], float], float]] = {
    2: _frequency,
    3: _period,
    4: _rms,
    5: _span,
    6: _highest,
    7: _lowest,
    10: _mean,
    15: _span,
    1015: _period,
    1016: _frequency,
}
