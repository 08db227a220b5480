"""The registry of services: what may register, what a resolve finds, what is forgotten."""

from __future__ import annotations

import itertools
import random
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from session_fakes.device.drivers import DRIVERS
from session_fakes.discovery import (
    Holder,
    Location,
    Registration,
    Registry,
    Service,
    well_known,
    why_dead,
)
from session_fakes.errors import FakeError, Refusal
from session_fakes.fidelity import holds
from session_fakes.network.loopback import has_ipv6_loopback


def service(
    name: str = "C", *interfaces: str, version: str = "", display_name: str = "A service"
) -> Service:
    return Service(display_name, name, interfaces or ("I",), (version,) if version else ())


def registration(
    name: str = "C", *interfaces: str, version: str = "", port: str = "1"
) -> Registration:
    return Registration(service(name, *interfaces, version=version), Location("localhost", port))


def resolved_port(registry: Registry, *asked: str) -> str:
    return registry.resolve(*asked).location.insecure_port


def refusal_of(call: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value


RIGHT = registration()


@holds("DISC-REGISTER-EMPTY", "DISC-REGISTER-BLANK")
@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (RIGHT._replace(service=RIGHT.service._replace(display_name="")), "display_name"),
        (RIGHT._replace(service=RIGHT.service._replace(display_name=" \t")), "display_name"),
        (RIGHT._replace(service=RIGHT.service._replace(service_class="")), "service_class"),
        (RIGHT._replace(service=RIGHT.service._replace(provided_interfaces=())), "interfaces"),
        (RIGHT._replace(service=RIGHT.service._replace(provided_interfaces=("I", ""))), "one of"),
        (RIGHT._replace(location=Location("", "1")), "location"),
    ],
)
def test___something_empty___register___is_refused_by_name(wrong: Registration, named: str) -> None:
    registry = Registry()

    refusal = refusal_of(lambda: registry.register(wrong))

    assert refusal.code == "INVALID_ARGUMENT"
    assert named in refusal.text
    assert registry.active() == []


@holds("DISC-REGISTER-PORT")
@pytest.mark.parametrize(
    "ports",
    [
        ("", ""),
        ("0", ""),
        ("65536", ""),
        ("-1", ""),
        ("80a", ""),
        (" 80", ""),
        ("080", ""),
        ("1", "x"),
        ("", "99999999"),
        ("\u0663", ""),
        ("1\n", ""),
    ],
)
def test___no_port_number___register___is_refused(ports: tuple[str, str]) -> None:
    wrong = RIGHT._replace(location=Location("localhost", *ports))

    assert refusal_of(lambda: Registry().register(wrong)).code == "INVALID_ARGUMENT"


@pytest.mark.parametrize("ports", [("1", ""), ("", "65535"), ("80", "443")])
def test___a_port_of_either_kind___register___is_accepted(ports: tuple[str, str]) -> None:
    assert Registry().register(RIGHT._replace(location=Location("localhost", *ports)))


def test___several_faults___register___names_them_all() -> None:
    wrong = Registration(Service("", "", ()), Location("", ""))

    text = refusal_of(lambda: Registry().register(wrong)).text

    for name in ("display_name", "service_class", "provided_interfaces", "location", "port"):
        assert name in text


@holds("DISC-VERSION-PARTS", "DISC-VERSION-NONE", "DISC-VERSION-EMPTY")
@pytest.mark.parametrize(
    ("versions", "reported"),
    [((), "0.0.1"), (("",), "0.0.1"), (("1.2.3",), "1.2.3"), (("0.1.0.0",), "0.1.0.0")],
)
def test___a_version___register___is_reported(versions: tuple[str, ...], reported: str) -> None:
    registry = Registry()

    registry.register(RIGHT._replace(service=RIGHT.service._replace(versions=versions)))

    assert registry.resolve("I").service.versions == (reported,)
    assert registry.resolve("I", version=reported).service.version == reported


