"""What is looked for, and what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Mend = Callable[[bytes], bytes]
"""Makes of the content of a file what it has to be."""


@dataclass(frozen=True)
class Rule:
    """A kind of fault.

    Attributes:
        id: Its name, for ``--ignore``.
        title: What has to hold.
        why: What happens at run time where it does not.
        is_mended: Whether ``--fix`` mends it, where it is plain how.
    """

    id: str
    title: str
    why: str
    is_mended: bool = False


@dataclass(frozen=True)
class Finding:
    """A fault, where it is, and what to write instead."""

    rule: Rule
    path: Path
    line: int
    fault: str
    remedy: str
    mend: Mend | None = field(default=None, compare=False)


RULES = {
    rule.id: rule
    for rule in (
        Rule(
            "encoding",
            "Files are UTF-8.",
            "Whoever reads the file fails at the first letter beyond ASCII, or shows another one.",
            is_mended=True,
        ),
        Rule(
            "bom",
            "Scripts and .serviceconfig files begin without a byte order mark.",
            "A shell takes the mark for part of the first command, and readers of JSON that do not "
            "expect it refuse the file.",
            is_mended=True,
        ),
        Rule(
            "script-lines",
            "Lines of shell scripts end in LF.",
            "With CRLF the system looks for an interpreter whose name ends in a carriage return.",
            is_mended=True,
        ),
        Rule(
            "config-syntax",
            "A .serviceconfig is JSON with a list of services.",
            "Discovery does not see the service, and the server ends at its start.",
        ),
        Rule(
            "config-comment",
            "The .serviceconfig of a measurement has no comments.",
            "NI's MeasurementService reads the file as plain JSON and ends at the first comment.",
        ),
        Rule(
            "config-key",
            "A service has displayName, serviceClass, interfaces and path, each a text.",
            "What is missing is missed only when the service is hosted, started or looked for.",
        ),
        Rule(
            "config-interfaces",
            "The interfaces of a service stand under the key that its reader looks for.",
            "NI's MeasurementService reads providedInterfaces, a list, and nothing else; of two "
            "keys that say different things each reader believes another one.",
            is_mended=True,
        ),
        Rule(
            "config-version",
            "A version is of the form 1.2.3 or 1.2.3.4.",
            "Discovery compares versions number by number; other forms are refused or sort wrong.",
            is_mended=True,
        ),
        Rule(
            "config-path",
            "What starts a service lies beside its .serviceconfig.",
            "Discovery starts the service on demand, finds no such file, and clients wait in vain.",
        ),
        Rule(
            "client-service",
            "A client asks Discovery for an interface and a class of one .serviceconfig.",
            "Discovery answers NOT_FOUND, and the client fails on every station.",
        ),
        Rule(
            "proto-name",
            "What is to be a gRPC name is one of the .proto, package included.",
            "Who looks the service up by its gRPC name does not find it.",
        ),
        Rule(
            "pin-name",
            "Pins that the code reserves are in a pin map.",
            "The reservation fails with an unknown pin when the measurement runs.",
        ),
        Rule(
            "pin-type",
            "Instrument types of the code are those of the pin map, and of the pin.",
            "The reservation has no session of that type, and the measurement fails when it runs.",
        ),
        Rule(
            "pin-map",
            "A pin map is XML whose connections name what is there.",
            "The pin map is refused as a whole when a sequence or a measurement loads it.",
        ),
        Rule(
            "start-script",
            "A start script starts a file that is there.",
            "The service does not start; Discovery, which started it, shows nobody what was said.",
        ),
        Rule(
            "stale-stubs",
            "Stubs say what their .proto says.",
            "Fields and calls that only one side knows are lost on the wire, or fail when called.",
        ),
        Rule(
            "abort-in-try",
            "context.abort is not called where a broad except catches what it raises.",
            "The except takes it for one more failure: NOT_FOUND leaves the server as INTERNAL.",
        ),
        Rule(
            "default-client",
            "No DiscoveryClient is made in a default argument.",
            "It is made once, at import, and shared by all who leave it out: a fake, a second "
            "station or a closed channel of one is that of all.",
        ),
        Rule(
            "target-file",
            "A target file can be used.",
            "session-contract run ends with exit code 2 instead of judging.",
        ),
    )
}
"""All rules, by id."""
