"""Target files of clients, drivers that do not do as they should, and what is said of them."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from session_contract import cli
from session_contract.clients import lines
from session_contract.clients.lines import Garbage
from session_contract.clients.loading import client_from_flags
from session_contract.clients.target import PythonClient
from session_contract.running.classes import load_any_target
from session_contract.subject.target import TargetError
from session_spec.examples import parse_example

HOUSE = Path(__file__).resolve().parents[2]
PROTO = HOUSE / "reference_impl" / "session_reference" / "file_logger" / "json_logger.proto"
SMALL = HOUSE / "contract_tests" / "selftest"
FILE = f"""
[target]
class = "client"
name = "logger"
client = "sharing_client:Right"
folder = "{SMALL.as_posix()}"
claims = ["tidy"]
[client]
arguments = ["{{resource}}", "{{behavior_name}}", "{{address}}", "{{timeout}}"]
[client.use]
call = "use"
[descriptors]
source = "{PROTO.as_posix()}"
"""
PROGRAM = f"""
[target]
class = "client"
name = "program"
command = ["{{python}}", "-c", '''{{program}}''']
[descriptors]
source = "{PROTO.as_posix()}"
[limits]
hang = 60
start = 60
"""
ANSWERS = """
import json, sys
for line in sys.stdin:
    order = json.loads(line)
    if order["do"] == "quit": break
    if order["do"] == "remains": answer = {"cannot": "count"}
    else: BODY
    print(json.dumps({"id": order["id"], **answer}), flush=True)