@holds("DISC-VERSION-RESERVED", "DISC-VERSION-FORM", "DISC-VERSION-ONE")
@pytest.mark.parametrize(
    "versions",
    [
        ("0.0.1",),
        ("1",),
        ("1.2",),
        ("1.2.3.4.5",),
        ("1.2.x",),
        ("v1.2.3",),
        ("01.2.3",),
        ("1.2.3 ",),
        ("1.2.3\n",),
        ("1.2.\u0663",),
        ("1.0.0", "2.0.0"),
        ("", ""),
        ("9" * 5000,),
    ],
)
def test___no_version___register___is_refused(versions: tuple[str, ...]) -> None:
    wrong = RIGHT._replace(service=RIGHT.service._replace(versions=versions))

    refusal = refusal_of(lambda: Registry().register(wrong))

    assert refusal.code == "INVALID_ARGUMENT"
    assert "version" in refusal.text
    assert len(refusal.text) < 500


@holds("DISC-REGISTRATION-ID")
def test___two_registrations___register___have_ids_of_their_own() -> None:
    registry = Registry()

    ids = [registry.register(RIGHT), registry.register(RIGHT), Registry().register(RIGHT)]

    assert all(ids)
    assert len(set(ids)) == len(ids)


def test___a_holder___register___is_kept_with_the_time() -> None:
    registry = Registry(now=lambda: 42.0)

    registry.register(RIGHT._replace(holder=Holder(peer="ipv4:127.0.0.1:5", pid=77)))

    (entry,) = registry.active()
    assert (entry.holder.peer, entry.holder.pid, entry.since) == ("ipv4:127.0.0.1:5", 77, 42.0)


@holds("DISC-RESOLVE-FOUND")
def test___two_services___resolve___finds_each_by_each_of_its_interfaces() -> None:
    registry = Registry()
    registry.register(registration("C", "I", port="1"))
    registry.register(registration("D", "J", "K", port="2"))

    assert resolved_port(registry, "I") == "1"
    assert resolved_port(registry, "J") == "2"
    assert resolved_port(registry, "K", "D") == "2"


@holds("DISC-RESOLVE-EMPTY")
def test___no_interface___resolve___is_refused() -> None:
    registry = Registry()
    registry.register(RIGHT)

    assert refusal_of(lambda: registry.resolve("", "C")).code == "INVALID_ARGUMENT"


@holds("DISC-TARGET", "DISC-NODES")
def test___a_deployment_target___resolve___takes_the_local_node_only() -> None:
    registry = Registry()
    registry.register(RIGHT)
    (node,) = registry.compute_nodes()

    assert node.is_local
    assert (
        registry.resolve("I", deployment_target=node.url).service == registry.resolve("I").service
    )
    refusal = refusal_of(lambda: registry.resolve("I", deployment_target="mars"))
    assert refusal.code == "NOT_FOUND"
    assert "'mars'" in refusal.text
    assert "'localhost'" in refusal.text


@pytest.mark.parametrize("registered", [0, 1])
def test___driver_that_is_not_installed___resolve___says_what_to_install(registered: int) -> None:
    registry = Registry()
    for _ in range(registered):
        registry.register(registration("D", "K"))

    wanted = well_known.DEVICE_SERVER_INTERFACES["nidmm"], well_known.DEVICE_SERVER_CLASS
    text = refusal_of(lambda: registry.resolve(*wanted)).text

    assert "nidmm is not (pip install session-contract[drivers])" in text
    assert "MEASUREMENT_PLUGIN_GRPC_DEVICE_SERVER_ADDRESS" in text
    assert "Start the service" not in text


def test___simulated_drivers___named___are_those_of_the_device_server() -> None:
    assert {driver.package for driver in DRIVERS} == set(well_known.SIMULATED)


def test___visa___resolve___says_that_it_is_not_simulated() -> None:
    wanted = well_known.DEVICE_SERVER_INTERFACES["visa"], well_known.DEVICE_SERVER_CLASS

    text = refusal_of(lambda: Registry().resolve(*wanted)).text

    assert "NI-VISA is not simulated" in text


