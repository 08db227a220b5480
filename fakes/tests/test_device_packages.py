"""Sessions through each of NI's driver packages: what closes them, and who may attach."""

from __future__ import annotations

import contextlib
import gc
import itertools
import warnings
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import grpc
import pytest

from session_fakes.device.drivers import DRIVERS, TASK, Driver, installed
from session_fakes.fidelity import holds
from session_fakes.station import FakeStation

pytestmark = pytest.mark.skipif(
    len(installed()) < len(DRIVERS), reason="the extra drivers is not installed"
)

AUTO, INITIALIZE, ATTACH = 0, 1, 2
EACH = pytest.mark.parametrize("driver", DRIVERS, ids=[driver.package for driver in DRIVERS])
INVALID = {True: -200088, False: -1074130544}
"""The code for a session that is not open, by whether it is a task."""


@pytest.fixture(scope="module")
def station() -> Iterator[FakeStation]:
    """A station without a pin map: any instrument is there."""
    with FakeStation() as made:
        yield made
    assert made.internal_errors == []


@pytest.fixture(scope="module")
def channel(station: FakeStation) -> Iterator[grpc.Channel]:
    """A channel to its device server."""
    with grpc.insecure_channel(station.device_server.address) as made:
        yield made


@pytest.fixture
def name() -> str:
    """The name of a session that no other test uses."""
    return f"A{next(_numbers)}"


_numbers = itertools.count()


def opened(driver: Driver, channel: grpc.Channel, name: str, behavior: int = AUTO) -> Any:
    """A session of a package."""
    package: Any = import_module(driver.package)
    kind = package.SessionInitializationBehavior(behavior)
    options = package.GrpcSessionOptions(channel, name, initialization_behavior=kind)
    if driver.handle == TASK:
        return package.Task(name, grpc_options=options)
    return package.Session("DEV1", grpc_options=options)


def errors(driver: Driver) -> Any:
    """The module with a package's errors."""
    return import_module(f"{driver.package}.errors")


def code_of(driver: Driver, call: Any) -> int:
    """The driver's code of a call that fails."""
    kind = errors(driver).DaqError if driver.handle == TASK else errors(driver).DriverError
    with pytest.raises(kind) as caught:
        call()
    code: Any = caught.value.error_code if driver.handle == TASK else caught.value.code
    return int(getattr(code, "value", code))


def driver_of(package: str) -> Driver:
    """A driver by its package."""
    (found,) = (driver for driver in DRIVERS if driver.package == package)
    return found


def names(station: FakeStation) -> list[str]:
    """The sessions that are open."""
    leaks = [leak for leak in station.leaks() if leak.kind == "driver session"]
    return [leak.what.partition(" (")[0] for leak in leaks]


def used(driver: Driver, session: Any) -> None:
    """Use a session."""
    (session.stop if driver.handle == TASK else session.reset)()


@EACH
@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize(
    ("behavior", "before", "closes"),
    [(AUTO, False, True), (INITIALIZE, False, True), (AUTO, True, False), (ATTACH, True, False)],
)
def test___block_left___closes_what_the_constructor_created_and_nothing_else(
    station: FakeStation,
    channel: grpc.Channel,
    name: str,
    driver: Driver,
    behavior: int,
    before: bool,
    closes: bool,
    raises: bool,
) -> None:
    owner = opened(driver, channel, name) if before else None

    with contextlib.ExitStack() as outside:
        if raises:
            outside.enter_context(pytest.raises(KeyError, match="body"))
        outside.enter_context(opened(driver, channel, name, behavior))
        if raises:
            fail_as_a_body()

    assert (name in names(station)) != closes
    if owner is not None:
        owner.close()


def fail_as_a_body() -> None:
    """Raise what the caller of a session has to see."""
    raise KeyError("body")


