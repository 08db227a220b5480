"""NI's driver package as a client: what its sessions send when their ``with`` block is left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from session_contract.checks.marking import requirement
from session_contract.driver.packages import WHO, PackageClient
from session_contract.driver.server import DeviceServer
from session_spec.matrix import Behavior

_NEW, _ATTACH, _AUTO = "INITIALIZE_SERVER_SESSION", "ATTACH_TO_SERVER_SESSION", "AUTO"


class _BodyError(Exception):
    """What the body of a block raises."""


@pytest.fixture
def package(server: DeviceServer) -> Iterator[PackageClient]:
    """The package of the driver, as a client."""
    client = PackageClient(server)
    yield client
    client.hang_up()


def _is_open(server: DeviceServer, name: str) -> bool:
    return server.client("onlooker").initialize(name, Behavior.ATTACH_TO_EXISTING).code == "OK"


def _leave(package: PackageClient, name: str, behavior: str, how: str) -> None:
    """Open a session and leave its block: at its end, by an error, or after an explicit close."""
    with contextlib.suppress(_BodyError), package.open(name, behavior):
        if how == "error":
            raise _BodyError


@pytest.mark.parametrize("how", ["end", "error"])
@pytest.mark.parametrize("behavior", [_AUTO, _NEW])
@requirement("DRIVER-EXIT-CREATED", 1, kind="example")
def test___a_session_that_the_constructor_initialized___left___is_closed(
    server: DeviceServer, package: PackageClient, behavior: str, how: str
) -> None:
    name = server.fresh()

    _leave(package, name, behavior, how)

    server.saw(WHO, f"left; it has called {', '.join(package.wire.called)}")
    if package.closes() != 1 or _is_open(server, name):
        raise server.violated("DRIVER-EXIT-CREATED", f"one Close is due, not {package.closes()}")


@requirement("DRIVER-EXIT-CREATED", 1, kind="example")
def test___a_session_without_a_name___left___is_closed(
    server: DeviceServer, package: PackageClient
) -> None:
    _leave(package, "", _AUTO, "end")

    server.saw(WHO, f"left; it has called {', '.join(package.wire.called)}")
    if package.closes() != 1:
        raise server.violated("DRIVER-EXIT-CREATED", f"one Close is due, not {package.closes()}")


@pytest.mark.parametrize("how", ["end", "error"])
@pytest.mark.parametrize("behavior", [_AUTO, _ATTACH])
@requirement("DRIVER-EXIT-ATTACHED", 1, kind="example")
def test___a_session_that_was_there_before___left___stays_open(
    server: DeviceServer, package: PackageClient, behavior: str, how: str
) -> None:
    name = server.fresh()
    server.given(server.client().initialize(name, Behavior.INITIALIZE_NEW))

    _leave(package, name, behavior, how)

    server.saw(WHO, f"left; it has called {', '.join(package.wire.called)}")
    if package.closes() or not _is_open(server, name):
        raise server.violated("DRIVER-EXIT-ATTACHED", "the session was closed")


@pytest.mark.parametrize("behavior", [_AUTO, _NEW])
@requirement("DRIVER-EXIT-DROPPED", 1, kind="example")
def test___a_session_whose_object_is_dropped___stays_open(
    server: DeviceServer, package: PackageClient, behavior: str
) -> None:
    name = server.fresh()

    package.drop(name, behavior)

    server.saw(WHO, f"dropped; it has called {', '.join(package.wire.called)}")
    if package.closes() or not _is_open(server, name):
        raise server.violated("DRIVER-EXIT-DROPPED", "the session was closed")


@requirement("DRIVER-CLOSE-FOR-ALL", 1, kind="example")
def test___an_attached_session___closed_explicitly___is_closed_for_all(
    server: DeviceServer, package: PackageClient
) -> None:
    name = server.fresh()
    server.given(server.client().initialize(name, Behavior.INITIALIZE_NEW))

    package.open(name, _ATTACH).close()

    if _is_open(server, name):
        raise server.violated("DRIVER-CLOSE-FOR-ALL", "the session is still open")


@requirement("DRIVER-CLOSE-UNKNOWN", 1, kind="example")
def test___a_session_that_somebody_else_closed___left___raises_the_driver_s_error(
    server: DeviceServer, package: PackageClient
) -> None:
    name = server.fresh()
    raised = ""
    try:
        with package.open(name, _NEW):
            server.given(server.client("somebody else").close(name))
    except package.errors as error:
        raised = str(getattr(error, "code", "") or getattr(error, "error_code", ""))

    server.saw(WHO, f"left -> {raised or 'no error'}")
    due = server.target.interface.error
    if not raised or (due and raised != due):
        raise server.violated(
            "DRIVER-CLOSE-UNKNOWN", f"the package reports {raised or 'no error'} when it is left"
        )
