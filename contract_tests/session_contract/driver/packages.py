"""NI's driver packages as clients: their sessions, and what these send.

Passing ``GrpcSessionOptions`` to a session of NI's packages is subject to NI's licence terms.
"""

from __future__ import annotations

import gc
import importlib
import warnings
from collections.abc import Callable
from typing import Any

import grpc

from session_contract.driver.server import OPTIONS, RESOURCE, DeviceServer
from session_contract.subject.finding import NotEstablished

WHO = "the package"


class Wire(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc, unused-ignore]
    """Notes the RPCs that a package makes."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def intercept_unary_unary(  # noqa: D102 - gRPC's
        self,
        continuation: Callable[[Any, Any], Any],
        client_call_details: Any,  # noqa: ANN401 - gRPC's
        request: Any,  # noqa: ANN401 - a message
    ) -> Any:  # noqa: ANN401 - a call
        method = client_call_details.method
        text = method.decode() if isinstance(method, bytes) else str(method)
        self.called.append(text.rpartition("/")[2])
        return continuation(client_call_details, request)


class PackageClient:
    """A client that opens sessions with the driver's own package."""

    def __init__(self, server: DeviceServer) -> None:
        """Connect to a device server."""
        self._server = server
        self._interface = server.target.interface
        self._package: Any = importlib.import_module(self._interface.package)
        self._channel = grpc.insecure_channel(server.address, OPTIONS)
        self.wire = Wire()

    def open(self, name: str, behavior: str) -> Any:  # noqa: ANN401 - a session of the package
        """Open a session, with a behaviour as the package names it; what it sends is noted."""
        options = self._package.GrpcSessionOptions(
            grpc.intercept_channel(self._channel, self.wire),
            name,
            initialization_behavior=self._package.SessionInitializationBehavior[behavior],
        )
        self._server.saw(WHO, f"a session of {self._interface.package}: {name!r}, {behavior}")
        if name:
            self._server.opened[name] = self._interface
        try:
            return self._opened(name, options)
        except Exception as error:
            raise NotEstablished(
                f"{self._interface.package} opens no session, so that nothing can be said of "
                f"leaving it: {type(error).__name__}: {error}"
            ) from error

    def drop(self, name: str, behavior: str) -> None:
        """Open a session and let its object go, without leaving or closing it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # packages may tell of it
            self.open(name, behavior)  # nobody keeps it
            gc.collect()

    def _opened(self, name: str, options: Any) -> Any:  # noqa: ANN401 - of the package
        if self._interface.package == "nidaqmx":
            return self._package.Task(new_task_name=name, grpc_options=options)
        given = dict(self._server.target.configuration)
        resource = str(given.pop("resource_name", RESOURCE))
        if self._interface.package == "niswitch":
            return self._package.Session(resource, grpc_options=options, **given)
        return self._package.Session(
            resource, options=str(given.get("option_string", "")), grpc_options=options
        )

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What the package raises for an error of the driver."""
        module = importlib.import_module(f"{self._interface.package}.errors")
        names = ("DriverError", "DaqError")
        return tuple(getattr(module, name) for name in names if hasattr(module, name))

    def closes(self) -> int:
        """How often it has closed a session."""
        return self.wire.called.count(self._interface.close)

    def hang_up(self) -> None:
        """Close the channel."""
        self._channel.close()
