"""The life of a server, from its command line to its exit code.

It serves on loopback, registers with NI's Discovery Service once it answers, waits until it is
asked to stop, takes its registration back, finishes the calls that run, releases what is open, and
ends with exit code 0.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import grpc
from ni.measurementlink.discovery.v1.client import ServiceInfo, ServiceLocation

from . import listening
from .console import say, set_up_output
from .registration import Registration, ServiceConfigError, read_service_config
from .stopping import GRACE, StopRequests, ends, stop

WORKERS = 1024
"""A call that waits for a busy resource occupies a worker; they are made when they are needed."""

PATIENCE = 40.0
"""Seconds that Discovery has to answer at the start; NI's client grants it 30 to start itself."""
_TO_UNREGISTER = 1.0
"""Seconds that Discovery has, before the calls that run get theirs."""

_Command = TypeVar("_Command", bound=Callable[..., Any])
_FILE = click.Path(dir_okay=False, path_type=Path)
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class Service:
    """What a server offers.

    Attributes:
        full_name: The gRPC name: package and service.
        add_to: Adds the servicer to a server.
        release: Closes everything that is open, at the end.
        service_config: The file that says who the server is.
    """

    full_name: str
    add_to: Callable[[grpc.Server], None]
    release: Callable[[], None]
    service_config: Path


@dataclass(frozen=True)
class Options:
    """The flags that every server has; each field is the flag of its name."""

    host: str = "localhost"
    port: int = 0
    allow_insecure: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    discovery: str = "auto"
    discovery_address: str | None = None
    ready_file: Path | None = None
    stop_on_stdin_close: bool = False
    verbose: int = 0


