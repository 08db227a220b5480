"""Connecting to a hosted measurement and running it, over version 2 of its interface or 1.

Version 2 streams the outputs while the measurement runs; version 1 answers once. A measurement is
cancelled when whoever waits for it stops waiting: Ctrl-C, a time limit, or an exception of
``on_update``.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import grpc
from google.protobuf import any_pb2
from ni.measurementlink import pin_map_context_pb2
from ni.measurementlink.measurement.v1 import measurement_service_pb2 as v1
from ni.measurementlink.measurement.v1 import measurement_service_pb2_grpc as v1_grpc
from ni.measurementlink.measurement.v2 import measurement_service_pb2 as v2
from ni.measurementlink.measurement.v2 import measurement_service_pb2_grpc as v2_grpc

from session_fakes.errors import quoted
from session_fakes.measure import metadata
from session_fakes.measure.failures import BadSetting, Cause, MeasurementFailed, unwrap
from session_fakes.measure.metadata import Answer, Parameter, Signature, Version
from session_fakes.measure.settings import encode
from session_fakes.measure.showing import Outputs, Reading
from session_fakes.measure.wire import Codec

_CLOSING = 2.0
"""Seconds to wait for calls that are being cancelled."""
_URL = "type.googleapis.com/"
_CONNECT_SECONDS = 10.0
_MOST_SITE = 2**31 - 1
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # The text of an exception travels in a header; with the usual 16 kB a long one hides itself.
    ("grpc.max_metadata_size", 1 << 20),
    ("grpc.absolute_max_metadata_size", 1 << 20),
    ("grpc.enable_http_proxy", 0),
)
_LIMIT_REACHED = "Deadline Exceeded"


@dataclass(frozen=True)
class _Interface:
    """One version of the service, as much as a caller needs."""

    version: Version
    messages: Any
    stub: Any

    def metadata(self, timeout: float) -> Answer:
        """The answer to GetMetadata."""
        answer: Answer = self.stub.GetMetadata(self.messages.GetMetadataRequest(), timeout=timeout)
        return answer

    def start(
        self,
        configuration: any_pb2.Any,
        pins: pin_map_context_pb2.PinMapContext | None,
        timeout: float | None,
    ) -> tuple[Any, Iterator[any_pb2.Any]]:
        """A running call of Measure, and its outputs as they come."""
        request = self.messages.MeasureRequest(
            configuration_parameters=configuration, pin_map_context=pins
        )
        if self.version == "v1":
            call = self.stub.Measure.future(request, timeout=timeout)
            return call, (call.result().outputs for _ in range(1))
        call = self.stub.Measure(request, timeout=timeout)
        return call, (response.outputs for response in call)


class Measurement:
    """A hosted measurement: what it is, and the connection to run it. A context manager."""

    def __init__(
        self,
        channel: grpc.Channel,
        interface: _Interface,
        signature: Signature,
        service_class: str | None = None,
    ) -> None:
        self._channel = channel
        self._interface = interface
        self.signature = signature
        self.service_class = service_class

    @classmethod
    def connect(
        cls, address: str, service_class: str | None = None, *, timeout: float = _CONNECT_SECONDS
    ) -> Measurement:
        """Connect to a measurement and ask what it is.

        Args:
            address: Where it serves, ``localhost:50051``.
            service_class: The class it is registered as, for texts.
            timeout: The seconds that it may take to answer.

        Raises:
            MeasurementFailed: Nothing answers there, or no measurement.
            BadMetadata: What it says of itself contradicts itself.
        """
        channel = grpc.insecure_channel(_served(address), options=_OPTIONS)
        try:
            interface, answer = _interface(channel, timeout)
            return cls(channel, interface, metadata.read(answer), service_class)
        except BaseException as error:
            # Ctrl-C, too: nobody else has the channel to close it.
            _close(channel)
            if isinstance(error, grpc.RpcError):
                raise _refused(service_class, address, error) from None
            raise

    @property
    def name(self) -> str:
        """The name to show: the one it displays, else its service class."""
        return self.signature.display_name or self.service_class or "The measurement"

    @property
    def version(self) -> Version:
        """The version of the interface that is used."""
        return self._interface.version

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What can be set."""
        return self.signature.parameters

    @property
    def outputs(self) -> tuple[Parameter, ...]:
        """What it answers."""
        return self.signature.outputs

    def start(
        self,
        configuration: bytes,
        pins: pin_map_context_pb2.PinMapContext | None,
        timeout: float | None,
    ) -> tuple[Any, Iterator[any_pb2.Any]]:
        """Start it with an encoded configuration: the call and its updates. See :func:`run`."""
        url = _URL + self.signature.configuration_type
        packed = any_pb2.Any(type_url=url, value=configuration)
        # Ctrl-C reaches the main thread alone, and can leave a lock of gRPC's taken for ever there.
        with ThreadPoolExecutor(1) as elsewhere:
            return elsewhere.submit(self._interface.start, packed, pins, timeout).result()

    def close(self) -> None:
        """Close the connection; a measurement that still runs over it is cancelled."""
        _close(self._channel)

    def __enter__(self) -> Measurement:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def run(
    measurement: Measurement,
    settings: Mapping[str, object] | None = None,
    pin_map_id: str | None = None,
    sites: Sequence[int] | None = None,
    on_update: Callable[[Outputs], object] | None = None,
    *,
    timeout: float | None = None,
) -> Outputs:
    """Run a measurement once and wait for it.

    Args:
        measurement: From :meth:`Measurement.connect`.
        settings: Values by parameter name, typed or as text; the others keep their defaults.
        pin_map_id: The pin map it shall use, as the Pin Map service knows it.
        sites: The sites it shall use; none given means all for the services, but NI's Python
            client then finds connections of system pins only, so give them.
        on_update: Called with every set of outputs as it comes, the last one too.
        timeout: Seconds after which it is cancelled; None for no limit.

    Returns:
        The last outputs, empty if the measurement answered none.

    Raises:
        BadSetting: A setting, or a site, that cannot be.
        MeasurementFailed: The measurement failed, with the plug-in's own text and code.
        BadMetadata: It answered something else than its metadata says.
    """
    configuration = encode(measurement.parameters, settings or {})
    call, updates = measurement.start(configuration, _pins(pin_map_id, sites), timeout)
    try:
        return _last(measurement, updates, on_update)
    except (grpc.RpcError, grpc.FutureCancelledError) as error:
        if isinstance(error, grpc.RpcError) and error is not call:
            raise  # of on_update, while the measurement still runs
        cause = unwrap(call.code().name, call.details() or "")
        raise MeasurementFailed(measurement.name, _explained(cause, timeout)) from None
    finally:
        call.cancel()


