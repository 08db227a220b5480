"""Target files and flags: what they become, and what is said of each that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from session_contract.running.classes import load_any_target
from session_contract.subject.loading import load_target, stops_here, target_from_flags
from session_contract.subject.target import (
    Address,
    Command,
    Limits,
    Names,
    Resources,
    Servicer,
    TargetError,
    UseCall,
)
from session_spec.matrix import Behavior
from session_spec.requirement import CLAIMS

TARGETS = Path(__file__).parents[1] / "targets"
EVERYTHING = """
[target]
name = "acme"
version = "2.3.1"
contact = "acme.example/issues"
command = ["server", "--port", "{port}"]
folder = "bin"
environment = { ACME = "{discovery}" }
claims = ["use", "independent", "restart"]
dialect = "grpc-device"
known_failures = "known.toml"

[target.start]
ready_output = "port (?P<port>[0-9]+)"
within = 20
stops = ["SIGINT", "enter"]
grace = 2.5

[descriptors]
source = "acme.proto"
include = ["protos"]

[service]
name = "acme.Acme"
initialize = "Open"
close = "Shut"
resource = "what"
behavior = "how"
session = "who"
new = "fresh"
close_session = "whom"
[service.behaviors]
unspecified = "ANY"
attach_to_existing = 7

[resource]
name = "acme-{unique}"
setup = ["make", "{name}"]
cleanup = ["drop", "{name}"]
slow = "slow-{unique}"
slow_setup = ["slow", "{name}"]
gone = ["rm", "{name}"]

[initialize]
mode = 3
[initialize.bad]
mode = 99
[initialize.slow]
mode = 1

[[use]]
rpc = "Write"
session = "id"
request = { text = "{value}", place.x = 1 }
writes = true
[[use]]
rpc = "Read"
answer = "text"

