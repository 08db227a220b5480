"""The kill matrix: complete, up to date with its catalogue, and able to fail; some of it is run."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from selftest import clients, one_line, profiles, selftest, small_servers
from selftest.catalogue import WRONG
from selftest.judging import KILLED, judge, to_json
from selftest.patched import Patch
from selftest.wrong import Wrong
from session_contract import copying
from session_spec import Origin, Verification, load
from session_spec.requirement import CLAIMS

MATRIX = json.loads(selftest.MATRIX.read_text(encoding="utf-8"))
BY_NAME = {wrong.name: wrong for wrong in WRONG}
OF_PACKAGES = {"DRIVER-EXIT-CREATED", "DRIVER-EXIT-ATTACHED", "DRIVER-EXIT-DROPPED"}
"""What is seen at NI's own packages, of which there is no wrong one."""
LEAST = 40
LEAST_CLIENTS = 20
SHORT = [
    "file_logger: what was created is not new",
    "custom_instrument: an empty name is a name",
    "wrong shape: Close takes no id",
    "sequence: leaks on a failing main",
    "file_logger client: what is new is closed",
    "small client: HidesTheError",
]
"""Rows that are computed anew in each run of the tests; nox -s selftest does all."""


def test___matrix___compared_with_the_catalogue___has_each_and_all_are_found() -> None:
    told = {
        (row["wrong"], row["conformance_class"], row["requirement"], row["words"], row["origin"])
        for row in MATRIX["rows"]
    }

    assert told == {(w.name, w.conformance_class, w.requirement, w.words, w.origin) for w in WRONG}
    assert len(BY_NAME) == len(WRONG)
    assert [row["wrong"] for row in MATRIX["rows"] if row["outcome"] != KILLED] == []


def test___wrong_servers___counted___are_many_and_half_of_them_one_line_of_a_reference() -> None:
    servers = [wrong for wrong in WRONG if wrong.conformance_class == "server"]

    assert len(servers) >= LEAST
    assert 2 * len(one_line.WRONG) >= len(servers)


def test___wrong_clients___counted___are_many_and_half_of_them_one_line_of_a_reference() -> None:
    assert len(clients.WRONG) >= LEAST_CLIENTS
    assert 2 * len(clients.ONE_LINE) >= len(clients.WRONG)


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test___checked_requirements___of_a_class___each_is_proved_by_a_wrong_one(name: str) -> None:
    due = {
        requirement.id
        for requirement in load().of_class(name)
        if requirement.origin is not Origin.REFERENCE
        and requirement.verification is Verification.CHECKED
    }

    assert due - set(MATRIX["proved"]) - OF_PACKAGES == set()


@pytest.mark.parametrize(
    "wrong", [*one_line.WRONG, *clients.ONE_LINE, *profiles.WRONG], ids=lambda wrong: wrong.name
)
def test___patch___applied_to_a_copy___changes_one_line(tmp_path: Path, wrong: Wrong) -> None:
    patch: Patch = wrong.target.__self__  # type: ignore[attr-defined]
    copying.copy(patch.reference, tmp_path / "copy")
    before = (tmp_path / "copy" / patch.file).read_text(encoding="utf-8").splitlines()

    patch.apply(tmp_path / "copy")

    after = (tmp_path / "copy" / patch.file).read_text(encoding="utf-8").splitlines()
    assert set(before) - set(after) <= {line for line in before if line.strip() == patch.old}
    assert len(after) - len(before) in (0, 1)
    compile("\n".join(after), patch.file, "exec")


def test___patch_of_a_line_that_is_not_there___applied___says_so(tmp_path: Path) -> None:
    copying.copy("file_logger", tmp_path / "copy")

    with pytest.raises(ValueError, match=r"has 0 lines 'no such line': mend the patch"):
        Patch("file_logger", "server.py", "no such line", "").apply(tmp_path / "copy")


@pytest.mark.parametrize("name", SHORT)
def test___wrong_server___judged___as_the_matrix_says(name: str) -> None:
    row = judge(BY_NAME[name])

    assert selftest.differences(MATRIX, to_json([row])) == []


def test___server_without_its_fault___judged___survives() -> None:
    wrong = BY_NAME["small server: no id"]
    target = partial(small_servers.target, small_servers.SERVICER, "correct", small_servers.PROTO)

    row = judge(replace(wrong, target=target, beside=""))

    assert row.outcome == "survived, exit code 5; violated: none"
    assert selftest.differences(MATRIX, to_json([row])) == [
        "small server: no id: outcome was 'killed', is 'survived, exit code 5; violated: none'",
        "small server: no id: violated was ['INIT-ID-PRESENT'], is []",
    ]


def test___fault_told_in_other_words___judged___is_not_as_expected() -> None:
    row = judge(replace(BY_NAME["small server: no id"], words="never said", beside=""))

    assert row.outcome == "in other words: Initialize answered OK with an empty session id"