@holds("DISC-RESOLVE-UNKNOWN")
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("ni.loger.v1.json",), ["Did you mean 'ni.logger.v1.json'", "'J'"]),
        (("J", "ni.logger.Sevice"), ["Did you mean 'ni.logger.Service'"]),
        (("J", "D"), ["'D'", "only 'K'", "'ni.logger.Service'"]),
        (("J", "", "3.0.0"), ["'3.0.0'", "'1.0.0'", "'2.0.0'"]),
        (("J", "ni.logger.Service", "3.0.0"), ["'3.0.0'", "'1.0.0'", "'2.0.0'"]),
        (("J", "", "1.0.0.0"), ["'1.0.0.0'"]),
    ],
)
def test___no_match___resolve___names_what_there_is(
    asked: tuple[str, ...], said: list[str]
) -> None:
    registry = Registry()
    for version in ("1.0.0", "2.0.0"):
        registry.register(
            registration("ni.logger.Service", "ni.logger.v1.json", "J", version=version)
        )
    registry.register(registration("D", "K"))

    refusal = refusal_of(lambda: registry.resolve(*asked))

    assert refusal.code == "NOT_FOUND"
    for part in said:
        assert part in refusal.text


def test___nobody_registered___resolve___says_so() -> None:
    refusal = refusal_of(lambda: Registry().resolve("I"))

    assert refusal.code == "NOT_FOUND"
    assert "none is registered" in refusal.text


def test___endless_names___resolve___keeps_the_text_short() -> None:
    registry = Registry()
    for number in range(30):
        registry.register(registration(f"{number}\u2603" * 3000, "\u2603" * 9000 + str(number)))

    for asked in (("\u2603" * 90000,), ("\u2603" * 9000 + "0", "x" * 90000)):
        refusal = refusal_of(lambda asked=asked: registry.resolve(*asked))  # type: ignore[misc]
        assert len(refusal.text) <= 3000
        assert refusal.text.isascii()


@holds("DISC-RESOLVE-AMBIGUOUS", "DISC-AMBIGUOUS-CLASSES")
def test___several_classes___resolve___wants_one_named() -> None:
    registry = Registry()
    registry.register(registration("C", version="1.0.0", port="1"))
    registry.register(registration("C", version="2.0.0", port="2"))
    assert resolved_port(registry, "I") == "2"  # Versions of one class are one answer.

    last = registry.register(registration("D", version="3.0.0", port="3"))

    for version in ("", "3.0.0"):
        refusal = refusal_of(lambda version=version: registry.resolve("I", "", version))  # type: ignore[misc]
        assert refusal.code == "FAILED_PRECONDITION"
        assert "'C', 'D'" in refusal.text
    assert resolved_port(registry, "I", "D") == "3"
    registry.unregister(last)
    assert resolved_port(registry, "I") == "2"


@holds("DISC-AMBIGUOUS-CLASSES")
def test___a_running_and_an_installed_class___resolve___wants_one_named() -> None:
    registry = Registry()
    registry.install(service("D"))
    registry.register(registration("C"))

    assert refusal_of(lambda: registry.resolve("I")).code == "FAILED_PRECONDITION"
    assert resolved_port(registry, "I", "C") == "1"


@holds("DISC-VERSION-LATEST", "DISC-VERSION-ORDER")
@pytest.mark.parametrize(
    "ascending",
    [
        ("1.9.0", "1.10.0"),
        ("1.0.0", "1.0.0.0", "1.0.0.9", "1.0.0.10", "1.0.1", "9.0.0", "10.0.0"),
        ("", "0.0.2"),
    ],
)
def test___versions_in_any_order___resolve___takes_the_latest(ascending: tuple[str, ...]) -> None:
    for order in itertools.islice(itertools.permutations(ascending), 40):
        registry = Registry()
        for version in order:
            port = str(1 + ascending.index(version))
            registry.register(registration(version=version, port=port))

        assert resolved_port(registry, "I") == str(len(ascending))
        assert resolved_port(registry, "I", "C", ascending[0] or "0.0.1") == "1"


def test___interfaces_differ_by_version___resolve___takes_the_latest_that_has_it() -> None:
    registry = Registry()
    registry.register(registration("C", "I", "J", version="1.0.0", port="1"))
    registry.register(registration("C", "I", version="2.0.0", port="2"))

    assert resolved_port(registry, "I") == "2"
    assert resolved_port(registry, "J") == "1"
    assert [each.versions for each in registry.enumerate("J")] == [("1.0.0",)]


