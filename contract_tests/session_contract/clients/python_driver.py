"""The driver of Python clients: makes, enters and leaves them as it is told, line by line.

It is run by its path, with the file of a recipe, in the Python that the client lives in; so it
needs the standard library alone. What a call is given are values of TOML, in which these texts
stand for something:

=========================  ===================================================================
{resource}                 the resource, a text
{behavior}                 a member of NI's SessionInitializationBehavior
{behavior_name}            its name; {behavior_number} its number, 0 to 4
{address}                  the server, host:port; {host} and {port} are its parts
{timeout}                  seconds that a call should take at most
{channel}                  a gRPC channel to the server, made and closed by this driver
{channel_pool}             a GrpcChannelPool of NI's, the same for all clients
{discovery}                a DiscoveryClient of NI's, the same for all clients
{session_info}             a SessionInformation of NI's about the resource
{import module:name}       whatever has this name in a module
=========================  ===================================================================

Inside a longer text they are filled in as text. A table with ``make = "module:name"`` is one more
thing to make, with ``arguments`` and ``keywords`` of its own.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import queue
import re
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

_SDK = "ni_measurement_plugin_sdk_service"
_WHOLE = re.compile(r"\{(\w+|import [\w.]+:[\w.]+)\}")
_PARAMETERS = {
    "resource": ("resource_name", "resource", "file_path", "path", "resource_id", "name"),
    "behavior": ("initialization_behavior", "session_initialization_behavior", "behavior"),
    "session_info": ("session_info", "session_information"),
    "timeout": ("timeout",),
    "address": ("address", "server_address", "target"),
    "channel": ("channel", "grpc_channel"),
    "discovery": ("discovery_client",),
}
"""How parameters are called that get these values, when nobody says which get what."""
_WAYS = ("address", "channel", "discovery")
"""How a client can find its server; the first will do."""


class DescriptionError(Exception):
    """The client cannot be made as it is described; the text says why."""


class CannotError(Exception):
    """The recipe does not say how; the text says what is missing."""


class BodyError(Exception):
    """What the body of a block raises."""


# Channels -----------------------------------------------------------------------------------------

_open_channels: weakref.WeakSet[Any] = weakref.WeakSet()


def _watch_channels() -> Callable[[str], Any]:
    """Count channels from now on; return how to make one that is not counted."""
    import grpc

    uncounted = grpc.insecure_channel
    watched = _watched(grpc)
    for kind in ("insecure_channel", "secure_channel"):
        setattr(grpc, kind, _watching(getattr(grpc, kind), watched))
    return uncounted


def _watching(make: Callable[..., Any], watched: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda *given, **named: watched(make(*given, **named))


def _watched(grpc: Any) -> Any:  # noqa: ANN401 - the module
    """A class of channels, each of another one, that are known until they are closed."""

    def start(self: Any, channel: Any) -> None:  # noqa: ANN401
        self.channel = channel
        _open_channels.add(self)

    def close(self: Any, *_: object) -> None:  # noqa: ANN401
        _open_channels.discard(self)
        self.channel.close()

    def enter(self: Any) -> Any:  # noqa: ANN401
        return self

    own = {"__init__": start, "__enter__": enter, "__exit__": close, "close": close}
    kinds = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
    passed = {name: _passed_on(name) for name in ("subscribe", "unsubscribe", *kinds)}
    watched: Any = type("Watched", (grpc.Channel,), {**own, **passed})
    return watched


def _passed_on(name: str) -> Callable[..., Any]:
    def call(self: Any, *given: Any, **named: Any) -> Any:  # noqa: ANN401
        return getattr(self.channel, name)(*given, **named)

    return call


# What calls are given -----------------------------------------------------------------------------


class Values:
    """What the texts of a recipe stand for, for one client."""

    def __init__(self, order: Mapping[str, Any], channel_to: Callable[[str], Any]) -> None:
        """Take them from the order to enter."""
        self._order = order
        self._channel_to = channel_to
        self.channels: list[Any] = []
        """Channels that were made for this client, and are not its own."""

    def filled(self, value: Any) -> Any:  # noqa: ANN401
        """A value of the recipe with what its texts stand for."""
        if isinstance(value, str):
            whole = _WHOLE.fullmatch(value)
            if whole:
                return self._meaning(whole[1])
            return _WHOLE.sub(lambda found: str(self._meaning(found[1])), value)
        kind: object = value.__class__
        if kind is list:
            return [self.filled(each) for each in value]
        if kind is dict and "make" in value:
            return made(value, self)
        if kind is dict:
            return {key: self.filled(each) for key, each in value.items()}
        return value

    def _meaning(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("import "):
            return found(name.removeprefix("import "))
        find = getattr(self, f"_{name}", None)
        if name in self._order:
            find = find or (lambda: self._order[name])
        if find is None:
            raise DescriptionError(f"{{{name}}} stands for nothing")
        return find()

    def _behavior(self) -> Any:  # noqa: ANN401
        kinds = found(f"{_SDK}.session_management:SessionInitializationBehavior")
        return kinds[self._order["behavior"]]

    def _behavior_name(self) -> str:
        return str(self._order["behavior"])

    def _behavior_number(self) -> int:
        names = (
            *("AUTO", "INITIALIZE_SERVER_SESSION", "ATTACH_TO_SERVER_SESSION"),
            *("INITIALIZE_SESSION_THEN_DETACH", "ATTACH_TO_SESSION_THEN_CLOSE"),
        )
        return names.index(self._order["behavior"])

    def _host(self) -> str:
        return str(self._order["address"].rpartition(":")[0])

    def _port(self) -> int:
        return int(self._order["address"].rpartition(":")[2])

    def _channel(self) -> Any:  # noqa: ANN401
        self.channels.append(self._channel_to(self._order["address"]))
        return self.channels[-1]

    def _channel_pool(self) -> Any:  # noqa: ANN401
        return _channel_pool()

    def _discovery(self) -> Any:  # noqa: ANN401
        return _discovery()

    def _session_info(self) -> Any:  # noqa: ANN401
        resource = self._order["resource"]
        return found(f"{_SDK}.session_management:SessionInformation")(
            session_name=f"session-of-{resource}",
            resource_name=resource,
            channel_list="",
            instrument_type_id="session-contract",
            session_exists=False,
            channel_mappings=[],
        )


@lru_cache(maxsize=1)
def _channel_pool() -> Any:  # noqa: ANN401
    return found(f"{_SDK}.grpc.channelpool:GrpcChannelPool")()


@lru_cache(maxsize=1)
def _discovery() -> Any:  # noqa: ANN401
    return found(f"{_SDK}.discovery:DiscoveryClient")(grpc_channel_pool=_channel_pool())


def found(place: str) -> Any:  # noqa: ANN401
    """What ``module:name`` names."""
    module, _, name = place.partition(":")
    try:
        result: Any = importlib.import_module(module)
        for part in name.split("."):
            result = getattr(result, part)
    except Exception as error:
        raise DescriptionError(
            f"{place} cannot be imported by {sys.executable}: {_words(error)}. Write module:name, "
            "and the folder of the module as [target] folder."
        ) from error
    return result


def made(recipe: Mapping[str, Any], values: Values) -> Any:  # noqa: ANN401
    """What a recipe makes."""
    make = found(recipe["make"])
    arguments, keywords = recipe.get("arguments"), recipe.get("keywords")
    if arguments is None and keywords is None:
        keywords = inferred(make, recipe["make"])
    thing = make(*values.filled(arguments or []), **values.filled(keywords or {}))
    then = recipe.get("then")
    return thing if then is None else thing(*values.filled(then))


def inferred(make: Callable[..., Any], name: str) -> dict[str, str]:
    """The keywords of a call, told by the names of its parameters."""
    parameters = [p for p in inspect.signature(make).parameters.values() if p.kind not in (2, 4)]
    meanings = {word: value for value, words in _PARAMETERS.items() for word in words}
    known = {p.name: meanings[p.name] for p in parameters if p.name in meanings}
    ways = [way for way in _WAYS if way in known.values()]
    given = {k: f"{{{v}}}" for k, v in known.items() if v not in ways[1:]}
    unknown = [p.name for p in parameters if p.default is p.empty and p.name not in given]
    if len(unknown) == 1 and not {"resource", "session_info"} & set(known.values()):
        given[unknown.pop()] = "{resource}"
    if unknown:
        raise DescriptionError(
            f"What {', '.join(unknown)} of {name} gets cannot be told. Write [client] arguments "
            'or keywords, such as arguments = ["{resource}", "{behavior}"].'
        )
    return given


# What it can do -----------------------------------------------------------------------------------


class Client:
    """A client that was made, and is to be entered."""

    def __init__(self, recipe: Mapping[str, Any], values: Values) -> None:
        """Make it."""
        self._recipe = recipe
        self._values = values
        self._manager: Any = made(recipe, values)
        self._kind: Any = type(self._manager)
        self._entered: Any = None
        if not hasattr(self._kind, "__exit__"):
            name = self._kind.__name__
            raise DescriptionError(
                f"what {recipe['make']} makes is a {name}, which 'with' does not "
                "take: it has no __enter__ and __exit__. If it has to be called first, write "
                "[client] then."
            )

    def enter(self) -> None:
        """Enter its block."""
        self._entered = self._kind.__enter__(self._manager)

    def leave(self, *, error: bool) -> None:
        """Leave its block, as ``with`` does."""
        leave = self._kind.__exit__
        try:
            if not error:
                leave(self._manager, None, None, None)
                return
            try:
                _fail()
            except BodyError:
                if not leave(self._manager, *sys.exc_info()):
                    raise
        finally:
            for channel in self._values.channels:
                channel.close()

    def close(self) -> None:
        """Call the method that closes."""
        name = self._recipe.get("close")
        if not name:
            raise CannotError("[client] close names no method")
        self._method(name)()

    def use(self) -> None:
        """Call the method that uses the session."""
        use = self._recipe.get("use")
        if not use:
            raise CannotError("there is no [client.use]")
        arguments = self._values.filled(use.get("arguments") or [])
        self._method(use["call"])(*arguments, **self._values.filled(use.get("keywords") or {}))

    def _method(self, name: str) -> Callable[..., Any]:
        entered = self._manager if self._entered is None else self._entered
        try:
            method: Callable[..., Any] = getattr(entered, name)
        except AttributeError:
            kind = type(entered).__name__
            raise DescriptionError(f"{kind} has no {name}: see [client] close and use") from None
        return method


def _fail() -> None:
    raise BodyError("raised by the body")


class Driver:
    """Carries out the orders."""

    def __init__(self, recipe: Mapping[str, Any]) -> None:
        """Make clients by this recipe."""
        self._recipe = recipe
        self._clients: dict[str, Client] = {}
        sys.path.insert(0, recipe["folder"])
        try:
            self._channel_to = _watch_channels()
        except ImportError:  # a client without grpcio, which can be described as well

            def none(_: str) -> None:
                raise DescriptionError("{channel} needs grpcio, which is not installed")

            self._channel_to = none

    def carry_out(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Do what an order says, and tell what came out."""
        do = getattr(self, f"_{order['do']}", None)
        if do is None:
            return {"cannot": f"{order['do']!r} is unknown"}
        try:
            return {"raised": None, **(do(order) or {})}
        except DescriptionError as error:
            return {"failed": str(error)}
        except CannotError as error:
            return {"cannot": str(error)}
        except BaseException as error:
            return {"raised": kind_of(error), "text": _words(error)}

    def _enter(self, order: Mapping[str, Any]) -> None:
        name = order["client"]
        self._clients.pop(name, None)
        values = Values(order, self._channel_to)
        try:
            client = Client(self._recipe, values)
            client.enter()
        except BaseException:
            for channel in values.channels:
                channel.close()
            raise
        self._clients[name] = client

    def _exit(self, order: Mapping[str, Any]) -> None:
        self._clients[order["client"]].leave(error=order["error"])

    def _close(self, order: Mapping[str, Any]) -> None:
        self._clients[order["client"]].close()

    def _use(self, order: Mapping[str, Any]) -> None:
        self._clients[order["client"]].use()

    def _remains(self, _: Mapping[str, Any]) -> dict[str, Any]:
        threads = threading.active_count()
        return {"remains": {"channel": len(_open_channels), "thread": threads}}

    def _describe(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """How the client is made, in words."""
        given = {key: self._recipe.get(key) for key in ("arguments", "keywords")}
        if given["arguments"] is None and given["keywords"] is None:
            given["keywords"] = inferred(found(self._recipe["make"]), self._recipe["make"])
        arguments: list[Any] = given["arguments"] or []
        words = [json.dumps(each) for each in arguments]
        words += [f"{key}={json.dumps(each)}" for key, each in (given["keywords"] or {}).items()]
        then = self._recipe.get("then")
        more = "" if then is None else f"({', '.join(map(json.dumps, then))})"
        return {"text": f"{self._recipe['make']}({', '.join(words)}){more}"}


def kind_of(error: BaseException) -> str:
    """How an answer calls what came out."""
    if type(error) is BodyError:
        return "body"
    for name in ("code", "rpc_code"):
        code: Any = getattr(error, name, None)
        try:
            code = code() if callable(code) else code
        except Exception:  # whatever it is, it is no status code
            continue
        if type(code).__name__ == "StatusCode":
            return str(code.name)
    return "other"


def _words(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(type(error), error)).strip()[:2000]


def main() -> None:
    """Answer orders until there are no more, or until it is told to quit."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # whatever the client prints is no answer
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            orders.put(line)
        os._exit(0)  # the kit is gone, also when a client hangs

    threading.Thread(target=read, daemon=True).start()
    driver = Driver(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    while True:
        order = json.loads(orders.get())
        if order["do"] == "quit":
            os._exit(0)
        answers.write(json.dumps({"id": order["id"], **driver.carry_out(order)}) + "\n")


if __name__ == "__main__":
    main()
