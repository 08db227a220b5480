"""One client in a check, from its making to its end: what the driver is told, and what came out."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext

from session_contract.clients.lines import BODY, Said
from session_contract.clients.process import DriverProcess, Ended, Hung
from session_contract.clients.trace import Trace
from session_contract.clients.witness import Gate, Shared
from session_contract.subject.finding import Finding, NotEstablished, TargetDied, Violated
from session_spec.matrix import SdkBehavior
from session_spec.model import Violation

_ERROR = "error"
"""How a trace calls the exception of the body."""


class Caller:
    """Makes one client do things; everything that happens is kept in its trace."""

    def __init__(
        self, name: str, gate: Gate, shared: Shared, trace: Trace, driver: DriverProcess
    ) -> None:
        """Put a client that is not made yet before a check.

        Args:
            name: What the driver is to call it.
            gate: The server that it talks to.
            shared: The resource that it is given.
            trace: What happens to it.
            driver: What makes it.
        """
        self.name = name
        self.gate = gate
        self.shared = shared
        self.trace = trace
        self.address = gate.address
        """The server, as the client is told."""
        self.timeout = 30.0
        """Seconds that it is told for its calls."""
        self.hang = 60.0
        """Seconds after which it counts as hanging."""
        self.discovery = ""
        """The Discovery that knows the server, if there is one."""
        self.registered: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext()
        """Has a server at this address known to Discovery, while the client does something."""
        self.is_inside = False
        """Whether its block has begun, and the driver still answers."""
        self.can_close = True
        """Whether the driver could close in the body, when it was told to."""
        self.over = ExitStack()
        """Ends what was made for this client."""
        self.said: list[str] = []
        """What came out, in the words of the driver."""
        self._driver = driver

    def limit(self, seconds: float) -> None:
        """Have it told a time limit for its calls, and wait as much longer for it."""
        self.timeout = seconds
        self.hang += seconds

    # What it does ---------------------------------------------------------------------------------

    def enter(self, behavior: SdkBehavior) -> bool:
        """Make the client and enter its block; whether its body began."""
        self.trace.caller("Enter", behavior.name, self.shared.resource)
        said = self._ask(
            "enter",
            address=self.address,
            discovery=self.discovery,
            resource=self.shared.resource,
            behavior=behavior.name,
            timeout=self.timeout,
        )
        if said is None:
            return False
        self.is_inside = not said.raised
        if said.raised:
            self.trace.caller("Raised", said.raised)
        else:
            self.trace.caller("Entered")
        return self.is_inside

    def use(self) -> bool:
        """Call the server in the body; False when that cannot be done."""
        return self.is_inside and self._optional("use")

    def close(self) -> bool:
        """Close in the body; False when that cannot be done."""
        if not self.is_inside:
            return False
        self.trace.caller("CloseCall")
        self.can_close = self._optional("close")
        return self.can_close

    def leave(self, *, error: bool = False) -> None:
        """Leave the block; it can be left again."""
        if not self.is_inside:
            return
        self.trace.caller("Leave", *([_ERROR] if error else []))
        said = self._ask("exit", error=error)
        if said is not None:
            came_out = _ERROR if said.raised == BODY else said.raised
            self.trace.caller("Left", *([came_out] if came_out else []))

    def _optional(self, do: str) -> bool:
        said = self._ask(do, must=False)
        return said is not None and not said.cannot

    def _ask(self, do: str, *, must: bool = True, **given: object) -> Said | None:
        """Tell the driver; None when the client hung."""
        try:
            with self.registered(self.address):
                said = self._driver.ask(do, self.hang, client=self.name, **given)
        except Hung:
            self.is_inside = False
            self.trace.caller("Hung")
            return None
        except Ended as ended:
            raise TargetDied(str(ended)) from None
        if said.cannot and must:
            raise NotEstablished(f"The driver cannot {do}: {said.cannot}.")
        if said.raised and said.raised != BODY and said.text:
            self.said.append(_in_one_line(said.text))
        return said

    # What is said of it ---------------------------------------------------------------------------

    def report(self, violation: Violation) -> Violated:
        """The violation with all that a reader needs to believe it."""
        facts = [f"the driver told: {text}" for text in dict.fromkeys(self.said[-3:])]
        facts += [f"it also called {rpc}" for rpc in self.gate.others]
        return Violated(
            Finding(
                violation.requirement,
                self.trace.shortened(violation.sentence),
                events=self.trace.told(),
                facts=[*facts, *(f"it printed: {line}" for line in self._driver.printed[-3:])],
            )
        )


def _in_one_line(error: str) -> str:
    """An exception as a driver tells it; of gRPC's, which has many lines, status and text."""
    status = re.search(r"status = StatusCode\.(\w+)", error)
    details = re.search(r'details = "(.*)"', error)
    if status and details:
        return f"{status[1]} {details[1]}"
    return error.splitlines()[0]