def options(command: _Command) -> _Command:
    """Give a click command the flags of ``Options``."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command


_FLAGS: list[Callable[[Any], Any]] = [
    click.option("--host", default="localhost", show_default=True,
                 help="Address to serve on; localhost is both 127.0.0.1 and [::1]."),
    click.option("--port", default=0, type=click.IntRange(0, 65535), show_default=True,
                 help="Port to serve on; 0 takes any that is free."),
    click.option("--allow-insecure", is_flag=True,
                 help="Serve an address of the network without TLS."),
    click.option("--tls-cert", type=_EXISTING, help="Certificate chain (PEM): serve with TLS."),
    click.option("--tls-key", type=_EXISTING, help="Private key of --tls-cert (PEM)."),
    click.option("--tls-client-ca", type=_EXISTING,
                 help="Authority (PEM) that has to have signed the clients' certificates."),
    click.option("--discovery", type=click.Choice(["auto", "optional", "off"]), default="auto",
                 show_default=True,
                 help="auto: register, and end if there is no Discovery at the start. optional: "
                      "serve without it, and register when it comes. off: do not register."),
    click.option("--discovery-address", metavar="HOST:PORT",
                 help="Where Discovery listens, if NI's client cannot find it by itself."),
    click.option("--ready-file", type=_FILE,
                 help="File to write the address into, once the server answers there."),
    click.option("--stop-on-stdin-close", is_flag=True,
                 help="Stop when standard input ends: for a program that starts the server."),
    click.option("-v", "--verbose", count=True, help="Log a line for each call; -vv: more."),
]  # fmt: skip


def host(service: Service, chosen: Options) -> None:
    """Serve until somebody asks to stop; raise ClickException, with the remedy, if that fails."""
    set_up_output(chosen.verbose)
    requests = StopRequests(on_stdin_close=chosen.stop_on_stdin_close)
    info = _describe(service.service_config)
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="call")
    server, port = _listen(service, chosen, pool)
    address = listening.join(chosen.host, port)
    say(f"{info.display_name} serves on {address}{', with TLS' if chosen.tls_cert else ''}.")
    try:
        with _ready_file(chosen.ready_file, address), _registered(info, chosen, port, requests):
            say(f"{'Enter or ' if requests.at_terminal else ''}Ctrl-C stops it.")
            reason = requests.wait()
            say(f"Stopping ({reason}); running calls have {GRACE:g} s to finish.")
    finally:
        all_ended = stop(server, pool, service.release, requests.pending)
    say("Stopped." if all_ended else "Stopped; a call that does not end was left behind.")
    if not all_ended:
        sys.stdout.flush()
        os._exit(0)  # Python would wait for the worker of that call


def _describe(service_config: Path) -> ServiceInfo:
    try:
        return read_service_config(service_config)
    except ServiceConfigError as error:
        raise click.ClickException(str(error)) from error


def _listen(service: Service, chosen: Options, pool: ThreadPoolExecutor) -> tuple[grpc.Server, int]:
    credentials = _credentials(chosen)
    if not (credentials or chosen.allow_insecure or listening.is_loopback(chosen.host)):
        raise click.ClickException(
            f"{chosen.host} can be reached from the network, and without TLS everybody there may "
            "call: give --tls-cert and --tls-key, or --allow-insecure if that is meant."
        )

    def furnish(server: grpc.Server) -> None:
        service.add_to(server)
        listening.add_standard_services(server, service.full_name)

    listener = listening.listen(
        furnish, pool, chosen.host, chosen.port, credentials, log_calls=chosen.verbose > 0
    )
    if listener is None:
        raise click.ClickException(
            f"Cannot serve on {listening.join(chosen.host, chosen.port)}: another program has the "
            "port, or the address is none of this machine. Choose another --port (0 takes any) "
            "or --host."
        )
    return listener


def _credentials(chosen: Options) -> grpc.ServerCredentials | None:
    if chosen.tls_cert and chosen.tls_key:
        try:
            return listening.credentials(chosen.tls_cert, chosen.tls_key, chosen.tls_client_ca)
        except OSError as error:
            raise click.ClickException(
                f"The certificates cannot be used ({error.strerror or error}): --tls-cert and "
                "--tls-key have to be a pair, in PEM and without a password, and so has "
                "--tls-client-ca to be in PEM."
            ) from error
    if chosen.tls_cert or chosen.tls_key or chosen.tls_client_ca:
        raise click.UsageError("TLS needs both --tls-cert and --tls-key.")
    return None


@contextlib.contextmanager
def _ready_file(path: Path | None, address: str) -> Generator[None, None, None]:
    """Keep the address in a file, as long as the server answers there."""
    if path is None:
        yield
        return
    try:
        # Only its user can read it, and nobody can foresee its name.
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{address}\n")
        Path(draft).replace(path)
    except OSError as error:
        raise click.ClickException(f"Cannot write the ready file: {error}.") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def _registered(
    info: ServiceInfo, chosen: Options, port: int, requests: StopRequests
) -> Generator[None, None, None]:
    """Keep the server registered with Discovery, if that is wanted."""
    if chosen.discovery == "off":
        yield
        return
    registration = Registration(info, _location(chosen, port), say, chosen.discovery_address)
    registration.start()
    try:
        if chosen.discovery == "auto":
            _insist(registration, requests)
        yield
    finally:
        if not ends(registration.stop, _TO_UNREGISTER, requests.pending):
            registration.give_up()


def _insist(registration: Registration, requests: StopRequests) -> None:
    """Wait for the first attempt, or a request to stop; a failure is the end, with the remedy."""
    deadline = time.monotonic() + PATIENCE
    while not registration.tried.wait(0.1) and time.monotonic() < deadline:
        if requests.pending():
            return
    if registration.trouble or not registration.tried.is_set():
        raise click.ClickException(
            "Discovery is not there, or does not answer. Start with --discovery optional (serves "
            "anyway, and registers when it comes), or with --discovery off and --port (clients are "
            "given the address)."
        )


def _location(chosen: Options, port: int) -> ServiceLocation:
    """What clients are told: a name that they can reach, and the port under its kind."""
    name = "localhost" if listening.is_loopback(chosen.host) else chosen.host
    if name.strip("[]") in ("0.0.0.0", "::"):
        name = socket.gethostname()
    insecure, secure = ("", str(port)) if chosen.tls_cert else (str(port), "")
    return ServiceLocation(name, insecure_port=insecure, ssl_authenticated_port=secure)