def _last(
    measurement: Measurement,
    updates: Iterator[any_pb2.Any],
    on_update: Callable[[Outputs], object] | None,
) -> Outputs:
    codec = Codec(measurement.outputs)
    last = Outputs()
    for update in updates:
        found = codec.decode(update.value)
        last = Outputs(tuple(Reading(each, found[each.number]) for each in measurement.outputs))
        if on_update is not None:
            on_update(last)
    return last


def _pins(
    pin_map_id: str | None, sites: Sequence[int] | None
) -> pin_map_context_pb2.PinMapContext | None:
    if pin_map_id is None:
        if sites:
            raise BadSetting("Sites are sites of a pin map: give the pin map, too.")
        return None
    for site in sites or ():
        if not 0 <= site <= _MOST_SITE:
            raise BadSetting(f"{site} is no site: the sites of a pin map count from 0.")
    return pin_map_context_pb2.PinMapContext(pin_map_id=pin_map_id, sites=sites)


def _explained(cause: Cause, timeout: float | None) -> Cause:
    if cause.raised:
        return cause
    # A plug-in may answer with this code itself; then the text is its own.
    if timeout is not None and cause.code == "DEADLINE_EXCEEDED" and _LIMIT_REACHED in cause.text:
        return Cause(cause.code, f"it was cancelled, not finished within {timeout:g} s")
    if cause.code == "UNAVAILABLE":
        return Cause(cause.code, f"the plug-in went away, or cannot be reached ({cause.text})")
    return cause


def _refused(service_class: str | None, address: str, error: grpc.RpcError) -> MeasurementFailed:
    name = quoted(service_class) if service_class else "The measurement"
    cause = unwrap(_code(error).name, _details(error))
    texts = {
        "UNIMPLEMENTED": f"what serves at {address} is no measurement: it has neither version 2 "
        "nor version 1 of NI's MeasurementService",
        "UNAVAILABLE": f"nothing answers at {address}; is the plug-in still running?",
        "DEADLINE_EXCEEDED": f"no answer from {address} within the time limit",
    }
    return MeasurementFailed(name, Cause(cause.code, texts.get(cause.code, cause.text)))


def _code(error: grpc.RpcError) -> grpc.StatusCode:
    return error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN


def _details(error: grpc.RpcError) -> str:
    return (error.details() or "") if isinstance(error, grpc.Call) else str(error)


def _close(channel: grpc.Channel) -> None:
    """Close a channel, and wait no longer than it is worth.

    gRPC waits for all calls to end, and for ever for one that Ctrl-C interrupted at the wrong
    moment. They are cancelled by then, so nobody has to wait for that.
    """
    closing = threading.Thread(target=channel.close, daemon=True)
    closing.start()
    closing.join(_CLOSING)


def _served(address: str) -> str:
    """The loopback address that answers, for ``localhost``.

    NI's plug-ins listen on ``::1`` alone, and where the hosts file says that localhost is
    127.0.0.1 an older gRPC looks nowhere else.
    """
    host, _, port = address.rpartition(":")
    if host == "localhost" and port.isdigit():
        for loopback in ("127.0.0.1", "::1"):
            with contextlib.suppress(OSError), socket.create_connection((loopback, int(port)), 0.5):
                return f"[{loopback}]:{port}" if ":" in loopback else f"{loopback}:{port}"
    return address


def _interface(channel: grpc.Channel, timeout: float) -> tuple[_Interface, Answer]:
    newest = _Interface("v2", v2, v2_grpc.MeasurementServiceStub(channel))
    try:
        return newest, newest.metadata(timeout)
    except grpc.RpcError as error:
        if _code(error) is not grpc.StatusCode.UNIMPLEMENTED:
            raise
    oldest = _Interface("v1", v1, v1_grpc.MeasurementServiceStub(channel))
    return oldest, oldest.metadata(timeout)