@holds("DISC-NEWEST", "DISC-UNREGISTER")
def test___registered_again___resolve___takes_the_newest_until_it_unregisters() -> None:
    registry = Registry()
    registry.register(registration(version="1.0.0", port="1"))
    second = registry.register(registration(version="1.0.0", port="2"))
    assert resolved_port(registry, "I", "C", "1.0.0") == "2"

    registry.unregister(second)

    assert resolved_port(registry, "I", "C") == "1"


@holds("DISC-UNREGISTER")
def test___the_last_one___unregister___leaves_nothing_behind() -> None:
    registry = Registry()

    registry.unregister(registry.register(registration("C", "I", "J", "I")))

    for asked in (("I",), ("I", "C"), ("J", "C", "0.0.1")):
        assert refusal_of(lambda asked=asked: registry.resolve(*asked)).code == "NOT_FOUND"  # type: ignore[misc]
    assert registry.enumerate() == []
    assert registry.active() == []


@holds("DISC-UNREGISTER-UNKNOWN")
def test___all_evicted___unregister___is_well() -> None:
    registry = Registry()
    number = registry.register(RIGHT)

    registry.evict_all()

    assert registry.active() == []
    registry.unregister(number)


@holds("DISC-UNREGISTER-UNKNOWN")
@pytest.mark.parametrize("twice", [True, False])
def test___an_unknown_id___unregister___is_refused(twice: bool) -> None:
    registry = Registry()
    registry.register(registration("D"))
    unknown = registry.register(RIGHT) if twice else "abcd"
    if twice:
        registry.unregister(unknown)

    refusal = refusal_of(lambda: registry.unregister(unknown))

    assert refusal.code == "NOT_FOUND"
    assert "'D'" in refusal.text


@holds("DISC-ENUMERATE")
def test___versions_of_a_class___enumerate___are_one_entry() -> None:
    registry = Registry()
    for number, version in enumerate(("2.0.0", "1.10.0", "1.9.0", "")):
        entry = registration("C", "I", version=version, port=str(number + 1))
        named = entry.service._replace(display_name=f"C {version}")
        registry.register(entry._replace(service=named))
    registry.register(registration("D", "J"))
    registry.install(service("E", "J", version="1.0.0"))

    both = registry.enumerate()

    assert [each.service_class for each in both] == ["C", "D", "E"]
    assert both[0].versions == ("0.0.1", "1.9.0", "1.10.0", "2.0.0")
    assert both[0].display_name == "C 2.0.0"
    assert [each.service_class for each in registry.enumerate("I")] == ["C"]
    assert [each.service_class for each in registry.enumerate("J", "D")] == ["D"]
    assert registry.enumerate("I", "D") == []


@holds("DISC-ACTIVE")
def test___instances___active___are_listed_one_by_one() -> None:
    registry = Registry()
    for port in ("1", "2"):
        registry.register(registration(version="1.0.0", port=port))
    registry.register(registration("D", "J", port="3"))
    registry.install(service("E"))

    assert [each.location.insecure_port for each in registry.active()] == ["1", "2", "3"]
    assert [each.location.insecure_port for each in registry.active("I")] == ["1", "2"]
    assert [each.location.insecure_port for each in registry.active("", "D")] == ["3"]


@holds("DISC-DISPLACE")
def test___an_installed_service___registered_by_a_developer___is_displaced_until_the_end() -> None:
    registry = Registry()
    registry.install(service(version="1.0.0", display_name="Installed"))

    developers = registry.register(registration(version="1.0.0", port="5"))
    assert resolved_port(registry, "I", "C", "1.0.0") == "5"
    registry.unregister(developers)

    found = registry.lookup("I")
    assert isinstance(found, Service)
    assert found.display_name == "Installed"
    refusal = refusal_of(lambda: registry.resolve("I"))
    assert refusal.code == "NOT_FOUND"
    assert "installed" in refusal.text


def test___installed_twice___install___is_an_error_of_the_user() -> None:
    registry = Registry()
    registry.install(service(version="1.0.0"))
    registry.install(service(version="2.0.0"))

    with pytest.raises(FakeError, match=r"'C' is installed in version 1\.0\.0 already"):
        registry.install(service(version="1.0.0"))


