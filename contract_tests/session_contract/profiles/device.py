"""An instrument's calls in the words of the examples, and the register map that goes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from session_contract.profiles.served import Answered, Client
from session_spec.class_models.instrument import REGISTERS, number
from session_spec.examples import Event

SPI = 1
HEAD = "Register Name,Register Address,Default Data"
GOOD = "\n".join(
    [
        HEAD,
        *(f"{name},0x{n:02X},0x{value:02X}" for n, (name, value) in enumerate(REGISTERS.items())),
    ]
)
"""The register map of the examples."""
BAD: Mapping[str, tuple[str, int]] = {
    "no column for the default": ("Register Name,Register Address\nCONFIG_0,0x00\n", 1),
    "no name": (f"{HEAD}\n,0x00,0x01\n", 2),
    "a name twice": (f"{HEAD}\nA,0x00,0x01\nB,0x01,0x02\nA,0x02,0x03\n", 4),
    "a default that is no number": (f"{HEAD}\nA,0x00,0x01\nB,0x01,many\n", 3),
    "a default above 255": (f"{HEAD}\nA,0x00,256\n", 2),
    "a default below 0": (f"{HEAD}\nA,0x00,-1\n", 2),
    "an address that is no number": (f"{HEAD}\nA,there,1\n", 2),
    "a line with too little": (f"{HEAD}\nA,0x00,1\nB\n", 3),
}
"""Register maps that break a rule, and the line that does."""
_FIELDS: Mapping[str, Sequence[str]] = {
    "ReadRegister": ("register_name",),
    "WriteRegister": ("register_name", "value"),
    "ReadGpioChannel": ("port", "channel"),
    "WriteGpioChannel": ("port", "channel", "state"),
    "ReadGpioPort": ("port", "mask"),
    "WriteGpioPort": ("port", "mask", "state"),
}


def call(client: Client, session: str, event: Event) -> Answered:
    """Make the call of an event."""
    given: dict[str, object] = {}
    for name, text in zip(_FIELDS[event.call], event.arguments[1:], strict=True):
        given[name] = text if name == "register_name" else number(text)
    if event.call == "WriteGpioChannel":
        given["state"] = bool(given["state"])
    return client.call(event.call, session_id=session, **given)


def words(event: Event, answer: Answered) -> tuple[str, ...]:
    """An answer in the words of the examples."""
    if answer.message is None or not event.call.startswith("Read"):
        return (answer.code,)
    if event.call == "ReadGpioChannel":
        return ("OK", "high" if answer.message.state else "low")
    value = answer.message.value if event.call == "ReadRegister" else answer.message.state
    return ("OK", f"0x{value:02X}")


def open_instrument(
    client: Client, resource: str, register_map: Path, *, reset: bool = False
) -> Answered:
    """Open an instrument, or attach to it."""
    return client.open(resource, protocol=SPI, reset=reset, register_map_path=str(register_map))
