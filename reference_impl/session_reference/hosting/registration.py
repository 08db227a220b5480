"""Who a server is, from its ``.serviceconfig``, and how NI's Discovery Service comes to know it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
from ni.measurementlink.discovery.v1 import discovery_service_pb2_grpc
from ni.measurementlink.discovery.v1.client import DiscoveryClient, ServiceInfo, ServiceLocation
from ni_grpc_extensions.channelpool import GrpcChannelPool

_PAUSE = 1.0
"""Seconds between two attempts to register."""
_LAST_LOOK = 2.0
"""Seconds within which gRPC notices that nobody watches a channel any more; it looks every 0.2."""
_COMMENT_OR_TEXT = re.compile(r'//[^\n]*|"(?:\\.|[^"\\])*"')


class ServiceConfigError(Exception):
    """A ``.serviceconfig`` does not say who the server is."""


def read_service_config(path: Path) -> ServiceInfo:
    """Read the first service of a ``.serviceconfig``: JSON, also with ``//`` comments and a BOM."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        service = json.loads(_COMMENT_OR_TEXT.sub(_without_comment, text))["services"][0]
        interfaces = service.get("providedInterfaces") or [service["providedInterface"]]
        return ServiceInfo(
            service_class=service["serviceClass"],
            description_url=service.get("descriptionUrl", ""),
            provided_interfaces=list(interfaces),
            display_name=service["displayName"],
            versions=[service["version"]] if service.get("version") else [],
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ServiceConfigError(
            f"{path} does not describe a service ({type(error).__name__}: {error}): it needs "
            "services[0] with displayName, serviceClass and providedInterface."
        ) from error


def _without_comment(match: re.Match[str]) -> str:
    """Drop a comment; keep a text, which may hold two slashes."""
    return "" if match[0].startswith("//") else match[0]


class _WatchedPool(GrpcChannelPool):
    """NI's pool of channels, which tells when a connection that stood is there no longer.

    gRPC watches a channel in a thread, which fails aloud where the channel is closed meanwhile, and
    closing waits for its look: so first it is watched no more, and closed when that was noticed.
    """

    def __init__(self, on_break: Callable[[], None]) -> None:
        super().__init__()
        self._on_break = on_break
        self._channels: set[grpc.Channel] = set()

    def get_channel(self, target: str) -> grpc.Channel:
        channel = super().get_channel(target)
        self._channels.add(channel)
        return channel

    def watch(self) -> None:
        """From now on tell of a break, also of one that has been."""
        for channel in self._channels:
            channel.subscribe(self._see)

    def look_away(self) -> None:
        """Tell of nothing more."""
        for channel in self._channels:
            channel.unsubscribe(self._see)

    def leave(self) -> None:
        """Look away, and close a while later; nobody has to wait for that."""
        self.look_away()
        closing = threading.Timer(_LAST_LOOK, self.close)
        closing.daemon = True
        closing.start()

    def _see(self, state: grpc.ChannelConnectivity) -> None:
        if state is not grpc.ChannelConnectivity.READY:
            self._on_break()


@dataclass
class _Link:
    """A connection to Discovery, and the registration that was made over it."""

    pool: _WatchedPool
    client: DiscoveryClient
    registration: str = ""


class Registration:
    """Keeps a server registered, in a thread of its own, so that no answer is waited for elsewhere.

    While Discovery is away it tries again every second; when the connection breaks off it asks
    whether Discovery still knows the server, and registers anew if not.

    Attributes:
        tried: Set after the first attempt.
        trouble: Why the server is not registered now; empty when it is.
    """

    def __init__(
        self,
        service: ServiceInfo,
        location: ServiceLocation,
        say: Callable[[str], None],
        address: str | None = None,
    ) -> None:
        """Prepare a registration.

        Args:
            service: Who the server is.
            location: Where it serves.
            say: Tells the user what happens, in a sentence.
            address: Where Discovery listens, for stations that NI's client cannot find.
        """
        self._service = service
        self._location = location
        self._say = say
        self._address = address
        self.tried = threading.Event()
        self.trouble = ""
        self._stopping = False
        self._given_up = False
        self._wake = threading.Event()
        self._pool: GrpcChannelPool | None = None
        self._link: _Link | None = None
        self._thread = threading.Thread(target=self._keep, name="registration", daemon=True)

    def start(self) -> None:
        """Begin to register."""
        self._thread.start()

    def stop(self) -> None:
        """Take the registration back; this waits for Discovery, for as long as it takes."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def give_up(self) -> None:
        """End a ``stop`` whose Discovery does not answer."""
        self._tell("Discovery does not answer: the registration may stay behind.")
        self._given_up = True
        if self._pool:
            self._pool.close()  # which cancels its calls

    def _keep(self) -> None:
        while not self._stopping:
            if self._link is None or not self._is_known(self._link):
                self._register()
            self.tried.set()
            self._wake.wait(_PAUSE if self._link is None else None)
            self._wake.clear()
        self._unregister()

    def _register(self) -> None:
        """Try once, over a new connection: a Discovery that comes back has another port."""
        link = self._connect()
        try:
            link.registration = link.client.register_service(self._service, self._location)
        except Exception as error:  # NI's client raises whatever its search for Discovery meets
            link.pool.close()
            self._report(_cause(error))
            return
        link.pool.watch()
        self._link, self.trouble = link, ""
        self._tell(f"Registered with Discovery as {self._service.service_class}.")

    def _connect(self) -> _Link:
        pool = self._pool = _WatchedPool(self._wake.set)
        if self._address is None:
            return _Link(pool, DiscoveryClient(grpc_channel_pool=pool))
        stub = discovery_service_pb2_grpc.DiscoveryServiceStub(pool.get_channel(self._address))
        return _Link(pool, DiscoveryClient(stub, grpc_channel_pool=pool))

    def _report(self, trouble: str) -> None:
        """Say a trouble once, however often it comes."""
        if trouble != self.trouble:
            self.trouble = trouble
            self._tell(f"Not registered: {trouble}.")

    def _is_known(self, link: _Link) -> bool:
        """Whether Discovery is there and lists this server's class; else the link is of no use."""
        if self._stopping:
            return True
        try:
            listed = link.client.enumerate_services(self._service.provided_interfaces[0])
        except grpc.RpcError as error:
            self._report(f"Discovery was lost ({_cause(error)})")
        else:
            if any(info.service_class == self._service.service_class for info in listed):
                return True
        self._link = None
        link.pool.leave()
        return False

    def _unregister(self) -> None:
        link, self._link = self._link, None
        if link is None:
            return
        link.pool.look_away()  # whoever gives up closes it
        try:
            link.client.unregister_service(link.registration)
            self._tell("Unregistered from Discovery.")
        except (grpc.RpcError, ValueError) as error:  # the latter once the pool is closed
            self._tell(f"The registration may stay behind: {_cause(error)}.")
        link.pool.leave()

    def _tell(self, sentence: str) -> None:
        if not self._given_up:
            self._say(sentence)


def _cause(error: Exception) -> str:
    """What went wrong, in the words of whoever noticed."""
    if isinstance(error, grpc.RpcError) and isinstance(error, grpc.Call):
        return f"{error.code().name}: {error.details()}".rstrip(".")
    return str(error).rstrip(".") or type(error).__name__
