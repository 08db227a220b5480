"""Gives each parser broken files: it reads them, or says in its own words what is wrong.

A file is a good one, changed at random: bytes turned, left out, doubled, taken from other files,
and what parsers stumble over put in. Hypothesis draws the changes and makes a failure small; the
same seed draws the same ones.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from session_contract.clients import lines
from session_contract.linting.configs import Config
from session_contract.linting.pins import PinMap
from session_contract.results.known import load_known
from session_contract.running.classes import load_any_target
from session_contract.subject.record import Record, read_journal
from session_contract.subject.target import TargetError
from session_fakes.discovery.serviceconfig import read_serviceconfig
from session_fakes.errors import FakeError, Refusal
from session_fakes.pinmaps import read_pin_map
from session_reference.custom_instrument.registers import parse_register_map
from session_reference.hosting.registration import ServiceConfigError, read_service_config
from session_reference.refusals import InvalidRequestError
from session_spec import SourceError
from session_spec.model import Answer, Close
from session_spec.parser import parse_document
from session_spec.sources import read_source

HOUSE = Path(__file__).resolve().parents[2]
EXAMPLES = 20_000
SPARE = 2_000
"""Characters that an error may have beyond what it quotes of the file."""
LIMIT = 20.0
"""Seconds for one file: beyond that a parser is taken to hang."""
ODD = [
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\x1b[2J", b"\x85", b"//", b"/*",
    b"[" * 5000, b"{" * 5000, b'{"a":' * 5000, b"<a>" * 5000, b"(" * 5000, b"a." * 5000,
    b"9" * 5000, b"-", b"1e999999", b"NaN", b"\\ud800", b"\\u0000", b'"', b"'''", b"`" * 100,
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"&a;", b"&#0;", b"<![CDATA[", b"#", b"\n\n", b",", b"|",
]  # fmt: skip
"""What parsers stumble over."""
_UNHURRIED = (
    *(HealthCheck.too_slow, HealthCheck.data_too_large),
    *(HealthCheck.filter_too_much, HealthCheck.large_base_example),
)
"""What Hypothesis must not complain of."""


@dataclass(frozen=True)
class Parser:
    """What is tried: how it is called, what it may raise, and good files to change."""

    name: str
    parse: Callable[[bytes], object]
    may_raise: tuple[type[Exception], ...]
    corpus: list[bytes]

    def check(self, data: bytes) -> None:
        """Give it a file; AssertionError when its error is of no use, or it took for ever."""
        begun = time.monotonic()
        try:
            self.parse(data)
        except self.may_raise as error:
            text = str(error)
            assert 0 < len(text) < 20 * len(data) + SPARE, f"an error of {len(text)} characters"
        assert time.monotonic() - begun < LIMIT, "it took for ever"


def _in_a_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def parse(data: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            return read(path)

    return parse


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")  # what is no UTF-8 is no text, either


def _files(*patterns: str) -> list[bytes]:
    return [path.read_bytes() for pattern in patterns for path in sorted(HOUSE.glob(pattern))]


def parsers() -> list[Parser]:
    """All of them."""
    return [*_of_pin_maps(), *_of_service_configs(), *_of_targets(), *_of_lines(), *_others()]


def _of_pin_maps() -> list[Parser]:
    maps = _files("examples/pin_maps/*.pinmap", "fakes/tests/pin_maps/*.pinmap")
    return [
        Parser("pin map", lambda data: read_pin_map(_text(data)), (Refusal,), maps),
        Parser("pin map, linter", lambda data: PinMap(Path("x"), data), (), maps),
    ]


def _of_service_configs() -> list[Parser]:
    corpus = _files(
        "reference_impl/session_reference/*/*.serviceconfig", "examples/*/*.serviceconfig"
    )
    by_fakes = _in_a_file("x.serviceconfig", read_serviceconfig)
    by_references = _in_a_file("x.serviceconfig", read_service_config)
    return [
        Parser("serviceconfig, fakes", by_fakes, (FakeError,), corpus),
        Parser("serviceconfig, references", by_references, (ServiceConfigError,), corpus),
        Parser("serviceconfig, linter", lambda data: Config(Path("x"), _text(data)), (), corpus),
    ]


def _of_targets() -> list[Parser]:
    targets = _files("contract_tests/targets/*.toml", "examples/*/*target.toml")
    known = (
        b'[[known]]\nrequirement = "CLOSE-UNKNOWN"\nfails-with = "y"\nissue = "1"\n'
        b"until = 2027-01-01\n"
    )
    return [
        Parser("target file", _in_a_file("x.toml", load_any_target), (TargetError,), targets),
        Parser("known failures", _in_a_file("x.toml", load_known), (TargetError,), [known]),
    ]


def _of_lines() -> list[Parser]:
    answers = [
        b'{"id": 1, "raised": null}',
        b'{"id": 1, "raised": "NOT_FOUND", "text": "x"}',
        b'{"id": 1, "cannot": "no"}',
        b'{"id": 1, "remains": {"channel": 2}}',
    ]
    call = Record(1, "a", Close("s"), Answer("OK"), 0.0, 1.0).to_json()
    return [
        Parser("lines of a driver", lambda data: lines.read(data, 1), (lines.Garbage,), answers),
        Parser(
            "recorded calls",
            lambda data: list(read_journal(_text(data).splitlines())),
            (ValueError,),
            [json.dumps(call).encode()],
        ),
    ]


def _others() -> list[Parser]:
    requirements = _files("spec/session_spec/requirements/c*.md")
    read = _in_a_file("x.md", lambda path: parse_document(path, read_source(path)))
    maps = _files("reference_impl/session_reference/*/register_map.csv")
    return [
        Parser("requirements", read, (SourceError,), requirements),
        Parser("register map", parse_register_map, (InvalidRequestError,), maps),
    ]


def changed(corpus: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Good files after some changes."""
    return st.builds(
        _change, st.sampled_from(corpus), st.sampled_from(corpus), st.integers(0, 2**32)
    )


