"""Servers with TLS and mutual TLS; the certificates are made by the openssl command."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from ni.measurementlink.discovery.v1.client import DiscoveryClient

from session_fakes.station import FakeStation

if TYPE_CHECKING:
    from tests.conftest import ServerProcess, Servers

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="certificates are made by openssl, which is not here"
)
OFF = ("--discovery", "off")
Pair = tuple[Path, Path]
"""A certificate and its key."""


class Authority:
    """Signs certificates; everything lies in one folder."""

    def __init__(self, folder: Path, name: str) -> None:
        """Make the authority's own certificate."""
        self._folder = folder
        self._name = name
        self.certificate = self._make(
            name, "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE"
        )[0]

    def issue(self, name: str) -> Pair:
        """A certificate for localhost, and its key."""
        authority = self._folder / self._name
        return self._make(
            name, "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
        )  # fmt: skip

    def issue_expired(self, name: str) -> Pair:
        """A certificate whose time has passed, and its key."""
        request, (certificate, key) = self._folder / f"{name}.csr", self.issue(name)
        authority = self._folder / self._name
        run_openssl("req", "-new", "-key", str(key), "-subj", f"/CN={name}", "-out", str(request))
        run_openssl(
            "x509", "-req", "-in", str(request), "-CA", f"{authority}.pem",
            "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", "-1",
            "-out", str(certificate),
        )  # fmt: skip
        return certificate, key

    def _make(self, name: str, *extra: str) -> Pair:
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        run_openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-keyout", str(key), "-out", str(certificate), *extra,
        )  # fmt: skip
        return certificate, key


def run_openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], capture_output=True, timeout=60, check=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority; it signs certificates for servers and clients."""
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    """The certificate and the key of the server."""
    return authority.issue("server")


def trusting(authority: Authority, pair: Pair | None = None) -> grpc.ChannelCredentials:
    """What a client needs, with a certificate of its own if it has one."""
    certificate, key = (path.read_bytes() for path in pair) if pair else (None, None)
    return grpc.ssl_channel_credentials(authority.certificate.read_bytes(), key, certificate)


def flags(pair: Pair) -> tuple[str | Path, ...]:
    return ("--tls-cert", pair[0], "--tls-key", pair[1])


def is_refused(servers: Servers, address: str, own: grpc.ChannelCredentials | None) -> bool:
    with pytest.raises(grpc.RpcError) as refused:
        servers.calls(address, own)
    return refused.value.code() is grpc.StatusCode.UNAVAILABLE


def address_of(server: ServerProcess) -> str:
    said = server.wait_line(" serves on ")
    assert said.endswith(", with TLS.")
    return said.partition(" serves on ")[2].partition(",")[0]


def test___tls___client_trusts_the_authority___is_served(
    servers: Servers, authority: Authority, pair: Pair
) -> None:
    address = address_of(servers(*OFF, *flags(pair)))

    assert servers.calls(address, trusting(authority))


def test___tls___client_speaks_none___is_not_served(servers: Servers, pair: Pair) -> None:
    assert is_refused(servers, address_of(servers(*OFF, *flags(pair))), None)


def test___mutual_tls___certificate_of_the_authority___is_served(
    servers: Servers, authority: Authority, pair: Pair
) -> None:
    address = address_of(servers(*OFF, *flags(pair), "--tls-client-ca", authority.certificate))

    assert servers.calls(address, trusting(authority, authority.issue("client")))


def test___mutual_tls___no_certificate_or_a_stranger_s___is_not_served(
    servers: Servers, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    address = address_of(servers(*OFF, *flags(pair), "--tls-client-ca", authority.certificate))
    stranger = Authority(tmp_path, "stranger").issue("client")

    assert is_refused(servers, address, trusting(authority))
    assert is_refused(servers, address, trusting(authority, stranger))


def test___mutual_tls___certificate_that_expired___is_not_served(
    servers: Servers, authority: Authority, pair: Pair
) -> None:
    address = address_of(servers(*OFF, *flags(pair), "--tls-client-ca", authority.certificate))

    assert is_refused(servers, address, trusting(authority, authority.issue_expired("late")))
    assert servers.calls(address, trusting(authority, authority.issue("in time")))


def test___tls___server_is_a_stranger_or_expired___client_says_that_it_does_not_trust_it(
    servers: Servers, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    for own, trusted in ((pair, stranger), (authority.issue_expired("old"), authority)):
        address = address_of(servers(*OFF, *flags(own)))

        with pytest.raises(grpc.RpcError) as refused:
            servers.calls(address, trusting(trusted))

        error: Any = refused.value
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert "certificate" in error.details().lower()


def test___address_of_the_network___with_tls___is_served(
    servers: Servers, authority: Authority, pair: Pair
) -> None:
    address = address_of(servers(*OFF, *flags(pair), "--host", "0.0.0.0"))

    assert servers.calls(address.replace("0.0.0.0", "127.0.0.1"), trusting(authority))


def test___tls___registered___as_the_authenticated_port(servers: Servers, pair: Pair) -> None:
    with FakeStation() as station, station.installed():
        server = servers("--discovery-address", station.discovery_address, *flags(pair))
        address = address_of(server)
        server.wait_line("Registered with Discovery as test.HostedLogger.")

        place = DiscoveryClient().resolve_service("test.hosted.v1")

        assert place.insecure_port == ""
        assert f"{place.location}:{place.ssl_authenticated_port}" == address


@pytest.mark.parametrize("missing", [0, 2])
def test___half_of_a_pair___started___is_wrong_usage(
    servers: Servers, pair: Pair, missing: int
) -> None:
    given = flags(pair)

    server = servers(*OFF, *given[:missing], *given[missing + 2 :])

    assert server.ended() == 2
    assert "Error: TLS needs both --tls-cert and --tls-key." in server.output


def test___authority_without_a_pair___started___is_wrong_usage(
    servers: Servers, authority: Authority
) -> None:
    assert servers(*OFF, "--tls-client-ca", authority.certificate).ended() == 2


Given = Callable[[Pair, Authority, Path], list[str | Path]]


def swapped(pair: Pair, authority: Authority, folder: Path) -> list[str | Path]:
    del authority, folder
    return [*flags((pair[1], pair[0]))]


def of_two_pairs(pair: Pair, authority: Authority, folder: Path) -> list[str | Path]:
    del folder
    return [*flags((pair[0], authority.issue("other")[1]))]


def with_a_password(pair: Pair, authority: Authority, folder: Path) -> list[str | Path]:
    del authority
    key = folder / "locked.key"
    run_openssl("ec", "-aes128", "-passout", "pass:secret", "-in", str(pair[1]), "-out", str(key))
    return [*flags((pair[0], key))]


def with_a_wrong_authority(pair: Pair, authority: Authority, folder: Path) -> list[str | Path]:
    del authority, folder
    return [*flags(pair), "--tls-client-ca", pair[1]]


@pytest.mark.parametrize("given", [swapped, of_two_pairs, with_a_password, with_a_wrong_authority])
def test___certificates_that_do_not_fit___started___says_what_is_needed(
    servers: Servers, authority: Authority, pair: Pair, tmp_path: Path, given: Given
) -> None:
    server = servers(*OFF, *given(pair, authority, tmp_path))

    assert server.ended() == 1
    assert "Error: The certificates cannot be used (" in server.output
    assert "have to be a pair, in PEM and without a password" in server.output
    assert "Traceback" not in server.output
