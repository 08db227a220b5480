"""Target files of sequences: how they are read, gone through, and judged by the commands."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from session_contract import cli
from session_contract.running.classes import load_any_target
from session_contract.sequences import pin_maps
from session_contract.sequences.seen import CallSeen, Run, StepSeen
from session_contract.sequences.target import SequenceTarget
from session_contract.sequences.telling import told
from session_contract.subject.target import TargetError

if TYPE_CHECKING:
    from tests.small_runs import SmallRuns

HERE = Path(__file__).parent.as_posix()
SERVER = f"""
[target]
name = "sharing"
servicer = "sharing_server:correct"
folder = "{HERE}"
[descriptors]
source = "sharing.proto"
"""
SEQUENCE = """
[target]
class = "sequence"
name = "a sequence"
folder = "{here}"
[sequence]
pin_map = "bench.pinmap"
setup = ["small_sequences.py:{setup}"]
main = ["Sharing Measurement", "small_sequences.py:use"]
cleanup = ["small_sequences.py:destroy"]
{more}
[[server]]
target = "server.toml"
interface = "sharing.Sharing"
service_class = "sharing"
[[plug_in]]
command = ["{{python}}", "{here}/sharing_measurement.py"]
"""
PIN_MAP = """<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd"
  schemaVersion="1.6">
  <Instruments>
    <Instrument name="r-{unique}" instrumentTypeId="Sharing"><Channel id="0"/></Instrument>
  </Instruments>
  <Pins><DUTPin name="Pin1"/></Pins>
  <Sites><Site siteNumber="0"/></Sites>
  <Connections>
    <Connection pin="Pin1" siteNumber="0" instrument="r-{unique}" channel="0"/>
  </Connections>
