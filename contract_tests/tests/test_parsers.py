"""The fuzz of the parsers in short, that it can find something, and what it has found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from long_runs import parsers
from session_contract.clients.lines import Garbage, read
from session_contract.linting.pins import PinMap
from session_contract.results.known import load_known
from session_contract.subject.record import read_journal
from session_contract.subject.target import TargetError
from session_contract.subject.toml_files import read_toml
from session_reference.hosting.registration import ServiceConfigError, read_service_config

SEED = 20_260_101
DEEP = "[" * 100_000


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("parser", parsers.parsers(), ids=lambda one: str(one.name))
def test___broken_files___read___say_what_is_wrong(parser: parsers.Parser) -> None:
    assert parser.corpus
    for good in parser.corpus:
        parser.check(good)

    assert parsers.failure(parser, 100, SEED) == ""


def test___a_parser_that_lets_errors_out___tried___is_found() -> None:
    one = parsers.Parser("x", json.loads, (UnicodeDecodeError,), [b'{"a": "b"}'])

    assert "x: JSONDecodeError: " in parsers.failure(one, 200, SEED)


def test___an_error_without_words_or_without_end___tried___is_found() -> None:
    for text in ("", "x" * 100_000):

        def parse(_: bytes, text: str = text) -> None:
            raise ValueError(text)

        wrong = parsers.failure(parsers.Parser("x", parse, (ValueError,), [b"a"]), 5, SEED)

        assert f"an error of {len(text)} characters" in wrong


@pytest.mark.parametrize(
    "text", [f"a = {DEEP}", f"a = {'[' * 200}{']' * 200}", ".".join("a" * 2000) + " = 1"]
)
def test___toml_within_toml_beyond_measure___read___is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")

    with pytest.raises(TargetError):
        read_toml(tmp_path / "a.toml")


def test___a_pattern_of_brackets___known_failures___are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        '[[known]]\nrequirement = "CLOSE-UNKNOWN"\nissue = "1"\nuntil = 2027-01-01\n'
        f'fails-with = "{"(" * 5000}"\n',
        encoding="utf-8",
    )

    with pytest.raises(TargetError, match="is no regular expression"):
        load_known(tmp_path / "a.toml")


def test___json_within_json_beyond_measure___read___is_refused_by_each(tmp_path: Path) -> None:
    (tmp_path / "a.serviceconfig").write_text(f'{{"services": {DEEP}', encoding="utf-8")

    with pytest.raises(Garbage, match="no JSON"):
        read(DEEP.encode(), 1)
    with pytest.raises(ValueError, match="line 1: "):
        list(read_journal([DEEP]))
    with pytest.raises(ServiceConfigError, match="RecursionError"):
        read_service_config(tmp_path / "a.serviceconfig")


def test___pin_map_in_an_encoding_that_nobody_knows___linted___is_a_fault() -> None:
    pin_map = PinMap(Path("a.pinmap"), b'<?xml version="1.0" encoding="uttf-8"?><PinMap/>')

    assert pin_map.fault == "unknown encoding: uttf-8"
