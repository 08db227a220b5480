"""What all simulated instruments have in common, whatever their driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, TypeVar

from session_fakes.device.bench import Bench
from session_fakes.device.drivers import Driver
from session_fakes.device.options import Options, read_options

__all__ = ["Answer", "Opening", "Rpc", "Simulation", "rpc"]

Answer = Mapping[str, Any] | tuple[Any, ...] | Iterator[Mapping[str, Any]] | None
"""The fields of a response but for the status: by name, or all in their order, or none. Those of
the responses of a stream, one after the other as their time comes."""

F = TypeVar("F", bound=Callable[..., Answer])


def rpc(*names: str, waits: bool = False) -> Callable[[F], F]:
    """Mark a method of an instrument as the one that answers some RPCs.

    Args:
        names: The RPCs.
        waits: It may wait, and is given a function that says whether the caller has given up.
    """

    def mark(function: F) -> F:
        function.__dict__["rpcs"] = names
        function.__dict__["waits"] = waits
        return function

    return mark


class Rpc(NamedTuple):
    """How instruments of a driver answer an RPC."""

    call: Callable[[Any, Any, Callable[[], bool]], Answer]
    """Takes an instrument, a request, and a function that says whether the caller gave up."""
    passive: bool = False


class Opening(NamedTuple):
    """What a client said when it opened a session."""

    bench: Bench
    driver: Driver
    session_name: str
    request: Any
    """The message of the RPC, each driver has its own."""
    lenient: bool = False

    @property
    def options(self) -> Options:
        """What the option string says; NI-SWITCH has a field instead."""
        options = read_options(getattr(self.request, "option_string", ""))
        return options._replace(
            simulate=options.simulate or getattr(self.request, "simulate", False)
        )


class Simulation:
    """An instrument behind an open session. Its methods run one at a time on a bench."""

    INITIALIZERS: ClassVar[frozenset[str]]
    """The RPCs that open a session."""
    CLOSER: ClassVar[str] = "Close"
    PASSIVE: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Setters that do nothing, and why nobody can notice."""

    def __init__(self, opening: Opening) -> None:
        self.bench = opening.bench
        self.driver = opening.driver

    def close(self) -> None:
        """The session ends; outputs stay as they are, as with NI's drivers."""

    def remember(self, code: int, text: str) -> None:
        """Keep an error that was answered."""

    @classmethod
    def answers(cls, name: str) -> Rpc | None:
        """How its instruments answer an RPC; None when they do not."""
        for kind in cls.__mro__:
            for attribute, function in vars(kind).items():
                if name in getattr(function, "rpcs", ()):
                    return _method(attribute, waits=function.waits)
        return Rpc(_nothing, passive=True) if name in cls.PASSIVE else None

    @classmethod
    def without_session(cls, bench: Bench, driver: Driver) -> object:
        """What answers the RPCs that name no session."""
        raise NotImplementedError(driver.package)


def _nothing(_: Any, __: Any, ___: Callable[[], bool]) -> Answer:
    return None


def _method(attribute: str, *, waits: bool) -> Rpc:
    """The method of an instrument by its name: that of its class, which may be a subclass."""

    def call(instrument: Any, request: Any, gone: Callable[[], bool]) -> Answer:
        arguments = (request, gone) if waits else (request,)
        found: Answer = getattr(instrument, attribute)(*arguments)
        return found

    return Rpc(call)
