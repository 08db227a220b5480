"""Two runs of a measurement share the session of a custom instrument that somebody has opened."""

from __future__ import annotations

from device_communication_client import DeviceCommunicationClient, Protocol
from ni_measurement_plugin_sdk_service.session_management import SessionInitializationBehavior

from offline.bench import EXAMPLES, REFERENCE, Bench, expect, say, values

NAME = "Simple Measurement"
REGISTER_MAP = EXAMPLES / "register_map" / "register_map.csv"


def show() -> None:
    """Measure alone, then twice while the session is open."""
    with Bench("custom_instrument.pinmap") as bench:
        bench.serve(REFERENCE / "custom_instrument")
        bench.plug_in("simple_measurement")

        alone = values(bench.measure(NAME))
        expect(alone["New session"] is True, "alone, the measurement opens a session and closes it")

        say("Somebody opens the instrument, and leaves it open")
        with _client(SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH) as device:
            session = device.session_id
        print(f"session {session}")
        first = values(bench.measure(NAME, {"Value": 17}))
        second = values(bench.measure(NAME, {"Value": 34}))
        ids = {first["Session id"], second["Session id"]}
        expect(ids == {session}, "both measurements use that session")
        expect(second["Value before"] == 17, "the second reads what the first has written")
        with _client(SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE):
            say("The session is closed")
        again = values(bench.measure(NAME))
        expect(again["New session"] is True, "afterwards the measurement opens its own again")


def _client(behavior: SessionInitializationBehavior) -> DeviceCommunicationClient:
    return DeviceCommunicationClient(
        "CustomInstrument", Protocol.SPI, REGISTER_MAP, initialization_behavior=behavior
    )
