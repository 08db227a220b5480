"""A gRPC server on an address: loopback or a network, with TLS or without."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

LARGEST_MESSAGE = 64 * 2**20
"""Bytes of a request, which has to fit into memory; those of this package need far less."""
_OPTIONS = [
    # Otherwise a second server binds the same port and gets half of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.max_send_message_length", -1),
]
_TRIES = 20
"""Free ports to try: one that is free on one loopback address may be taken on the other."""


def listen(
    furnish: Callable[[grpc.Server], None],
    pool: ThreadPoolExecutor,
    host: str,
    port: int,
    credentials: grpc.ServerCredentials | None = None,
    *,
    log_calls: bool = False,
) -> tuple[grpc.Server, int] | None:
    """Start a server and say on which port; None when the address is not to be had.

    Args:
        furnish: Adds services to the server.
        pool: The workers that carry out the calls.
        host: ``localhost`` stands for both loopback addresses, on one port.
        port: The port, or 0 for any that is free.
        credentials: The certificates, for TLS.
        log_calls: Whether to log a line for each call.
    """
    for _ in range(1 if port else _TRIES):
        interceptors: list[grpc.ServerInterceptor] = [_CallLog()] if log_calls else []
        server = grpc.server(pool, interceptors=interceptors, options=_OPTIONS)
        furnish(server)
        bound = _bind(server, host, port, credentials)
        if bound:
            server.start()
            return server, bound
    return None


def credentials(cert: Path, key: Path, client_ca: Path | None) -> grpc.ServerCredentials:
    """Read the certificates for TLS; with an authority for clients, they have to show one, too.

    Raises:
        OSError: They cannot be read, or do not fit together. gRPC would not say why.
    """
    probe = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    probe.load_cert_chain(cert, key, password="")
    if client_ca:
        probe.load_verify_locations(client_ca)
    authority = client_ca.read_bytes() if client_ca else None
    pair = (key.read_bytes(), cert.read_bytes())
    return grpc.ssl_server_credentials(
        [pair], root_certificates=authority, require_client_auth=authority is not None
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    return False


def join(host: str, port: int | str) -> str:
    """The address of a port: IPv6 hosts stand in brackets."""
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def add_standard_services(server: grpc.Server, full_name: str) -> None:
    """Offer reflection and health, if their packages are installed."""
    with contextlib.suppress(ImportError):
        from grpc_reflection.v1alpha import reflection

        reflection.enable_server_reflection([full_name, reflection.SERVICE_NAME], server)
    with contextlib.suppress(ImportError):
        from grpc_health.v1 import health, health_pb2, health_pb2_grpc

        servicer = health.HealthServicer()
        for name in ("", full_name):
            servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)


def _bind(
    server: grpc.Server, host: str, port: int, credentials: grpc.ServerCredentials | None
) -> int:
    """Bind every address of the host on one port; return it, or 0 when one of them is taken."""
    hosts = [host]
    if host == "localhost":
        hosts = ["127.0.0.1", "::1"] if _has_ipv6_loopback() else ["127.0.0.1"]
    try:
        for name in hosts:
            address = join(name, port)
            if credentials:
                port = server.add_secure_port(address, credentials)
            else:
                port = server.add_insecure_port(address)
            if not port:  # as older gRPC says that it is taken
                return 0
    except RuntimeError:  # as newer gRPC does
        return 0
    return port


def _has_ipv6_loopback() -> bool:
    """Whether this machine can listen on ``::1``; many containers cannot."""
    if not socket.has_ipv6:
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


class _CallLog(grpc.ServerInterceptor):
    """Logs each call when it ends: its name, its status, how long it took."""

    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:  # noqa: ANN401
        handler = continuation(handler_call_details)
        if handler is None or not handler.unary_unary:
            return handler

        def call(request: object, context: grpc.ServicerContext) -> object:
            begin = time.perf_counter()
            try:
                return handler.unary_unary(request, context)
            finally:
                milliseconds = (time.perf_counter() - begin) * 1000
                log = logging.getLogger(__name__)
                log.info(
                    "%s %s %.1f ms", handler_call_details.method, _status(context), milliseconds
                )
                log.debug("%s", request)

        return grpc.unary_unary_rpc_method_handler(
            call, handler.request_deserializer, handler.response_serializer
        )


def _status(context: grpc.ServicerContext) -> str:
    """The status that a call was given; none means OK. Older gRPC does not tell."""
    code = getattr(context, "code", lambda: None)()
    return code.name if isinstance(code, grpc.StatusCode) else "OK" if code is None else str(code)
