"""Sequences with one fault each, and the requirement by whose check each is found.

Their steps are in ``small_sequences.py``, their servers in ``sharing_server.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

CORRECT = "sharing_server:correct"
PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
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


class WrongSequence(NamedTuple):
    """A sequence with one fault, the scene that shows it, and what is said of it."""

    name: str
    requirement: str
    scene: str
    words: str
    steps: Mapping[str, Sequence[str]]
    """Steps by their group, where they are not those of the sequence that is right."""
    model: str
    servicer: str


def _wrong(
    name: str,
    requirement: str,
    scene: str,
    words: str,
    *,
    model: str = "single",
    servicer: str = CORRECT,
    **steps: str,
) -> WrongSequence:
    named = {group: [step] if step else [] for group, step in steps.items()}
    return WrongSequence(name, requirement, scene, words, named, model, servicer)


FAILS = "a Main step fails"
WRONG = [
    # The ones that people write.
    _wrong("no detach", "SEQ-SETUP-DETACH", "one run", "did not leave r-",
          setup="create_without_detach"),
    _wrong("registers outside the reservation", "SEQ-SETUP-REGISTERS", "one run",
          "which it did not open or holds no more",
          setup="create_registers_afterwards"),
    _wrong("cleanup forgets unregister", "SEQ-CLEANUP-UNREGISTERS", "one run",
          "ends with a registration of r-", cleanup="destroy_unregisters_never"),
    _wrong("AUTO in cleanup", "SEQ-CLEANUP-CLOSES", "one run",
          "initializes with UNSPECIFIED; ATTACH_TO_SESSION_THEN_CLOSE is due",
          cleanup="destroy_with_auto"),
    _wrong("closes in main", "SEQ-MAIN-LEAVES", "one run",
          "which Setup opened for all", main="use_and_close"),
    _wrong("leaks on a failing main", "SEQ-CLEANUP-CLOSES", FAILS,
          "ends with an open session of r-",
          main="use_and_say_so", cleanup="destroy_if_all_went_well"),
    _wrong("Setup per socket in batch", "SEQ-SETUP-TWICE", "as its process model has it",
          "move what opens the sessions into ProcessSetup", model="batch"),
    _wrong("Setup per socket in parallel", "SEQ-SETUP-TWICE", "as its process model has it",
          "what closes them into ProcessCleanup", model="parallel"),
    _wrong("leaves a reservation", "SEQ-NOTHING-LEFT", "one run", "ends and still holds r-",
          cleanup="destroy_keeps_its_reservation"),
    # The others: every requirement has one.
    _wrong("opens before it reserves", "SEQ-SETUP-RESERVES", "one run",
          "without holding its reservation",
          setup="create_before_it_reserves"),
    _wrong("AUTO in setup", "SEQ-SETUP-DETACH", "one run",
          "initializes with UNSPECIFIED; INITIALIZE_SESSION_THEN_DETACH is due",
          setup="create_with_auto"),
    _wrong("never registers", "SEQ-SETUP-REGISTERS", "one run", "ends without registering r-",
          setup="create_registers_never"),
    _wrong("setup keeps its reservation", "SEQ-SETUP-UNRESERVES", "one run",
          "ends and still holds r-", setup="create_keeps_its_reservation"),
    _wrong("setup keeps its reservation when it fails", "SEQ-SETUP-UNRESERVES",
          "somebody else has the session open", "ends and still holds r-",
          setup="create_keeps_its_reservation_when_it_fails"),
    _wrong("setup takes what is open", "SEQ-SETUP-TWICE", "Setup runs twice",
          "had an open session before it", setup="create_whatever_is_open"),
    _wrong("setup takes what a killed run left", "SEQ-SETUP-TWICE",
          "somebody aborts the run, and runs it again",
          "had an open session before it", setup="create_whatever_is_open"),
    _wrong("main without reservation", "SEQ-MAIN-RESERVES", "one run",
          "without holding its reservation",
          main="use_without_reservation"),
    _wrong("main without reservation, at once", "SEQ-MAIN-RESERVES", "Main steps at once",
          "without holding its reservation", main="use_without_reservation"),
    _wrong("main keeps its reservation when it fails", "SEQ-MAIN-UNRESERVES", FAILS,
          "ends and still holds r-", main="use_and_keep_the_reservation_when_it_fails"),
    _wrong("main attaches", "SEQ-MAIN-AUTO", "one run",
          "initializes with ATTACH_TO_EXISTING; AUTO is due", main="use_attached"),
    _wrong("main closes when it fails", "SEQ-MAIN-LEAVES", FAILS,
          "closes the session of r-", main="use_and_close_when_it_fails"),
    _wrong("main names the resource in another way", "SEQ-ONE-CREATOR", "one run",
          "yet Main use_by_another_name created one",
          main="use_by_another_name"),
    _wrong("every attach gets an id of its own", "SEQ-ONE-SESSION", "one run",
          "the others have", servicer="sharing_server:forgetful"),
    _wrong("cleanup without reservation", "SEQ-CLEANUP-RESERVES-ALL", "one run",
          "without holding its reservation",
          cleanup="destroy_without_reservation"),
    _wrong("cleanup leaves it open", "SEQ-CLEANUP-CLOSES", "somebody terminates the run",
          "ends with an open session of r-", cleanup="destroy_leaves_open"),
    _wrong("no cleanup", "SEQ-CLEANUP-ALWAYS", "one run", "without a Cleanup", cleanup=""),
    _wrong("no cleanup after a failure", "SEQ-CLEANUP-ALWAYS", FAILS, "without a Cleanup",
          cleanup=""),
    _wrong("cleanup wants something", "SEQ-CLEANUP-EMPTY", "nothing was set up",
          "fails although nothing was registered", cleanup="destroy_wants_something"),
    _wrong("cleanup wants something after a refused setup", "SEQ-CLEANUP-EMPTY",
          "somebody else has the reservation", "fails although nothing was registered",
          cleanup="destroy_wants_something"),
    _wrong("close that does not release", "SEQ-REPEATS", "two runs",
          "the run before left nothing, yet Initialize is refused for r-",
          servicer="sharing_server:wrong.close_keeps_the_resource"),
]  # fmt: skip
