"""What the processes of a run tell each other."""

from __future__ import annotations

import json
import math
from collections import Counter

from session_contract.results.run_result import Cell, CheckResult, Outcome
from session_contract.running import outcomes
from session_contract.running.outcomes import Results, Share
from session_contract.subject.finding import Event, Finding
from session_contract.subject.record import Record
from session_spec.model import LOST, Answer, Close, Initialize

RECORDS = [
    Record(1, "client 1", Initialize("R", 1), Answer("OK", "s1", new=True), 0.5, 1.25, "Open"),
    Record(2, "client 2", Close("\ud800"), LOST, 0.75, math.inf, details="UNAVAILABLE: x", life=2),
]
FINDING = Finding(
    *("RACE-ORDER", "it was created twice", RECORDS, ["if so"], 3, "1 of 5", ["seen"]),
    events=(Event("it", "died"),),
)
CHECK = CheckResult("RACE-ORDER", 1, "test_x[é]", "race", Outcome.VIOLATED, 7, FINDING, seconds=0.1)


def test___results_of_a_check___packed___are_text_and_come_out_as_they_were() -> None:
    results = Results((CHECK,), wrong_usage="a", trace="b")

    packed = outcomes.pack(results)

    assert isinstance(json.loads(packed), dict)
    assert outcomes.unpack(packed) == results


def test___share_of_a_process___packed___is_text_and_comes_out_as_it_was() -> None:
    share = Share({"a::b": CHECK}, Counter({Cell("free", "Close", "OK"): 2}))

    packed = outcomes.pack_share(share)

    assert isinstance(json.loads(packed), dict)
    assert outcomes.unpack_share(packed) == share
