"""How a target is named: the same flags at the command and, with a prefix, at pytest.

Nothing heavy is imported here: every run of pytest in this environment reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from session_contract.subject.target import AnyTarget, Target

BUDGETS = ("quick", "default", "thorough")


@dataclass(frozen=True)
class Flag:
    """A flag that says something of the target."""

    name: str
    metavar: str
    text: str
    is_list: bool = False


PLACES = (
    Flag("target", "FILE", "The target file, which says all there is to know of the target."),
    Flag("address", "HOST:PORT", "A server that runs already."),
    Flag("command", "COMMAND", "A command that starts a server, with {port} for its port."),
    Flag("servicer", "MODULE:NAME", "A Python function that adds a servicer to a server."),
    Flag("client", "MODULE:NAME", "A Python client, class or function; give its --proto."),
    Flag("station", "HOST:PORT", "The Discovery of a station; 'ni' for the one of this machine."),
)
"""One of them names the target."""
DETAILS = (
    Flag("proto", "FILE", "A .proto or descriptor set; without, the server is asked."),
    Flag("include", "FOLDER", "A folder in which the .proto finds its imports.", is_list=True),
    Flag("name", "NAME", "What the report calls the target."),
    Flag("service", "SERVICE", "The gRPC service, if the server has several."),
    Flag("claim", "CLAIM", "What is claimed beyond the core.", is_list=True),
    Flag("dialect", "DIALECT", "standard, or grpc-device."),
)
"""They go with all places but the target file."""
FLAGS = (*PLACES, *DETAILS)


def load(given: Mapping[str, Any]) -> AnyTarget:
    """The target that flags name; a TargetError says which are missing or do not go together."""
    from session_contract.running.classes import judgeable, load_any_target
    from session_contract.subject.target import TargetError

    places = [flag.name for flag in PLACES if given.get(flag.name)]
    details = {flag.name: given[flag.name] for flag in DETAILS if given.get(flag.name)}
    if len(places) != 1:
        stand = " and ".join(f"--{name}" for name in places) + " stand together"
        names = ", ".join(f"--{flag.name}" for flag in PLACES)
        raise TargetError(f"{stand if places else 'No target is named'}: give one of {names}.")
    if places == ["target"]:
        if details:
            raise TargetError(
                f"--{next(iter(details))} belongs into the target file: write it there."
            )
        return load_any_target(Path(given["target"]))
    if places == ["station"]:
        from session_contract.station.target import station_from_flags

        return station_from_flags(given["station"], details)
    if places == ["client"]:
        return judgeable(_client(given["client"], details), "client")
    return judgeable(server(given), "server")


def _client(name: str, details: dict[str, Any]) -> AnyTarget:
    from session_contract.clients.loading import client_from_flags
    from session_contract.subject.target import TargetError

    if "dialect" in details:
        raise TargetError("--dialect is of servers: leave it out for a client.")
    return client_from_flags(**_arguments(name, "client", details))


def server(given: Mapping[str, Any]) -> Target:
    """The server that flags name, without a target file."""
    from session_contract.subject.loading import target_from_flags
    from session_contract.subject.target import TargetError

    (place,) = (flag.name for flag in PLACES if given.get(flag.name))
    if place == "station":
        raise TargetError("A station needs no target file: judge it with run --station.")
    if place == "client":
        raise TargetError("For a client, begin with the file in contract_tests/clients.md.")
    details = {flag.name: given[flag.name] for flag in DETAILS if given.get(flag.name)}
    return target_from_flags(**_arguments(given[place], place, details))


def _arguments(place: str, kind: str, details: dict[str, Any]) -> dict[str, Any]:
    arguments = {kind: place, **details}
    if "claim" in arguments:
        arguments["claims"] = arguments.pop("claim")
    if "proto" in arguments:
        arguments["proto"] = Path(arguments["proto"])
    if "include" in arguments:
        arguments["include"] = [Path(folder) for folder in arguments["include"]]
    return arguments
