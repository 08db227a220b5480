"""Register maps: what is read, and what is refused with its line."""

from __future__ import annotations

import csv
import io
import os
import stat
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_reference import custom_instrument
from session_reference.custom_instrument.registers import (
    COLUMNS,
    Register,
    RegisterMap,
    parse_register_map,
    read_register_map,
)
from session_reference.refusals import InvalidRequestError

SHIPPED = Path(custom_instrument.__file__).with_name("register_map.csv")
HEADER = b"Register Name,Register Address,Default Data"
A_AND_B = {"A": Register(1, 16), "B": Register(2, 0)}
no_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


def test___shipped_map___read___has_the_registers_of_the_sample() -> None:
    assert list(read_register_map(str(SHIPPED))) == [
        *("CONFIG_0", "CONFIG_1", "STATUS_0", "STATUS_1", "MFR_ID"),
        *("USER_DATA_0", "USER_DATA_1", "READ_DATA_LSB", "READ_DATA_MSB", "RESERVED"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(HEADER + b"\nA,0x01,0x10\nB,0x02,0x00\n", id="hexadecimal"),
        pytest.param(HEADER + b"\nA,1,16\nB,2,0\n", id="decimal"),
        pytest.param(HEADER + b"\nA,0X1,0x0000010\nB,002,0000\n", id="other digits"),
        pytest.param(HEADER + b"\nA,1,16\nB,2,0", id="no newline at the end"),
        pytest.param(HEADER + b"\r\nA,1,16\r\nB,2,0\r\n", id="CRLF"),
        pytest.param(HEADER + b"\rA,1,16\rB,2,0\r", id="CR"),
        pytest.param(b"\xef\xbb\xbf" + HEADER + b"\nA,1,16\nB,2,0\n", id="byte order mark"),
        pytest.param(b"\n" + HEADER + b"\n\n  \n,,\nA,1,16\n\nB,2,0\n\n", id="blank lines"),
        pytest.param(HEADER + b"\n A , 1 ,\t16 \nB,2,0\n", id="spaces"),
        pytest.param(
            b'"Register Name",Register Address,Default Data\n"A","1",16\nB,2,"0"', id="quotes"
        ),
        pytest.param(b"Default Data,Register Name,Register Address\n16,A,1\n0,B,2\n", id="order"),
        pytest.param(b"#," + HEADER + b",Note\n1,A,1,16,\n2,B,2,0,x\n", id="more columns"),
    ],
)
def test___map_as_people_write_them___parse___read(content: bytes) -> None:
    assert parse_register_map(content) == A_AND_B


@pytest.mark.parametrize("content", [HEADER, HEADER + b"\n", HEADER + b"\r\n\r\n"])
def test___header_only___parse___valid_and_without_registers(content: bytes) -> None:
    assert parse_register_map(content) == {}


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        pytest.param(b"", 1, "needs the columns Register Name, Reg", id="empty"),
        pytest.param(b"\nA,1,16\n", 2, "needs the columns", id="no header"),
        pytest.param(b"Register Name,Default Data\nA,16\n", 1, "needs the columns", id="column"),
        pytest.param(HEADER.lower() + b"\n", 1, "needs the columns", id="letter case"),
        pytest.param(HEADER + b",Default Data\n", 1, "needs the columns", id="column twice"),
        pytest.param(HEADER.replace(b",", b";"), 1, "with commas between", id="semicolons"),
        pytest.param(HEADER.replace(b",", b"\t"), 1, "with commas between", id="tabs"),
        pytest.param(HEADER + b"\nA,1\n", 2, "has 2 fields, and the first line 3", id="short"),
        pytest.param(HEADER + b"\nA,1,16\nB,2,0,0\n", 3, "has 4 fields", id="long"),
        pytest.param(HEADER + b"\nA;1;16\n", 2, "has 1 fields", id="semicolons in a row"),
        pytest.param(HEADER + b"\n,1,16\n", 2, "has no Register Name", id="no name"),
        pytest.param(HEADER + b"\nA,,16\n", 2, "'' as Register Address", id="no address"),
        pytest.param(HEADER + b"\nA,1,\n", 2, "'' as Default Data", id="no data"),
        pytest.param(HEADER + b"\nA,x,16\n", 2, "'x' as Register Address", id="word"),
        pytest.param(HEADER + b"\n\n\nA,1,0x\n", 4, "'0x' as Default Data", id="no digits"),
        pytest.param(HEADER + b"\nA,1,FF\n", 2, "'FF' as", id="no 0x"),
        pytest.param(HEADER + b"\nA,1,0b1\n", 2, "'0b1' as", id="binary"),
        pytest.param(HEADER + b"\nA,1,1_0\n", 2, "'1_0' as", id="underscore"),
        pytest.param(HEADER + b"\nA,1,1.0\n", 2, "'1.0' as", id="point"),
        pytest.param(HEADER + "\nA,1,\u0663\n".encode(), 2, "as Default Data", id="Arabic digit"),
        pytest.param(HEADER + b"\nA,-1,16\n", 2, "'-1' as", id="negative"),
        pytest.param(HEADER + b"\nA,256,16\n", 2, "from 0 to 255", id="address too high"),
        pytest.param(HEADER + b"\nA,1,0x100\n", 2, "from 0 to 255", id="data too high"),
        pytest.param(HEADER + b"\nA,1," + b"9" * 9999, 2, "from 0 to 255", id="far too high"),
        pytest.param(HEADER + b"\nA,1,1\nA,2,2\n", 3, "repeats the Register Name 'A'", id="twice"),
        pytest.param(HEADER + b"\nA,1,1\nA,1,1\n", 3, "repeats the Register Name", id="same"),
        pytest.param(HEADER + b"\nA,1,1\nB,0x1,2\n", 3, "'B' the address of 'A'", id="address"),
        pytest.param(HEADER + b"\nA,1,1\n\xff,2,2\n", 3, "is no UTF-8", id="no UTF-8"),
        pytest.param((HEADER + b"\nA,1,1").decode().encode("utf-16"), 1, "UTF-8", id="UTF-16"),
        pytest.param(HEADER + b'\nA,1,"1\n', 2, "is no CSV", id="open quote"),
        pytest.param(HEADER + b'\nA,1,"1"1\n', 2, "is no CSV", id="text after a quote"),
        pytest.param(HEADER + b"\nA,1," + b" " * 200_000, 2, "is no CSV", id="long field"),
    ],
)
def test___map_that_breaks_a_rule___parse___refused_with_its_line(
    content: bytes, line: int, words: str
) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse_register_map(content)

    assert str(refusal.value).startswith(f"is refused: line {line} ")
    assert words in str(refusal.value)
    assert len(str(refusal.value)) < 500


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the csv module refuses NUL before 3.11")
def test___nul_in_a_map___parse___part_of_a_name() -> None:
    assert list(parse_register_map(HEADER + b"\nA\0,1,1\n")) == ["A\0"]


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
maps = st.dictionaries(
    names.filter(lambda name: name == name.strip()),
    st.builds(Register, st.integers(0, 255), st.integers(0, 255)),
    max_size=20,
).filter(lambda registers: len({each.address for each in registers.values()}) == len(registers))