</PinMap>
"""


@pytest.fixture
def files(runs: SmallRuns) -> SmallRuns:
    """A folder with the files that a target file names."""
    runs.file("server.toml", SERVER)
    runs.file("bench.pinmap", PIN_MAP)
    source = (Path(HERE) / "sharing_server.py").read_text(encoding="utf-8")
    runs.file("sharing.proto", source.partition('PROTO = """')[2].partition('"""')[0])
    return runs


def written(files: SmallRuns, setup: str = "create", more: str = "") -> Path:
    return files.file("my.toml", SEQUENCE.format(here=HERE, setup=setup, more=more))


def test___sequence_with_a_plug_in___judged_by_the_command___meets_the_class(
    files: SmallRuns,
) -> None:
    written(files)

    left = files.run(of="my.toml")

    assert left.exit_code == 0, left.stdout + left.stderr
    assert "18 of 18 requirements checked and met" in " ".join(left.stdout.split())


def test___wrong_sequence___judged_by_the_command___finding_names_step_and_cause(
    files: SmallRuns,
) -> None:
    written(files, "create_registers_afterwards")

    left = files.run("-k", "one and run and REGISTERS", of="my.toml")

    assert left.exit_code == 1
    said = " ".join(left.stdout.split())
    assert "✗ SEQ-SETUP-REGISTERS" in said
    assert "Setup create_registers_afterwards registers r-" in said
    assert "register_sessions() stands below the with block" in said


def test___steps_that_do_nothing___judged_by_the_command___nothing_is_established(
    files: SmallRuns,
) -> None:
    files.file("idle.py", "def idle():\n    pass\n")
    path = written(files)
    idle = f'"{files.folder.as_posix()}/idle.py:idle"'
    lines = [
        f"{line.partition(' = ')[0]} = [{idle}]" if line.startswith(("setup", "main", "cleanup"))
        else line
        for line in path.read_text(encoding="utf-8").partition("[[plug_in]]")[0].splitlines()
    ]  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8")

    left = files.run(of="my.toml")

    said = " ".join(left.stdout.split())
    assert left.exit_code == 5, said
    assert "No Setup step made a call of Initialize that was answered OK" in said
    assert "✓ SEQ-SETUP" not in said
    assert "✓ SEQ-MAIN" not in said
    assert "✓ SEQ-ONE" not in said


def doctor() -> tuple[int, str]:
    with redirect_stdout(io.StringIO()) as stdout, pytest.raises(SystemExit) as ended:
        cli.cli.main(["doctor", "--target", "my.toml"], prog_name="session-contract")
    return int(ended.value.code or 0), stdout.getvalue()


def test___doctor___goes_through_a_sequence___names_its_steps(files: SmallRuns) -> None:
    written(files)

    code, said = doctor()

    assert code == 0, said
    for text in ("sharing answers", "Setup", "Sharing Measurement", "Initialize calls were seen"):
        assert text in said


def test___doctor___step_that_is_not_there___says_which_there_are(files: SmallRuns) -> None:
    written(files, "creat")

    code, said = doctor()

    assert code == 2
    assert "[sequence] setup: " in said
    assert "has no function 'creat'; it has" in said


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("pin_map =", "pinmap =", "pin_map is missing"),
        ('"bench.pinmap"', '"absent.pinmap"', "which is not there"),
        ("setup =", "# setup =", "name the steps that open the sessions"),
        ("main =", "# main =", "name the steps, or plug-ins"),
        ("[[server]]", "[[servers]]", "write [[server]] with"),
        ("cleanup =", 'model = "bach"\ncleanup =', "did you mean batch"),
        ("cleanup =", 'cleanups = []\ncleanup =', "did you mean cleanup"),
        ('target = "server.toml"', "", "name the target file of the server"),
        ("[[plug_in]]\ncommand =", "[[plug_in]]\n# command =", "say what starts the plug-in"),
    ],
)  # fmt: skip
def test___target_file___with_a_fault___read___says_what_to_write(
    files: SmallRuns, old: str, new: str, text: str
) -> None:
    path = written(files)
    given = path.read_text(encoding="utf-8")
    assert old in given
    path.write_text(given.replace(old, new), encoding="utf-8")

    with pytest.raises(TargetError) as caught:
        load_any_target(path)

    assert text in str(caught.value)


def test___target_file___read___has_steps_and_model(files: SmallRuns) -> None:
    target = load_any_target(written(files, more='model = "batch"\nprocess_setup = ["a.py:b"]'))

    assert isinstance(target, SequenceTarget)
    assert (target.model, target.conformance_class) == ("batch", "sequence")
    assert target.where.startswith("a.py:b, small_sequences.py:create, Sharing Measurement")


def test___pin_map___with_one_more_site___connects_it_to_the_same_instruments() -> None:
    root = ET.fromstring(pin_maps.with_another_site(PIN_MAP))

    sites = [e.get("siteNumber") for e in root.iter() if e.tag.endswith("Site")]
    links = [
        (e.get("siteNumber"), e.get("instrument"))
        for e in root.iter()
        if e.tag.endswith("Connection")
    ]
    assert sites == ["0", "1"]
    assert links == [("0", "r-{unique}"), ("1", "r-{unique}")]


def test___pin_map___without_resources_of_the_types___says_which_there_are() -> None:
    with pytest.raises(TargetError, match=r"no Instrument of the types Other.*there are Sharing"):
        pin_maps.resources(PIN_MAP, ["Other"])
    with pytest.raises(TargetError, match="is no XML"):
        pin_maps.resources("<PinMap", [])


def step(number: int, section: str, started: float, ended: float) -> StepSeen:
    return StepSeen(number, section, f"step{number}", failed=False, started=started, ended=ended)


def test___steps_at_the_same_time___told___calls_are_those_of_the_holder() -> None:
    steps = [step(1, "Main", 0, 10), step(2, "Main", 0, 10)]
    calls = [
        CallSeen(1, 2, "Reserve", ("R",), ("OK",), (1,)),
        CallSeen(2, 3, "Initialize", ("R", "UNSPECIFIED"), ("OK", "s1", "new")),
        CallSeen(3, 4, "Close", ("s1",), ("OK",)),
        # It is answered after the other one has been granted what it gave back.
        CallSeen(4, 6, "Unreserve", ("R",), ("OK",), (1,)),
        CallSeen(1, 5, "Reserve", ("R",), ("OK",), (2,)),
        CallSeen(7, 8, "Initialize", ("R", "UNSPECIFIED"), ("OK", "s2", "new")),
    ]

    events = told([Run(steps, calls)], ["R"])

    assert [(e.call, e.actor[-1:]) for e in events] == [
        ("Reserve", "1"), ("Initialize", "1"), ("Close", "1"), ("Unreserve", "1"),
        ("Reserve", "2"), ("Initialize", "2"), ("Done", "1"), ("Done", "2"), ("End", ""),
    ]  # fmt: skip


def test___other_resources_and_spellings___told___only_those_of_the_pin_map(tmp_path: Path) -> None:
    resource = str(tmp_path / "a.log")
    spelled = str(tmp_path / "x" / ".." / "a.log")
    calls = [
        CallSeen(1, 2, "Initialize", (spelled, "UNSPECIFIED"), ("OK", "s1")),
        CallSeen(2, 3, "Initialize", ("own.log", "UNSPECIFIED"), ("OK", "s2", "new")),
        CallSeen(3, 4, "Use", ("s2",), ("OK",)),
        CallSeen(4, 5, "Close", ("s2",), ("OK",)),
    ]

    events = told([Run([step(1, "Main", 0, 9)], calls, over=False)], [resource])

    assert [(e.call, e.arguments) for e in events] == [
        ("Initialize", (resource, "UNSPECIFIED")),
        ("Done", ()),
    ]


def test___one_process_in_several_sockets___told___its_steps_are_one() -> None:
    steps = [step(1, "Setup", 0, 1), step(2, "Main", 2, 6), step(3, "Main", 3, 9)]
    calls = [
        CallSeen(3, 4, "Reserve", ("R",), ("OK",), (2, 3)),
        CallSeen(7, 8, "Unreserve", ("R",), ("OK",), (3,)),
    ]

    events = told([Run(steps, calls)], ["R"])

    both = "Main step2 and step3 (2 at once)"
    assert [(e.call, e.actor) for e in events] == [
        ("Done", "Setup step1"), ("Reserve", both), ("Unreserve", both), ("Done", both),
        ("End", ""),
    ]  # fmt: skip