"""


def run(
    command: str, folder: Path, text: str, select: str = "cell and WIRE-AUTO"
) -> tuple[int, str]:
    """Run a command on a target file: its exit code, and all that it says."""
    path = folder / "client.toml"
    path.write_text(text, encoding="utf-8")
    said = io.StringIO()
    more = ["-k", select, "--results", str(folder / "results")] if command == "run" else []
    with redirect_stdout(said), redirect_stderr(said), pytest.raises(SystemExit) as ended:
        cli.cli.main([command, "--target", str(path), *more], prog_name="session-contract")
    return int(ended.value.code or 0), said.getvalue()


def program(body: str) -> str:
    """The target file of a program."""
    return PROGRAM.replace("{program}", body)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('client = "sharing_client:Right"', "", "[target] client or command has to be there"),
        ("sharing_client:Right", "sharing_client", "write module:name"),
        (PROTO.as_posix(), "reflection", "[descriptors] source has to name the .proto"),
        ("tidy", "restart", "has 'restart'"),
        ("[client]", '[client]\nclose = ""', "needs a method that closes: [client] close"),
        ("[client]", "[client]\nclse = 1", "clse is no key of ours; did you mean close?"),
        ('call = "use"', "", "call is missing: name a method"),
        ("{resource}", '", { make = "Options" }, "', "have make = 'Options': write module:name"),
        ("[descriptors]", '[resource]\nname = "log"\n[descriptors]', "put {unique} into it"),
        ("[descriptors]", '[discovery]\nclass = "A"\n[descriptors]', "and class go together"),
        ("[descriptors]", "[answers]\nCloseFile = 1\n[descriptors]", "write a table of its fields"),
    ],
)
def test___file_with_a_fault___read___said_with_the_remedy(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = tmp_path / "client.toml"
    assert old in FILE
    path.write_text(FILE.replace(old, new), encoding="utf-8")

    with pytest.raises(TargetError) as refused:
        load_any_target(path)

    assert said in str(refused.value)


def test___program___given_arguments_of_a_python_client___refused(tmp_path: Path) -> None:
    path = tmp_path / "client.toml"
    path.write_text(program("") + "[client]\narguments = []\n", encoding="utf-8")

    with pytest.raises(TargetError, match="arguments is for a Python client"):
        load_any_target(path)


def test___flags___read___are_a_client_whose_arguments_are_inferred() -> None:
    target = client_from_flags(client="a.b:C", proto=PROTO, claims=["tidy"])

    assert isinstance(target.driver, PythonClient)
    assert (target.driver.arguments, target.driver.keywords) == (None, None)
    assert (target.where, set(target.claims)) == ("a.b:C", {"tidy"})


def test___flag_of_a_client___examined___as_its_parameters_tell() -> None:
    said = io.StringIO()
    client = "session_reference.file_logger:JsonLoggerClient"
    with redirect_stdout(said), redirect_stderr(said), pytest.raises(SystemExit) as ended:
        cli.cli.main(["doctor", "--client", client, "--proto", str(PROTO)])

    assert ended.value.code == 0
    assert 'file_path="{resource}", initialization_behavior="{behavior}"' in said.getvalue()
    assert 'address="{address}", timeout="{timeout}"' in said.getvalue()


def test___right_target___examined___every_step_is_ok(tmp_path: Path) -> None:
    code, said = run("doctor", tmp_path, FILE)

    assert code == 0
    told = [line.split()[1] for line in said.splitlines()[:-1]]
    assert told == [
        *("target", "initialize", "behaviours", "close", "driver"),
        *("enter", "use", "close", "leave", "remains"),
    ]
    assert 'sharing_client:Right("{resource}", "{behavior_name}"' in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("sharing_client:Right", "sharing_client:Wright", "cannot be imported by"),
        ("sharing_client:Right", "sharing_client:json_logger", "cannot be imported by"),
        (', "{timeout}"]', "]", "fails before it has called the server: TypeError"),
        ("{timeout}", "{time}", "{time} stands for nothing"),
        ("sharing_client:Right", "threading:Event", "fails before it has called the server"),
        ('call = "use"', 'call = "us"', "Right has no us"),
        ('call = "use"', 'call = "close_channel"', "it called nothing"),
        ("[descriptors]", "[answers]\nOpen = {}\n[descriptors]", "[answers] Open"),
        ("[descriptors]", "[answers]\nCloseFile = {a = 1}\n[descriptors]", "does not fit"),
        (PROTO.as_posix(), "module:no_such_module", "cannot be read by"),
    ],
)
def test___target_that_does_not_fit___examined___exit_2_with_the_fix(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in FILE

    code, text = run("doctor", tmp_path, FILE.replace(old, new))

    assert code == 2
    assert said in text


def test___thing_that_no_with_takes___examined___exit_2(tmp_path: Path) -> None:
    text = FILE.replace("sharing_client:Right", "builtins:str").replace(
        'arguments = ["{resource}", "{behavior_name}", "{address}", "{timeout}"]',
        'arguments = ["{resource}"]',
    )

    code, said = run("doctor", tmp_path, text)

    assert code == 2
    assert "what builtins:str makes is a str, which 'with' does not take" in said


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("import sys; sys.exit(0)", 3, "The driver ended, exit code 0, instead of answering"),
        ("import sys; sys.exit('no server')", 3, "no server"),
        ("input(); print('hello')", 2, "is none: it is no JSON. It wrote 'hello'"),
        ("input(); print('{\"id\": 7}')", 2, "its id has to be 1"),
        ("input(); input()", 3, "gave no first answer within 2 s"),
        (ANSWERS.replace("BODY", "sys.exit(7)"), 3, "exit code 7, instead of answering"),
        (ANSWERS.replace("BODY", "answer = {'raised': 'KeyError'}"), 2, '"raised" is '),
        (ANSWERS.replace("BODY", "answer = {'raised': None}"), 1, "it sent nothing"),
        (ANSWERS.replace("BODY", "answer = {'cannot': 'do it'}"), 5, "The driver cannot enter"),
        (ANSWERS.replace("BODY", "answer = {'failed': 'no module'}"), 2, "cannot enter: no module"),
        (ANSWERS.replace("BODY", "input()"), 3, "did not come back within 3 s"),
    ],
)
def test___program_that_does_otherwise___judged___never_success(
    tmp_path: Path, body: str, code: int, said: str
) -> None:
    target = program(body)
    if "within" in said:  # a busy machine has more time where it is not to be used up
        target = target.replace("hang = 60\nstart = 60", "hang = 3\nstart = 30")
    if "first answer" in said:
        target = target.replace("start = 30", "start = 2")

    found, text = run("run", tmp_path, target)

    assert (found, said in " ".join(text.split())) == (code, True), text


def test___program_that_cannot_close___claims_tidy___is_not_established(tmp_path: Path) -> None:
    variants = HOUSE / "contract_tests" / "targets" / "variants"
    text = (variants / "json_lines_client.py").read_text(encoding="utf-8")
    closes = "clients[name].close()"
    assert closes in text
    (tmp_path / "driver.py").write_text(text.replace(closes, 'return {"cannot": "close"}'))
    target = (variants / "json_lines_client.toml").read_text(encoding="utf-8")
    target = target.replace("{here}/json_lines_client.py", "{here}/driver.py")
    target = target.replace("{here}/../../..", HOUSE.as_posix())
    target = target.replace("../../../reference_impl", f"{HOUSE.as_posix()}/reference_impl")

    code, said = run("run", tmp_path, target, select="closed_first_by")

    assert code == 5
    assert "TIDY-CLOSE-FIRST" in said
    assert "The driver cannot close in the body" in said


def test___program_that_is_not_there___judged___exit_2(tmp_path: Path) -> None:
    text = program("").replace("{python}", "no-such-program")

    code, said = run("run", tmp_path, text)

    assert code == 2
    assert "'no-such-program' cannot be started" in said


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("[]", "it is no JSON object"),
        ('{"id": 2, "raised": null}', "its id has to be 1"),
        ('{"id": 1}', 'it has to say what was "raised"'),
        ('{"id": 1, "raised": "OK"}', "\"raised\" is 'OK'"),
        ('{"id": 1, "raised": null, "text": 3}', '"text" is 3 and has to be a text'),
        ('{"id": 1, "remains": {"channel": "many"}}', "is an object of counts"),
        ('{"id": 1, "remains": 3}', "is an object of counts"),
    ],
)
def test___line_that_is_no_answer___read___said_why(answer: str, fault: str) -> None:
    with pytest.raises(Garbage) as found:
        lines.read(answer.encode(), 1)

    assert fault in str(found.value)


def test___schema___read___names_each_order_and_each_code() -> None:
    schema = json.loads(Path(lines.__file__).with_name("lines.schema.json").read_text("utf-8"))
    orders: list[dict[str, Any]] = schema["$defs"]["order"]["oneOf"]
    raised = schema["$defs"]["answer"]["properties"]["raised"]["oneOf"][1]["enum"]
    do = [order["properties"]["do"] for order in orders]

    assert {name for each in do for name in each.get("enum", [each.get("const")])} == {
        *("enter", "exit", "use", "close", "remains", "quit")
    }
    for code in raised:
        assert lines.read(json.dumps({"id": 1, "raised": code}).encode(), 1).raised == code


def test___violated_client___told___as_the_examples_are_written(tmp_path: Path) -> None:
    text = FILE.replace("sharing_client:Right", "sharing_client:SendsNothing")

    code, _ = run("run", tmp_path, text)

    assert code == 1
    written = json.loads((tmp_path / "results" / "results.json").read_text("utf-8"))
    findings = [check["finding"] for check in written["checks"] if check["finding"]]
    events = [event["text"] for event in findings[0]["events"]]
    assert events[0].startswith("Enter(")
    assert [parse_example([event], 1).text for event in events] == events