@settings(deadline=None)
@given(maps, st.permutations(COLUMNS), st.sampled_from(["{}", "0x{:02X}", " {} "]), st.booleans())
def test___any_map___written_and_read___the_same(
    registers: dict[str, Register], columns: list[str], number: str, bom: bool
) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for name, (address, default) in registers.items():
        fields = (name, number.format(address), number.format(default))
        writer.writerow(dict(zip(COLUMNS, fields, strict=True)))

    content = text.getvalue().encode("utf-8-sig" if bom else "utf-8")

    assert parse_register_map(content) == registers


@settings(deadline=None)
@given(st.binary() | st.text(st.sampled_from('AB,;"\r\n\0 01xé')).map(str.encode))
def test___any_content___parse___a_map_or_a_refusal(rows: bytes) -> None:
    for content in (rows, HEADER + b"\n" + rows):
        try:
            registers = parse_register_map(content)
        except InvalidRequestError:
            continue
        assert all(0 <= number <= 255 for each in registers.values() for number in each)


def read(path: Path, content: bytes) -> RegisterMap:
    """Read a map from a file that was just written."""
    path.write_bytes(content)
    return read_register_map(str(path))


def test___file_that_breaks_a_rule___read___refusal_names_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidRequestError, match=r"^The register map '.*bad\.csv' is refused: line 2 "
    ):
        read(tmp_path / "bad.csv", HEADER + b"\nA,1,300\n")


def test___edited_map_of_same_size_and_time___read___the_new_content(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    before = read(path, HEADER + b"\nA,1,1\n")
    times = path.stat()

    path.write_bytes(HEADER + b"\nA,1,2\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert before == {"A": Register(1, 1)}
    assert read_register_map(str(path)) == {"A": Register(1, 2)}


def test___longest_map___read___and_one_byte_more_is_refused(tmp_path: Path) -> None:
    longest = (HEADER + b"\nA,1,1\n").ljust(1 << 20, b"\n")

    assert list(read(tmp_path / "long.csv", longest)) == ["A"]
    with pytest.raises(InvalidRequestError, match="longer than 1048576 bytes"):
        read(tmp_path / "longer.csv", longest + b"\n")


def test___endless_sparse_file___read___refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sparse.csv"
    with path.open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(InvalidRequestError, match="longer than"):
        read_register_map(str(path))


def test___missing_file___read___the_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_register_map(str(tmp_path / "none.csv"))


def test___folder___read___refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="no folder, pipe or device"):
        read_register_map(str(tmp_path))


@no_pipes
def test___pipe_that_nobody_writes___read___refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")

    with pytest.raises(InvalidRequestError, match="no folder, pipe or device"):
        read_register_map(str(tmp_path / "pipe.csv"))


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test___device___read___refused_without_waiting(device: str) -> None:
    with pytest.raises(InvalidRequestError, match="no folder, pipe or device"):
        read_register_map(device)


@no_pipes
def test___file_becomes_a_pipe_before_it_is_opened___read___refused_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "map.csv"
    path.write_bytes(HEADER)
    before = path.stat()
    path.unlink()
    os.mkfifo(path)
    assert not stat.S_ISREG(path.stat().st_mode)
    monkeypatch.setattr(os, "stat", MagicMock(return_value=before))

    with pytest.raises(InvalidRequestError, match="no folder, pipe or device"):
        read_register_map(str(path))
