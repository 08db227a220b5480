"""NI-Digital's results: which sites passed, how often pins failed, what was captured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from session_fakes.device import faults
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments.digital_driving import DigitalDriving
from session_fakes.device.instruments.digital_pins import PinAt
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.errors import Refusal, quoted
from session_fakes.fidelity import fidelity

__all__ = ["Burst", "DigitalResults"]


class Burst(NamedTuple):
    """A pattern that was burst, or waits for its trigger."""

    label: str
    sites: tuple[int, ...]


class DigitalResults(DigitalDriving):
    """The part of NI-Digital that tells what came of the last burst."""

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._burst: Burst | None = None
        self._fetched: Counter[tuple[str, int]] = Counter()
        """Samples of each captured waveform at each site that were fetched since the burst."""

    # Passed or failed -----------------------------------------------------------------------------

    @fidelity(
        "DIG-RESULTS",
        evidence="our choice",
        rule="A burst passes on every enabled site, unless the test says that it fails there: what"
        " the device under test answers to a pattern nobody knows. Before a burst there are no"
        " results",
    )
    def _results(self, sites: Sequence[int]) -> dict[int, dict[str, int]]:
        """The failing cycles by pin, for each site of the last burst."""
        if self._burst is None:
            raise DriverError(faults.INVALID_PARAMETER, "No pattern has been burst.")
        label = self._burst.label
        return {
            site: {
                pin: cycles
                for pin, cycles in self.bench.failing.get((label, site), {}).items()
                if cycles
            }
            for site in self._burst.sites
            if site in sites
        }

    @rpc("GetSitePassFail")
    def get_pass_fail(self, request: Any) -> Answer:
        """Answer which sites of the last burst passed."""
        found = self._results(self.pins.sites_of(request.site_list))
        return {
            "pass_fail": [not failing for failing in found.values()],
            "actual_num_sites": len(found),
        }

    @rpc("GetSiteResultsSiteNumbers")
    def get_site_numbers(self, request: Any) -> Answer:
        """Answer the numbers of the sites of the last burst, for whatever kind of results."""
        found = list(self._results(self.pins.sites_of(request.site_list)))
        return {"site_numbers": found, "actual_num_site_numbers": len(found)}

    @rpc("GetFailCount")
    def get_fail_count(self, request: Any) -> Answer:
        """Answer how many cycles of the last burst failed on each pin."""
        results = self._results(self.pins.sites_of(""))
        found = [
            self._failed(place, results)
            for place in self.pins.places(request.channel_list)
            if place.site in results
        ]
        return {"failure_count": found, "actual_num_read": len(found)}

    @staticmethod
    def _failed(place: PinAt, results: dict[int, dict[str, int]]) -> int:
        return results[place.site].get(place.pin, 0)

    @rpc("GetPinResultsPinInformation")
    def get_pin_information(self, request: Any) -> Answer:
        """Answer pin, site and channel of each of the results."""
        places = self.pins.places(request.channel_list)
        pins, names = self.pins.pins, self.channels.names
        return {
            "pin_indexes": [pins.index(p.pin) + 1 if p.pin else -1 for p in places],
            "site_numbers": [p.site for p in places],
            "channel_indexes": [names.index(p.channel) + 1 for p in places],
            "actual_num_values": len(places),
        }

    # Captured waveforms ---------------------------------------------------------------------------

    @fidelity(
        "DIG-CAPTURES",
        evidence="our choice",
        rule="A waveform that was created captures in each burst what the test says, site by site,"
        " and each sample is fetched once; what no test says is UNIMPLEMENTED, and more samples"
        " than there are is the driver's timeout, at once",
    )
    @rpc("FetchCaptureWaveformU32")
    def fetch_capture(self, request: Any) -> Answer:
        """Answer what the last burst captured at each of its sites."""
        name, count = request.waveform_name, request.samples_to_read
        if name not in self._waveforms["capture"]:
            raise DriverError(
                faults.INVALID_PARAMETER, f"There is no capture waveform {quoted(name)}."
            )
        sites = list(self._results(self.pins.sites_of(request.site_list)))
        captured = [self._captured(name, site, count) for site in sites]
        if any(len(samples) < count for samples in captured):
            raise DriverError(faults.MAX_TIME_EXCEEDED, "So many samples were not captured.")
        self._fetched.update({(name, site): count for site in sites})
        return {
            "data": [sample for samples in captured for sample in samples],
            "actual_num_waveforms": len(sites),
            "actual_samples_per_waveform": count,
        }

    def _captured(self, name: str, site: int, count: int) -> Sequence[int]:
        samples = self.bench.captured.get((name, site))
        if samples is None:
            raise Refusal(
                "UNIMPLEMENTED",
                f"NI-Digital: what {quoted(name)} captures at site {site} nobody knows. Say it "
                f"with bench.pattern_captures({quoted(name)}, [...], site={site}).",
            )
        first = self._fetched[name, site]
        return samples[first : first + count]
