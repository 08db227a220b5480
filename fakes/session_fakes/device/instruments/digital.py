"""NI-Digital: its sites and pins, and the patterns that it bursts on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from session_fakes.device import faults
from session_fakes.device.channels import split
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import digital_table as table
from session_fakes.device.instruments.digital_pins import SYSTEM_SITE
from session_fakes.device.instruments.digital_results import Burst, DigitalResults
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity

_CHANNELS = {"6570": 32, "6571": 32}


class Digital(DigitalResults):
    """Digital pattern instruments."""

    MODEL = "6570"
    FACTS = table.FACTS
    CONFIGURES = table.CONFIGURES
    SETS = table.SETS

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._pending: Burst | None = None
        self._burst_sites: list[int] | None = None
        if opening.request.reset_device:
            self.switch_off()

    def instruments(self) -> list[str]:
        """The instruments that the resource names."""
        return list(dict.fromkeys(item.partition("/")[0] for item in split(self.resource)))

    def channel_names(self, opening: Opening) -> Sequence[str]:  # noqa: ARG002 - others use it
        """All channels of the instruments, with their names."""
        usual = _CHANNELS.get(self.options.model or self.MODEL, 32)
        return [
            f"{name}/{number}"
            for name in self.instruments()
            for number in range(self.count_channels(name, usual))
        ]

    # Sites and pins -------------------------------------------------------------------------------

    @rpc("EnableSites")
    def enable_sites(self, request: Any) -> Answer:
        """Have patterns run on sites."""
        self.pins.disabled.difference_update(self.pins.sites_of(request.site_list))
        return None

    @rpc("DisableSites")
    def disable_sites(self, request: Any) -> Answer:
        """Have no patterns run on sites."""
        self.pins.disabled.update(self.pins.sites_of(request.site_list))
        return None

    @rpc("IsSiteEnabled")
    def is_site_enabled(self, request: Any) -> Answer:
        """Say whether patterns run on a site."""
        (site,) = self.pins.sites_of(request.site)
        return (site not in self.pins.disabled,)

    @rpc("GetPinName")
    def get_pin_name(self, request: Any) -> Answer:
        """Answer the name of the pin with a number, which counts from 1."""
        index: int = request.pin_index
        if not 1 <= index <= len(self.pins.pins):
            raise DriverError(
                faults.INVALID_PARAMETER,
                f"There are {len(self.pins.pins)} pins, counted from 1.",
            )
        return (self.pins.pins[index - 1],)

    # Bursts ---------------------------------------------------------------------------------------

    def switch_off(self) -> None:
        """Run no pattern, and drive nothing any more."""
        self._burst = self._pending = None
        super().switch_off()

    @rpc("ConfigurePatternBurstSites")
    def set_burst_sites(self, request: Any) -> Answer:
        """Say on which sites the next pattern runs."""
        self._burst_sites = self.pins.sites_of(request.site_list)
        return None

    @rpc("BurstPattern", waits=True)
    def burst(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Burst a pattern, and wait until it is done where that is asked for."""
        self.attributes.put("start_label", request.start_label)
        sites = self.pins.sites_of(request.site_list)
        self._begin(sites, select=request.select_digital_function)
        if request.wait_until_done:
            self._await_done(request.timeout, gone)
        return None

    @rpc("Initiate")
    def initiate(self, _: Any) -> Answer:
        """Burst the pattern that was configured."""
        sites = self._burst_sites
        self._begin(self.pins.sites_of("") if sites is None else sites, select=False)
        return None

    @fidelity(
        "DIG-LABELS",
        evidence="our choice",
        rule="Patterns are compiled files that are not read: once one is loaded every label can be"
        " burst, without one none; a burst leaves the pins of the map undriven, for nobody knows"
        " its last vector",
    )
    def _begin(self, sites: Sequence[int], *, select: bool) -> None:
        label = str(self.attributes["start_label"])
        if not self._sheets["pattern"] or not label:
            raise DriverError(faults.INVALID_PARAMETER, "No pattern is loaded, or no label given.")
        wanted = tuple(site for site in sites if site not in self.pins.disabled)
        on_pins = [p.channel for p in self.pins.places("") if p.site in (*wanted, SYSTEM_SITE)]
        for name in on_pins if select else ():
            self._sources.discard(name)
            self.attributes.put("selected_function", table.DIGITAL, name)
        self._release(on_pins)
        self._burst, self._pending = None, Burst(label, wanted)
        is_free = self.attributes["start_trigger_type"] == table.NO_TRIGGER
        if is_free or self.options.simulate:
            self._finish()

    def _finish(self) -> None:
        self._burst, self._pending = self._pending, None
        self._fetched.clear()
        self.bench.stir()

    @rpc("SendSoftwareEdgeTrigger")
    def send_trigger(self, request: Any) -> Answer:
        """Start the pattern that waits for it."""
        if value_of(request, "trigger") != table.START_TRIGGER:
            raise Refusal("UNIMPLEMENTED", "NI-Digital: jump triggers are not simulated.")
        if self._pending and self.attributes["start_trigger_type"] == table.SOFTWARE:
            self._finish()
        return None

    @rpc("IsDone")
    def is_done(self, _: Any) -> Answer:
        """Say whether no pattern runs or waits."""
        return (self._pending is None,)

    @rpc("WaitUntilDone", waits=True)
    def wait_until_done(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Wait until no pattern runs."""
        self._await_done(request.timeout, gone)
        return None

    def _await_done(self, seconds: float, gone: Callable[[], bool]) -> None:
        if not self.bench.wait_until(lambda: self._pending is None, seconds, gone):
            raise DriverError(faults.MAX_TIME_EXCEEDED, "The start trigger did not come.")

    @rpc("Abort")
    def abort(self, _: Any) -> Answer:
        """Run no pattern."""
        self._pending = None
        self.bench.stir()
        return None

    @rpc("Commit")
    def commit(self, _: Any) -> Answer:
        """Put out what is set."""
        self._put_out(self.channels.names)
        return None


SIMULATION = Digital