def _change(data: bytes, other: bytes, number: int) -> bytes:
    rng = random.Random(number)
    for _ in range(rng.choice((0, 1, 1, 2, 4, 16))):
        data = rng.choice(_CHANGES)(data, other, rng)
    return data


def _place(data: bytes, rng: random.Random) -> tuple[int, int]:
    begin = rng.randrange(len(data) + 1)
    return begin, min(len(data), begin + rng.choice((1, 1, 3, 10, 200)))


def _turned(data: bytes, _: bytes, rng: random.Random) -> bytes:
    begin, end = _place(data, rng)
    return (
        data[:begin] + bytes(byte ^ 1 << rng.randrange(8) for byte in data[begin:end]) + data[end:]
    )


def _left_out(data: bytes, _: bytes, rng: random.Random) -> bytes:
    begin, end = _place(data, rng)
    return data[:begin] + data[end:]


def _doubled(data: bytes, _: bytes, rng: random.Random) -> bytes:
    begin, end = _place(data, rng)
    return data[:begin] + data[begin:end] * rng.choice((2, 2, 50)) + data[end:]


def _spliced(data: bytes, other: bytes, rng: random.Random) -> bytes:
    begin, (first, last) = rng.randrange(len(data) + 1), _place(other, rng)
    return data[:begin] + other[first:last] + data[begin:]


def _odd(data: bytes, _: bytes, rng: random.Random) -> bytes:
    begin, end = _place(data, rng)
    return data[:begin] + rng.choice(ODD) + data[rng.choice((begin, end)) :]


_CHANGES = [_turned, _left_out, _doubled, _spliced, _odd, _odd]


def failure(parser: Parser, examples: int, number: int) -> str:
    """What went wrong with a parser, in a line and the smallest file; empty when nothing did."""
    last = b""

    @seed(number)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=_UNHURRIED, report_multiple_bugs=False,
    )  # fmt: skip
    @given(changed(parser.corpus))
    def check(data: bytes) -> None:
        nonlocal last
        last = data
        parser.check(data)

    try:
        check()
    except Exception as error:  # whatever it is: it was not to come
        return f"{parser.name}: {type(error).__name__}: {str(error)[:200]!r} on {last[:300]!r}"
    return ""


def main(arguments: list[str] | None = None) -> int:
    """Try all parsers; 1 when one of them failed."""
    parser = argparse.ArgumentParser(prog="parsers.py", description=main.__doc__)
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="files for each parser")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    chosen = parser.parse_args(arguments)
    found: list[str] = []
    for one in parsers():
        wrong = failure(one, chosen.examples, chosen.seed)
        print(f"{one.name}: {'FAILED' if wrong else 'nothing found'}", flush=True)
        found += [wrong] if wrong else []
    for text in found:
        print(f"FAILED {text}")
    print(f"{chosen.examples} files for each parser; seed {chosen.seed}; failures: {len(found)}")
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
