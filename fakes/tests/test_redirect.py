"""NI's clients of this process, redirected to a Discovery of the test and back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as pb
from ni.measurementlink.discovery.v1 import discovery_service_pb2_grpc as services
from ni.measurementlink.discovery.v1.client import DiscoveryClient, _client, _support
from ni_grpc_extensions import channelpool
from ni_grpc_extensions.channelpool import GrpcChannelPool

from session_fakes.errors import FakeError
from session_fakes.redirect import CALLER_KEY, PROCESS_KEY, redirected

_LOOKUP = "_get_discovery_service_address"


class _Discovery(services.DiscoveryServiceServicer):
    """Resolves everything to where it is, and remembers the metadata of calls."""

    def __init__(self) -> None:
        self.address = ""
        self.calls: list[dict[str, Any]] = []

    def ResolveService(  # noqa: N802 - gRPC's name
        self, request: pb.ResolveServiceRequest, context: grpc.ServicerContext
    ) -> pb.ServiceLocation:
        self.calls.append(dict(context.invocation_metadata()))
        if request.service_class == "missing":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return pb.ServiceLocation(location=self.address, insecure_port="1")


@pytest.fixture
def discovery() -> Generator[_Discovery, None, None]:
    servicer = _Discovery()  # type: ignore[abstract] # pyright: ignore[reportAbstractUsage]
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        services.add_DiscoveryServiceServicer_to_server(servicer, server)
        servicer.address = f"localhost:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        yield servicer
        server.stop(0).wait()


def _resolve(service_class: str = "a class") -> str:
    with GrpcChannelPool() as pool:
        client = DiscoveryClient(grpc_channel_pool=pool)
        return client.resolve_service("an.interface", service_class).location


def _patchable() -> list[object]:
    points = [vars(module)[_LOOKUP] for module in (_client, _support)]
    return [*points, vars(GrpcChannelPool)["_create_channel"], list(sys.meta_path)]


def test___redirected___client_asks___reaches_the_fake(discovery: _Discovery) -> None:
    with redirected(discovery.address):
        assert _resolve() == discovery.address


def test___redirected___left___everything_is_as_it_was() -> None:
    before = _patchable()

    with redirected("localhost:1"):
        assert _patchable() != before

    assert _patchable() == before


def test___redirected___test_in_it_fails___everything_is_as_it_was() -> None:
    before = _patchable()

    with pytest.raises(ZeroDivisionError), redirected("localhost:1"):
        _ = 1 / 0

    assert _patchable() == before


def test___redirected___used_as_a_decorator___redirects_each_call(discovery: _Discovery) -> None:
    resolve = redirected(discovery.address)(_resolve)
    assert [resolve(), resolve()] == [discovery.address] * 2


def test___several_stations___one_after_the_other___each_is_found() -> None:
    found: list[str] = []
    for address in ("localhost:1", "localhost:2"):
        with redirected(address):
            found.append(_client.__dict__[_LOOKUP]())
    assert found == ["localhost:1", "localhost:2"]


def test___redirected___to_the_same_again___stays_until_the_outer_block_ends() -> None:
    before = _patchable()
    with redirected("localhost:1"):
        with redirected("localhost:1"):
            pass
        assert vars(_client)[_LOOKUP]() == "localhost:1"
    assert _patchable() == before


def test___redirected___to_another_address___refuses_and_names_both() -> None:
    with redirected("localhost:1"):
        with pytest.raises(FakeError, match=r"localhost:1 already.*localhost:2"):
            redirected("localhost:2").__enter__()
        assert vars(_client)[_LOOKUP]() == "localhost:1"


def test___no_address___redirected___refuses_it() -> None:
    with pytest.raises(FakeError, match=r"host:port"), redirected("nowhere"):
        pass


def test___sdk_imported_in_the_block___left___looks_up_as_nis_own_again() -> None:
    code = (
        "from session_fakes.redirect import redirected\n"
        "with redirected('localhost:1'):\n"
        "    from ni.measurementlink.discovery.v1.client import _client, _support\n"
        f"    print(_client.{_LOOKUP}(), _support.{_LOOKUP}())\n"
        f"own = _support.{_LOOKUP}\n"
        f"print(own is _client.{_LOOKUP}, own.__module__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    expected = f"localhost:1 localhost:1 True {_support.__name__}"
    assert done.stdout.split() == expected.split(), done.stderr


def test___sdk_without_the_lookup___redirected___refuses_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(_client, _LOOKUP)
    before = list(sys.meta_path)

    with pytest.raises(FakeError, match=r"not as this kit knows it"), redirected("localhost:1"):
        pass

    assert sys.meta_path == before
    assert vars(_support)[_LOOKUP].__module__ == _support.__name__


def test___call_of_a_client___received___names_the_line_and_the_process(
    discovery: _Discovery,
) -> None:
    with redirected(discovery.address):
        _resolve()

    (metadata,) = discovery.calls
    file, _, line = metadata[CALLER_KEY].rpartition(":")
    assert (file, int(line)) == (__file__, _resolve.__code__.co_firstlineno + 3)
    assert metadata[PROCESS_KEY].split()[0] == str(os.getpid())


def test___program_started_by_its_module___tagged___bears_the_name_of_the_module(
    discovery: _Discovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/pytest/__main__.py"])

    with redirected(discovery.address):
        _resolve()

    assert discovery.calls[0][PROCESS_KEY] == f"{os.getpid()} pytest"


def test___tags_unwanted___call_received___has_none(discovery: _Discovery) -> None:
    with redirected(discovery.address, tag_calls=False):
        _resolve()
    assert not {CALLER_KEY, PROCESS_KEY} & discovery.calls[0].keys()


def test___tagged_call___refused___raises_what_it_would_without_tags(discovery: _Discovery) -> None:
    with redirected(discovery.address), pytest.raises(grpc.RpcError) as caught:
        _resolve("missing")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "no such service"


def test___tagged_channel___used_like_any_channel___does_the_same(discovery: _Discovery) -> None:
    request = pb.ResolveServiceRequest(provided_interface="i", service_class="c")
    with redirected(discovery.address), channelpool.GrpcChannelPool() as pool:
        channel = pool.get_channel(discovery.address)
        stub = services.DiscoveryServiceStub(channel)
        grpc.channel_ready_future(channel).result(timeout=60)
        answers = [
            stub.ResolveService(request, timeout=60, metadata=((CALLER_KEY, "mine"),)),
            stub.ResolveService.with_call(request, timeout=60)[0],
            stub.ResolveService.future(request, timeout=60).result(),
        ]

    assert isinstance(channel, grpc.Channel)
    assert [answer.location for answer in answers] == [discovery.address] * 3
    assert discovery.calls[0][CALLER_KEY] == "mine"
    assert all(CALLER_KEY in call for call in discovery.calls)