[limits]
call = 1.5
"""
SMALLEST = '[target]\nname = "acme"\naddress = "localhost:1"\n'


def written(folder: Path, text: str) -> Path:
    """A target file with this text."""
    path = folder / "acme.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test___file_with_everything___loaded___target_has_it(tmp_path: Path) -> None:
    target = load_target(written(tmp_path, EVERYTHING))

    assert (target.identity.name, target.identity.version) == ("acme", "2.3.1")
    assert target.identity.contact == "acme.example/issues"
    assert target.place == Command(
        ("server", "--port", "{port}"),
        tmp_path / "bin",
        {"ACME": "{discovery}"},
        ready_output="port (?P<port>[0-9]+)",
        within=20,
        stops=("SIGINT", "enter"),
        grace=2.5,
    )
    assert target.here == tmp_path
    assert target.descriptors.source == str(tmp_path / "acme.proto")
    assert target.descriptors.include == (tmp_path / "protos",)
    assert target.names == Names(
        "acme.Acme", "Open", "Shut", "what", "how", "who", "fresh", "whom",
        {Behavior.UNSPECIFIED: "ANY", Behavior.ATTACH_TO_EXISTING: 7},
    )  # fmt: skip
    assert target.resources == Resources(
        "acme-{unique}", ("make", "{name}"), ("drop", "{name}"),
        "slow-{unique}", ("slow", "{name}"), ("rm", "{name}"),
    )  # fmt: skip
    assert target.configuration == {"mode": 3}
    assert target.bad_configuration == {"mode": 99}
    assert target.slow_configuration == {"mode": 1}
    assert target.uses == [
        UseCall("Write", "id", {"text": "{value}", "place": {"x": 1}}, writes=True),
        UseCall("Read", answer="text"),
    ]
    assert target.claims == {"use", "independent", "restart"}
    assert target.dialect == "grpc-device"
    assert target.limits == Limits(1.5)
    assert target.known_failures == tmp_path / "known.toml"


@pytest.mark.parametrize(
    ("named", "windows", "here"),
    [
        (("SIGTERM", "SIGINT", "CTRL_BREAK", "enter"), False, ("SIGTERM", "SIGINT", "enter")),
        (("SIGTERM", "SIGINT", "CTRL_BREAK", "enter"), True, ("CTRL_BREAK", "enter")),
        (("SIGTERM",), True, ("CTRL_BREAK",)),
        (("CTRL_BREAK",), False, ("SIGTERM",)),
        ((), False, ()),
    ],
)
def test___ways_to_stop___named_for_all_systems___are_those_of_this_one(
    named: tuple[str, ...], windows: bool, here: tuple[str, ...]
) -> None:
    assert stops_here(named, windows=windows) == here


def test___smallest_file___loaded___the_rest_is_inferred_later(tmp_path: Path) -> None:
    target = load_target(written(tmp_path, SMALLEST))

    assert target.place == Address("localhost:1")
    assert target.descriptors.source == "reflection"
    assert (target.names, target.resources, target.limits) == (Names(), Resources(), Limits())
    assert not target.claims
    assert target.known_failures is None


def test___file_with_a_byte_order_mark___loaded___is_read(tmp_path: Path) -> None:
    assert load_target(written(tmp_path, "\ufeff" + SMALLEST)).identity.name == "acme"


def test___servicer___loaded___is_looked_for_beside_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[target]\nname = "acme"\nservicer = "a.b:add_to"\n')

    assert load_target(path).place == Servicer("a.b:add_to", tmp_path)


COMMAND = '[target]\nname = "acme"\ncommand = ["server"]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SMALLEST + "addres = 1", "[target] addres is no key of ours; did you mean address?"),
        (SMALLEST + "[limit]", "[limit] is no key of ours; did you mean limits?"),
        (SMALLEST + "[service]\nqux = 1", "[service] qux is no key of ours; known are behavior"),
        (SMALLEST + "[limits]\ncal = 1", "[limits] cal is no key of ours; did you mean call?"),
        (
            SMALLEST + "[resource]\nnane = ''",
            "[resource] nane is no key of ours; did you mean nam",
        ),
        (SMALLEST + "[descriptors]\nsorce = ''", "[descriptors] sorce is no key of ours; did you"),
        (SMALLEST + "[[use]]\nrpc = 'A'\nreqest = {}", "[[use]] reqest is no key of ours; did you"),
        (SMALLEST + "version = 2", "[target] version is 2 and has to be a text in quotes."),
        (SMALLEST + "claims = 'use'", "[target] claims is 'use' and has to be a list."),
        (SMALLEST + "claims = [1]", "[target] claims has to be a list of texts"),
        (SMALLEST + "claims = ['used']", "[target] claims has 'used'; did you mean use?"),
        (SMALLEST + "claims = ['use']", "claims has 'use', which needs an RPC to check it with"),
        (SMALLEST + "claims = ['independent']", "needs a resource that takes long"),
        (SMALLEST + "claims = ['restart']", "needs a command to start the server."),
        (SMALLEST + "claims = ['hosting']", "needs a command to start the server."),
        (SMALLEST + "dialect = 'grpc'", "[target] dialect is 'grpc'; did you mean grpc-device?"),
        (SMALLEST + "[target.start]\nwithin = 1", "[target] start is for a target with a command"),
        (SMALLEST + "environment = { A = '1' }", "[target] environment is for a target with a com"),
        (
            SMALLEST + "command = ['x']",
            "[target] address or command or servicer has to be there, and only one of them.",
        ),
        (SMALLEST + "[limits]\ncall = 0", "[limits] call is 0 and has to be a number of seconds"),
        (SMALLEST + "[limits]\ncall = true", "[limits] call is True and has to be a number of"),
        (SMALLEST + "[resource]\nname = 'one'", "[resource] name is the same each time: put {uni"),
        (
            SMALLEST + "[service]\nbehaviors = { new = 1 }",
            "[service] behaviors has 'new'; known ar",
        ),
        (
            SMALLEST + "[service]\nbehaviors = { unspecified = true }",
            "[service] behaviors has unspecified = True: write the value's name or number.",
        ),
        (SMALLEST + "[[use]]\nsession = 'A'", "[[use]] rpc is missing: name the RPC that uses"),
        (SMALLEST + "[[use]]\nrpc = 'A'\nwrites = true", '[[use]] writes is true: put "{value}"'),
        (SMALLEST + "[use]\nrpc = 'A'", "[use] is {'rpc': 'A'} and has to be a list."),
        (SMALLEST + "[service", "acme.toml is no TOML"),
        ("[target]\nname = 'a'", "[target] address or command or servicer has to be there, and"),
        ("[target]\naddress = 'a:1'", "[target] name is missing: say what the report is to call"),
        ("[target]\nname = 'a'\naddress = 'http://a:1'", "write host and port, such as 127.0.0.1:"),
        ("[target]\nname = 'a'\nservicer = 'a.py'", "[target] servicer is 'a.py': write module:fu"),
        (COMMAND, "[target.start] ready_output has to tell the address: put {port} into the comm"),
        (
            COMMAND + "[target.start]\nready_file = true",
            "ready_file is true: put {ready_file} in",
        ),
        (COMMAND + "[target.start]\nready_output = '('", "ready_output is no regular expression"),
        (COMMAND + "[target.start]\nstops = ['KILL']", "[target.start] stops has 'KILL'; "),
        (COMMAND + "[target.start]\nreddy = 1", "[target.start] reddy is no key of ours; did you"),
        (COMMAND + "environment = { A = 1 }", "[target] environment has A = 1: write a text"),
        (
            COMMAND.replace('"]', '", "{port}"]')
            + "[target.start]\nstops = ['enter','stdin-close']",
            "[target.start] stops has enter and stdin-close: make a target file for each.",
        ),
    ],
)
def test___file_with_a_fault___loaded___error_names_place_and_remedy(
    tmp_path: Path, text: str, said: str
) -> None:
    path = written(tmp_path, text)

    with pytest.raises(TargetError) as error:
        load_target(path)

    assert said in str(error.value)
    assert str(error.value).startswith(str(path))


def test___class_of_a_target___loaded___is_read_by_that_class(tmp_path: Path) -> None:
    smallest = SMALLEST.replace("[target]", '[target]\nclass = "server"')

    assert load_any_target(written(tmp_path, smallest)) == load_target(written(tmp_path, SMALLEST))


def test___unknown_class___loaded___error_names_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path, "[target]\nclass = 'sever'")

    with pytest.raises(TargetError, match=r"class is 'sever'; did you mean server\?"):
        load_any_target(path)


def test___file_that_is_not_there___loaded___error_names_it(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"nothing\.toml cannot be read: No such file"):
        load_target(tmp_path / "nothing.toml")


def test___file_in_another_encoding___loaded___error_says_which_is_due(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_bytes(b"name = '\xff'")

    with pytest.raises(TargetError, match=r"acme\.toml is no UTF-8: save it with that encoding"):
        load_target(tmp_path / "acme.toml")


def test___address_and_proto_as_flags___made___target_infers_the_rest(tmp_path: Path) -> None:
    proto = tmp_path / "my.proto"

    target = target_from_flags(address="[::1]:50051", proto=proto, claims=["strict-input"])

    assert target.place == Address("[::1]:50051")
    assert target.descriptors.source == str(proto)
    assert target.identity.name == "[::1]:50051"
    assert target.claims == {"strict-input"}


def test___command_as_flag___made___is_split_as_a_shell_would() -> None:
    target = target_from_flags(command="'my server' --port {port}", name="mine")

    assert isinstance(target.place, Command)
    assert target.place.argv == ("my server", "--port", "{port}")
    assert (target.identity.name, target.place.folder) == ("mine", Path.cwd())


def test___no_place_as_flag___made___error() -> None:
    with pytest.raises(TargetError, match="address or command or servicer has to be there"):
        target_from_flags(name="mine")


@pytest.mark.parametrize("name", ["file_logger", "custom_instrument"])
def test___target_of_a_reference___loaded___names_its_server(name: str) -> None:
    target = load_target(TARGETS / f"{name}.toml")

    assert isinstance(target.place, Command)
    assert (target.here / target.place.argv[1] / "server.py").is_file()
    assert target.identity.name == name
    assert target.claims == set(CLAIMS["server"])