@holds("DISC-STALE")
def test___a_dead_service___stale___is_shown_and_still_resolved() -> None:
    registry = Registry(why_dead=lambda each: "gone" if each.location.insecure_port == "1" else "")
    registry.register(registration("C", port="1"))
    registry.register(registration("D", "J", port="2"))

    (stale,) = registry.stale()

    assert (stale.registration.service.service_class, stale.why) == ("C", "gone")
    assert resolved_port(registry, "I") == "1"


@holds("DISC-EVICT", "DISC-UNREGISTER-UNKNOWN")
def test___dead_services_evicted___resolve___answers_the_living() -> None:
    dead = {"2", "3"}
    registry = Registry(
        evict_stale=True, why_dead=lambda each: "gone" * (each.location.insecure_port in dead)
    )
    ids = [registry.register(registration(port=port)) for port in ("1", "2", "3")]

    assert resolved_port(registry, "I") == "1"
    registry.unregister(ids[2])  # It comes back to say goodbye: not its fault.
    dead.add("1")
    assert registry.enumerate() == []
    assert registry.active() == []
    assert refusal_of(lambda: registry.resolve("I")).code == "NOT_FOUND"


def test___running_and_installed___clear___leaves_the_installed() -> None:
    registry = Registry()
    registry.install(service("D", "J"))
    registry.register(RIGHT)

    registry.clear()

    assert registry.active() == []
    assert [each.service_class for each in registry.enumerate()] == ["D"]


def test___a_listener___register___is_told_outside_the_lock() -> None:
    registry = Registry()
    told: list[str] = []
    registry.on_registered(lambda entry: told.append(resolved_port(registry, "I") + entry.id))

    new = registry.register(RIGHT)

    assert told == ["1" + new]


def test___a_port_that_refuses___why_dead___says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        alive = RIGHT._replace(location=Location("127.0.0.1", port))
        assert why_dead(alive) == ""

    assert why_dead(alive) == f"127.0.0.1:{port} refuses connections"


@pytest.mark.skipif(sys.platform == "win32", reason="there the port alone tells")
def test___a_process_that_ended___why_dead___says_so() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        subprocess.Popen([sys.executable, "-S", "-c", ""]) as process,
    ):
        process.wait(timeout=60)
        location = Location("127.0.0.1", str(server.getsockname()[1]))

        dead = why_dead(Registration(service(), location, Holder(pid=process.pid)))

    assert dead == f"its process {process.pid} has ended"


@pytest.mark.skipif(not has_ipv6_loopback(), reason="this machine has no IPv6 loopback")
def test___localhost_that_listens_on_ipv6_alone___why_dead___it_is_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # NI's plug-in host binds ::1 only, and many machines say that localhost is 127.0.0.1 only.
    def only_ipv4(*_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", only_ipv4)
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = str(server.getsockname()[1])
        alive = RIGHT._replace(location=Location("localhost", port))
        assert why_dead(alive) == ""

    assert why_dead(alive) == f"localhost:{port} refuses connections"


def test___a_name_that_leads_nowhere___why_dead___does_not_know() -> None:
    assert why_dead(RIGHT._replace(location=Location("no.such.host.invalid", "1"))) == ""
    assert why_dead(RIGHT._replace(location=Location("x" * 300, "1"))) == ""


def test___many_threads___register_and_unregister___end_with_nothing() -> None:
    registry = Registry()

    def work(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(100):
            name = dice.choice("CDE")
            mine = registry.register(registration(name, version=dice.choice(["", "1.0.0"])))
            assert registry.resolve("I", name).service.service_class == name
            registry.unregister(mine)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [None] * 8

    assert registry.active() == []
    assert registry.enumerate() == []


def test___well_known_names___compared_with_ni_s_clients___are_the_same() -> None:
    from ni.measurementlink.pinmap.v1 import pin_map_service_pb2
    from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2
    from ni.measurementlink.sessionmanagement.v1.client._drivers import _grpcdevice

    pin_map = pin_map_service_pb2.DESCRIPTOR.services_by_name["PinMapService"]
    sessions = session_management_service_pb2.DESCRIPTOR.services_by_name[
        "SessionManagementService"
    ]
    assert pin_map.full_name == well_known.PIN_MAP_SERVICE
    assert sessions.full_name == well_known.SESSION_MANAGEMENT_SERVICE
    assert _grpcdevice.SERVICE_CLASS == well_known.DEVICE_SERVER_CLASS