@EACH
def test___closed_explicitly___attached_or_not___is_closed_for_all(
    station: FakeStation, channel: grpc.Channel, name: str, driver: Driver
) -> None:
    owner, guest = opened(driver, channel, name), opened(driver, channel, name, ATTACH)

    guest.close()

    assert name not in names(station)
    assert code_of(driver, lambda: used(driver, owner)) == INVALID[driver.handle == TASK]
    assert code_of(driver, owner.close) == INVALID[driver.handle == TASK]


@EACH
def test___owner_s_block_left_after_somebody_closed___raises(
    channel: grpc.Channel, name: str, driver: Driver
) -> None:
    def leave() -> None:
        with opened(driver, channel, name):
            opened(driver, channel, name, ATTACH).close()

    assert code_of(driver, leave) == INVALID[driver.handle == TASK]


@EACH
def test___dropped_without_close___session_stays_and_is_a_leak(
    station: FakeStation, channel: grpc.Channel, name: str, driver: Driver
) -> None:
    session = opened(driver, channel, name, INITIALIZE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # NI-DAQmx's package tells of it
        del session
        gc.collect()

    assert name in names(station)
    opened(driver, channel, name, ATTACH).close()


@EACH
def test___empty_name___a_session_of_its_own_that_others_can_attach_to(
    station: FakeStation, channel: grpc.Channel, driver: Driver
) -> None:
    with opened(driver, channel, ""), opened(driver, channel, ""):
        first, second = (each for each in names(station) if each.startswith("ni:generated:"))
        assert first != second
        if driver.handle != TASK:  # its tasks have to have the names of their sessions
            used(driver, opened(driver, channel, first, ATTACH))
    assert {first, second}.isdisjoint(names(station))
    with pytest.raises(errors(driver).RpcError, match="Cannot attach to ''"):
        opened(driver, channel, "", ATTACH)


@EACH
def test___taken_and_free_names___refused_in_ni_s_words(
    channel: grpc.Channel, name: str, driver: Driver
) -> None:
    with pytest.raises(errors(driver).RpcError, match=f"Cannot attach to '{name}'") as caught:
        opened(driver, channel, name, ATTACH)
    assert caught.value.rpc_code == grpc.StatusCode.FAILED_PRECONDITION
    with opened(driver, channel, name):
        with pytest.raises(errors(driver).RpcError, match=f"initialize '{name}'") as caught:
            opened(driver, channel, name, INITIALIZE)
        assert caught.value.rpc_code == grpc.StatusCode.ALREADY_EXISTS


@holds("DEV-FOREIGN-KIND")
@EACH
def test___name_of_a_session_of_the_other_kind___refused_in_ni_s_words(
    station: FakeStation, channel: grpc.Channel, name: str, driver: Driver
) -> None:
    is_task = driver.handle == TASK
    other = next(each for each in DRIVERS if (each.handle == TASK) != is_task)
    text = f'The session name "{name}" is being used by a different driver.'

    with opened(other, channel, name):
        for behavior in (AUTO, ATTACH):
            # The packages of the IVI drivers make ValueError of the code, NI-DAQmx's does not.
            with pytest.raises((ValueError, errors(driver).Error), match=text):
                opened(driver, channel, name, behavior)
        assert name in names(station)


@holds("DEV-FOREIGN-DRIVER")
@EACH
def test___name_of_another_driver_of_the_kind___attached_and_refused_when_used(
    station: FakeStation, channel: grpc.Channel, name: str, driver: Driver
) -> None:
    if driver.handle == TASK:
        pytest.skip("NI-DAQmx is the only driver of its kind")
    other = next(d for d in DRIVERS if d.handle == driver.handle and d != driver)

    def use() -> None:
        used(driver, opened(driver, channel, name))  # some constructors use it at once

    with opened(other, channel, name):
        assert code_of(driver, use) == -1074130544
        assert name in names(station)


@holds("DEV-CLOSE-FOREIGN")
@pytest.mark.parametrize("package", ["nifgen", "niswitch"])
def test___session_of_another_driver___closed___loses_its_name_and_its_owner(
    station: FakeStation, channel: grpc.Channel, name: str, package: str
) -> None:
    dmm, foreign = driver_of("nidmm"), driver_of(package)  # one that its constructor does not use
    owner = opened(dmm, channel, name)
    guest = opened(foreign, channel, name, ATTACH)

    assert code_of(foreign, guest.close) == -1074130544
    assert name not in names(station)
    assert code_of(dmm, owner.reset) == -1074130544
    with pytest.raises(errors(dmm).RpcError, match="Cannot attach"):
        opened(dmm, channel, name, ATTACH)


def test___constructor_that_fails_after_the_session_was_opened___leaks_it(
    station: FakeStation, channel: grpc.Channel, name: str
) -> None:
    scope = driver_of("niscope")
    station.faults.on("niscope_grpc.NiScope/GetChannelNameFromString", times=1).fail("ABORTED")

    with pytest.raises(errors(scope).RpcError):
        opened(scope, channel, name)

    assert name in names(station)
    opened(scope, channel, name, ATTACH).close()


def test___task_whose_session_has_another_name___refused_by_the_package(
    channel: grpc.Channel,
) -> None:
    nidaqmx: Any = import_module("nidaqmx")

    with pytest.raises(nidaqmx.DaqError, match="Unsupported session name"):
        nidaqmx.Task("T", grpc_options=nidaqmx.GrpcSessionOptions(channel, "other"))


@EACH
def test___server_that_is_gone___left___raises_and_does_not_hang(driver: Driver) -> None:
    station = FakeStation()
    station.start()
    with grpc.insecure_channel(station.device_server.address) as channel:
        session = opened(driver, channel, "A")
        station.stop()

        with pytest.raises(errors(driver).RpcError, match="Failed to connect to server"):
            session.close()


# How errors surface -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("NOT_FOUND", "DriverTooOldError", "function was not found"),
        ("INVALID_ARGUMENT", "", "^the bench is off$"),
        ("UNIMPLEMENTED", "RpcError", "not supported by the NI gRPC Device Server"),
        ("UNAVAILABLE", "RpcError", "Failed to connect to server"),
        ("ABORTED", "RpcError", "StatusCode.ABORTED: the bench is off"),
    ],
)
def test___status_of_the_server___through_a_package___raised_in_its_own_way(
    station: FakeStation, channel: grpc.Channel, name: str, code: str, kind: str, said: str
) -> None:
    dmm = driver_of("nidmm")
    expected: type[Exception] = getattr(errors(dmm), kind) if kind else ValueError

    with opened(dmm, channel, name) as session:
        fault = station.faults.on("nidmm_grpc.NiDmm/Read").fail(code, "the bench is off")
        with pytest.raises(expected, match=said):
            session.read()
        fault.remove()


@EACH
def test___error_of_the_driver___through_a_package___has_code_and_text(
    station: FakeStation, channel: grpc.Channel, name: str, driver: Driver
) -> None:
    rpc = "StopTask" if driver.handle == TASK else "Reset*"

    with opened(driver, channel, name) as session:
        fault = station.faults.on(f"{driver.interface}/{rpc}").driver_error(-1074118656, "no such")
        assert code_of(driver, lambda: used(driver, session)) == -1074118656
        fault.remove()


@pytest.mark.parametrize(("status", "raises"), [(1, False), (-1074118656, True)])
def test___status_in_a_response___through_a_package___warning_or_error(
    station: FakeStation, channel: grpc.Channel, name: str, status: int, raises: bool
) -> None:
    messages: Any = import_module("nidmm.nidmm_pb2")
    dmm = driver_of("nidmm")

    with opened(dmm, channel, name) as session:
        fault = station.faults.on("nidmm_grpc.NiDmm/Read").reply(
            messages.ReadResponse(status=status)
        )
        if raises:
            assert code_of(dmm, session.read) == status
        else:
            with pytest.warns(errors(dmm).DriverWarning):
                session.read()
        fault.remove()
