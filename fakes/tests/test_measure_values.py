"""Values of parameters: what somebody types, what travels, and what is shown."""

from __future__ import annotations

import enum
import json
import math
import struct
from typing import Any, cast

import pytest
from google.protobuf import descriptor_pool
from hypothesis import given, settings
from hypothesis import strategies as st
from ni.protobuf.types import array_pb2, xydata_pb2
from ni_measurement_plugin_sdk_service.measurement import client_support as ni

from session_fakes.measure import (
    BadMetadata,
    BadSetting,
    MeasurementFailed,
    Outputs,
    Parameter,
    Reading,
    as_data,
    as_json,
    as_table,
    check,
    decode,
    encode,
    find,
    parse,
    parse_settings,
    text_of,
    unwrap,
)
from session_fakes.measure.values import RANGES
from session_fakes.measure.wire import KINDS

XY = xydata_pb2.DoubleXYData.DESCRIPTOR.full_name
DOUBLES = array_pb2.Double2DArray.DESCRIPTOR.full_name
STRINGS = array_pb2.String2DArray.DESCRIPTOR.full_name
COLOURS = (("RED", 0), ("GREEN", 25), ("BLUE", -5))
_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_NUMBER = st.floats(allow_nan=False)
_QUICK = settings(max_examples=30, deadline=None)


def param(kind: str, name: str = "Level", number: int = 1, **more: Any) -> Parameter:  # noqa: ANN401 - fields
    return Parameter(name=name, number=number, kind=kind, **more)


def colour(**more: Any) -> Parameter:  # noqa: ANN401 - fields
    return param("enum", special="enum", enum=COLOURS, **more)


def _one(parameter: Parameter) -> st.SearchStrategy[Any]:
    if parameter.kind in RANGES:
        return st.integers(*RANGES[parameter.kind])
    return {
        "double": _NUMBER,
        "float": st.floats(allow_nan=False, width=32),
        "bool": st.booleans(),
        "string": _TEXT,
        "bytes": st.binary(),
        "enum": st.sampled_from([number for _, number in COLOURS]),
        "message": _structures(parameter.message_type),
    }[parameter.kind]


def _structures(message_type: str) -> st.SearchStrategy[Any]:
    if message_type == XY:
        lists = st.lists(_NUMBER, max_size=4)
        return st.fixed_dictionaries({"x_data": lists, "y_data": lists})
    cell = _NUMBER if message_type == DOUBLES else _TEXT
    return st.integers(1, 3).flatmap(
        lambda columns: st.lists(st.lists(cell, min_size=columns, max_size=columns), max_size=3)
    )


def _parameters() -> st.SearchStrategy[Parameter]:
    plain = [param(kind) for kind in KINDS.values() if kind not in ("enum", "message")]
    known = [param("message", message_type=each) for each in (XY, DOUBLES, STRINGS)]
    scalars = [*plain, *known, colour()]
    lists = [param(each.kind, repeated=True, **_kept(each)) for each in scalars]
    return st.sampled_from([*scalars, *lists])


def _kept(parameter: Parameter) -> dict[str, Any]:
    return {"message_type": parameter.message_type, "enum": parameter.enum}


@st.composite
def _valued(draw: st.DrawFn) -> tuple[Parameter, Any]:
    parameter = draw(_parameters())
    value = _one(parameter)
    return parameter, draw(st.lists(value, max_size=4) if parameter.repeated else value)


def _same(one: object, other: object, kind: str) -> bool:
    if kind != "float":
        return one == other
    return _in_32_bits(one) == _in_32_bits(other)


def _in_32_bits(value: object) -> object:
    if isinstance(value, list):
        return [_in_32_bits(item) for item in cast("list[object]", value)]
    return struct.unpack("<f", struct.pack("<f", value))


@_QUICK
@given(_valued())
def test___value___shown_as_text_and_parsed___same_value(valued: tuple[Parameter, Any]) -> None:
    parameter, value = valued

    assert parse(parameter, text_of(parameter, value)) == value


@_QUICK
@given(_valued())
def test___value___encoded_and_decoded___same_value(valued: tuple[Parameter, Any]) -> None:
    parameter, value = valued

    data = encode([parameter], {"Level": value})

    assert _same(decode([parameter], data)["Level"], value, parameter.kind)


@pytest.mark.parametrize("kind", sorted({*KINDS.values()} - {"enum", "message", "bytes"}))
@_QUICK
@given(data=st.data())
def test___scalar___python_text_parsed___same_value(kind: str, data: st.DataObject) -> None:
    parameter = param(kind)
    value = data.draw(_one(parameter))

    assert parse(parameter, str(value)) == value


@pytest.mark.parametrize("kind", ["int32", "double", "bool", "string"])
@_QUICK
@given(data=st.data())
def test___list___python_text_parsed___same_list(kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(_one(param(kind)).filter(_finite)))

    assert parse(param(kind, repeated=True), str(values)) == values


def _finite(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        (param("int32"), " 12 ", 12),
        (param("int32"), "-0x10", -16),
        (param("uint64"), "18446744073709551615", 2**64 - 1),
        (param("double"), "1e-3", 1e-3),
        (param("double"), "Infinity", math.inf),
        (param("float"), "0.1", 0.1),
        (param("bool"), "True", True),
        (param("bool"), "off", False),
        (param("string"), " a,b ", " a,b "),
        (param("string", special="pin"), "Pin1", "Pin1"),
        (param("string", special="path"), r"C:\a b\c.txt", r"C:\a b\c.txt"),
        (colour(), "GREEN", 25),
        (colour(), "-5", -5),
        (param("int32", repeated=True), "1, 2,3", [1, 2, 3]),
        (param("int32", repeated=True), "", []),
        (param("double", repeated=True), '[1, 2.5, "NaN", "inf"]', [1.0, 2.5, math.nan, math.inf]),
        (param("string", repeated=True), "Pin1, Pin2", ["Pin1", "Pin2"]),
        (param("string", repeated=True), '["a,b", ""]', ["a,b", ""]),
        (param("string", repeated=True), "['a', 'b']", ["a", "b"]),
        (colour(repeated=True), "RED,25", [0, 25]),
        (colour(repeated=True), '["BLUE", 25]', [-5, 25]),
        (param("message", message_type=XY), '{"x": [1], "y": [2]}', {"x_data": [1], "y_data": [2]}),
        (param("message", message_type=XY), "", None),
        (param("message", message_type=DOUBLES), "[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
    ],
    ids=range(24),
)
def test___text___parsed___value_of_the_type(
    parameter: Parameter, text: str, value: object
) -> None:
    # Compared as text, too, since no NaN equals another.
    assert repr(parse(parameter, text)) == repr(value) or parse(parameter, text) == value


@pytest.mark.parametrize(
    ("parameter", "text", "said"),
    [
        (param("int32"), "abc", "'Level' (int32) expects a whole number from -2147483648 to 21"),
        (param("int32"), "1.5", "whole number"),
        (param("int32"), "2147483648", "got '2147483648'"),
        (param("uint32"), "-1", "from 0 to 4294967295"),
        (param("int64"), "9223372036854775808", "to 9223372036854775807"),
        (param("double"), "1,5", "(double) expects a number, got '1,5'"),
        (param("float"), "1e39", "up to 3.4e38"),
        (param("bool"), "maybe", "true or false"),
        (param("string"), "\ud800", "text"),
        (param("bytes"), "a", "base64"),
        (colour(), "GREE", "one of RED (0), GREEN (25), BLUE (-5), got 'GREE' (did you mean GREE"),
        (colour(), "7", "RED (0)"),
        (param("enum"), "2147483648", "the number of an enum value"),
        (param("int32", repeated=True), "1,,2", "list of int32) expects a list, as JSON or with"),
        (param("int32", repeated=True), "[1, true]", "got 'True'"),
        (param("int32", repeated=True), "[1, 2", "as JSON"),
        (param("int32", repeated=True), "[1.0]", "got '1.0'"),
        (param("string", repeated=True), "[1]", "got '1'"),
        (param("string", repeated=True), "[null]", "got 'None'"),
        (param("message", message_type=XY), "[1]", "x_data and y_data but a list"),
        (param("message", message_type=XY), '{"z": []}', "'z' is none of x_data, y_data, attribut"),
        (param("message", message_type=XY), '{"x": ["a"]}', "could not convert"),
        (param("message", message_type=XY), '{"attributes": 1}', "attribute 'items'"),
        (param("message", message_type=DOUBLES), "[[1], [2, 3]]", "rows of 1, 2 values"),
        (param("message", message_type=STRINGS), "[[1]]", "1 is no string"),
        (param("message", message_type=XY, repeated=True), "[null]", "but a NoneType"),
        (param("message", message_type="x.Y"), "{}", "keep its default"),
    ],
    ids=range(27),
)
def test___text_that_is_no_such_value___parsed___says_what_is_expected(
    parameter: Parameter, text: str, said: str
) -> None:
    with pytest.raises(BadSetting) as refused:
        parse(parameter, text)

    assert said in str(refused.value)


@_QUICK
@given(_parameters(), _TEXT)
def test___any_text___parsed___a_value_or_bad_setting(parameter: Parameter, text: str) -> None:
    assert "expects" in _refusal(parameter, text)


@_QUICK
@given(
    _parameters(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | st.binary(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["x", "attributes"]), inner)
        ),
    ),
)
def test___any_python_value___checked___a_value_that_encodes_or_bad_setting(
    parameter: Parameter, value: object
) -> None:
    assert "expects" in _refusal(parameter, value)


def _refusal(parameter: Parameter, value: object) -> str:
    """What is said to a value; what its kind expects, if it is taken."""
    try:
        encode([parameter], {"Level": value})
    except BadSetting as refused:
        return str(refused)
    return "expects this"


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (param("int32"), True),
        (param("double"), True),
        (param("double"), 10**400),
        (param("int64"), 10**5000),
        (param("bool"), 1),
        (param("string"), 5),
        (param("int32", repeated=True), 5),
        (colour(), 1),
        (param("int32"), None),
    ],
    ids=range(9),
)
def test___python_value_of_another_type___checked___refused(
    parameter: Parameter, value: object
) -> None:
    with pytest.raises(BadSetting, match="expects"):
        check(parameter, value)


def test___whole_number_for_a_double___checked___a_float() -> None:
    assert isinstance(check(param("double"), 3), float)


@pytest.mark.parametrize("key", ["Pin Names", "pin_names", "PIN-NAMES", "pinnames"])
def test___name_in_another_spelling___found(key: str) -> None:
    assert find([param("string", "Pin Names"), param("int32", "Pin")], key).name == "Pin Names"


def test___mistyped_name___sought___nearest_and_all_are_named() -> None:
    with pytest.raises(BadSetting) as refused:
        find([param("double", "Voltage"), param("double", "Current")], "voltaeg")

    assert "no parameter 'voltaeg'. Did you mean 'Voltage'?" in str(refused.value)
    assert "'Voltage', 'Current'" in str(refused.value)


def test___spelling_that_fits_two___sought___refused_with_both() -> None:
    with pytest.raises(BadSetting, match="mean 'Pin 1' or 'pin_1'"):
        find([param("double", "Pin 1"), param("double", "pin_1")], "PIN1")


def test___settings_typed___parsed___values_by_full_name() -> None:
    parameters = [param("double", "Voltage Level"), param("string", "Text", 2)]

    assert parse_settings(parameters, ["voltage_level=3.3", "text=a=b"]) == {
        "Voltage Level": 3.3,
        "Text": "a=b",
    }


@pytest.mark.parametrize(
    ("items", "said"), [(["level"], "key=value"), (["level=1", "Level=2"], "set twice")]
)
def test___settings_that_are_none___parsed___refused(items: list[str], said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        parse_settings([param("int32")], items)


def test___parameters_not_set___encoded___defaults_travel() -> None:
    parameters = [param("int32", "A", 1, default=7), param("int32", "B", 2, default=8)]

    assert decode(parameters, encode(parameters, {"b": "9"})) == {"A": 7, "B": 9}


class Colour(enum.Enum):
    """As COLOURS."""

    RED = 0
    GREEN = 25
    BLUE = -5


def _described(kind: str, number: int, *, repeated: bool) -> ni.ParameterMetadata:
    annotations = {"ni/enum.values": json.dumps(dict(COLOURS))} if kind == "enum" else {}
    numbers = {name: each for each, name in KINDS.items()}
    return ni.ParameterMetadata.initialize(  # pyright: ignore[reportUnknownMemberType]
        f"f{number}",
        numbers[kind],  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        repeated,
        None,
        annotations,
        enum_type=Colour,
    )


_NI_KINDS = ["int32", "int64", "uint32", "uint64", "float", "double", "bool", "string", "enum"]
_NI_FIELDS = [(kind, repeated) for kind in _NI_KINDS for repeated in (False, True)]


@_QUICK
@given(data=st.data())
def test___values_of_all_types___encoded___ni_reads_and_writes_the_same(
    data: st.DataObject,
) -> None:
    described = {
        number: _described(kind, number, repeated=repeated)
        for number, (kind, repeated) in enumerate(_NI_FIELDS, 1)
    }
    mine = [
        param(kind, f"f{number}", number, repeated=repeated, enum=COLOURS)
        for number, (kind, repeated) in enumerate(_NI_FIELDS, 1)
    ]
    ni_fields = list(described.values())
    name = "session_fakes.tests.values"
    ni.create_file_descriptor(name, ni_fields, ni_fields, descriptor_pool.Default())
    values = {
        each.name: data.draw(st.lists(_one(each)) if each.repeated else _one(each)) for each in mine
    }

    theirs = ni.deserialize_parameters(described, encode(mine, values), f"{name}.Outputs")
    back = decode(mine, ni.serialize_parameters(described, theirs, f"{name}.Outputs"))

    for each in mine:
        assert _same(back[each.name], values[each.name], each.kind)


def test___bytes_that_are_no_message___decoded___bad_metadata() -> None:
    with pytest.raises(BadMetadata, match="differ"):
        decode([param("int32")], b"\xff\xff")


@pytest.mark.parametrize(
    ("parameter", "data"),
    [
        (param("string"), b"\x0a\x01\xff"),
        (param("message", message_type=XY), b"\x0a\x01\xff"),
        (param("message", message_type=DOUBLES), b"\x0a\x04\x08\x02\x10\x03"),
    ],
    ids=["string", "xy", "rows"],
)
def test___value_that_is_not_of_its_type___decoded___bad_metadata_names_it(
    parameter: Parameter, data: bytes
) -> None:
    with pytest.raises(BadMetadata, match="'Level'"):
        decode([parameter], data)


@pytest.mark.parametrize("numbers", [(1, 1), (0, 1), (-3, 1), (2**29, 1)])
def test___field_numbers_that_cannot_be___bad_metadata(numbers: tuple[int, int]) -> None:
    parameters = [param("int32", name, number) for name, number in zip("AB", numbers, strict=True)]

    with pytest.raises(BadMetadata, match="'A'"):
        decode(parameters, b"")


def test___message_of_unknown_type___decoded_and_encoded___same_bytes() -> None:
    parameter = param("message", message_type="some.Type")
    data = b"\x0a\x03\x08\x96\x01"

    value = decode([parameter], data)["Level"]

    assert (value, encode([parameter], {})) == (data[2:], b"")
    kept = param("message", message_type="some.Type", default=value)
    assert encode([kept], {}) == data


def test___xy_data_with_attributes___encoded_and_decoded___kept() -> None:
    parameter = param("message", message_type=XY)
    value = {
        "x_data": [1.0],
        "y_data": [2.0],
        "attributes": {"a": 1, "b": "x", "c": True, "d": 2.5},
    }

    assert decode([parameter], encode([parameter], {"Level": value}))["Level"] == value


def _outputs(*pairs: tuple[Parameter, Any]) -> Outputs:
    return Outputs(tuple(Reading(parameter, value) for parameter, value in pairs))


def test___outputs___as_data___enums_named_and_odd_numbers_spelt() -> None:
    outputs = _outputs(
        (colour(name="Colour"), 25),
        (colour(name="Unknown"), 99),
        (param("double", "Odd", repeated=True), [math.nan, math.inf, -math.inf]),
        (param("bytes", "Raw"), b"\x00\x01"),
        (param("message", "XY", message_type=XY), {"x_data": [math.nan], "y_data": []}),
        (param("message", "None", message_type=XY), None),
    )

    assert as_data(outputs) == {
        "Colour": "GREEN",
        "Unknown": 99,
        "Odd": ["NaN", "Infinity", "-Infinity"],
        "Raw": "AAE=",
        "XY": {"x_data": ["NaN"], "y_data": []},
        "None": None,
    }
    assert json.loads(as_json(outputs)) == as_data(outputs)


def test___outputs___as_table___aligned_and_no_longer_than_asked() -> None:
    outputs = _outputs(
        (param("double", "Measured Voltage"), 3.3),
        (param("string", "Pins", repeated=True, special="pin"), ["Pin1"]),
        (param("int32", "Many", repeated=True), list(range(1000))),
    )

    assert as_table(outputs, width=60).splitlines() == [
        "Measured Voltage  double         3.3",
        'Pins              list of pin    ["Pin1"]',
        "Many              list of int32  [0, 1, 2, 3,… (1000 values)",
    ]


def test___text_with_control_characters___as_table___escaped() -> None:
    table = as_table(_outputs((param("string"), "a\x1b[2J\n\x9bb")))

    assert table.isprintable()
    assert "\\u001b[2J\\n" in table or "\\x1b[2J\\n" in table


def test___no_outputs___as_table___says_so() -> None:
    assert as_table(Outputs()) == "no outputs"


_NESTED = (
    "Exception iterating responses: <_InactiveRpcError of RPC that terminated with:\n"
    '\tstatus = StatusCode.UNKNOWN\n\tdetails = "Exception calling application: <_MultiThreaded'
    "Rendezvous of RPC that terminated with:\n\tstatus = StatusCode.NOT_FOUND\n"
    '\tdetails = "No session "A".\nOpen one."\n\tdebug_error_string = "x"\n>"\n'
    '\tdebug_error_string = "y"\n>'
)


@pytest.mark.parametrize(
    ("code", "details", "cause"),
    [
        ("UNKNOWN", "Exception calling application: No pins.", ("UNKNOWN", "No pins.", True)),
        ("UNKNOWN", "Exception iterating responses: a\nb", ("UNKNOWN", "a\nb", True)),
        ("NOT_FOUND", "No file.", ("NOT_FOUND", "No file.", False)),
        ("UNKNOWN", _NESTED, ("NOT_FOUND", 'No session "A".\nOpen one.', True)),
        ("INTERNAL", "Exception calling application: x", ("INTERNAL",) * 1),
    ],
)
def test___status___unwrapped___innermost_code_and_text(
    code: str, details: str, cause: tuple[Any, ...]
) -> None:
    found = unwrap(code, details)

    assert (found.code, found.text, found.raised)[: len(cause)] == cause


def test___exception_without_text___unwrapped___points_to_the_console() -> None:
    cause = unwrap("UNKNOWN", "Exception calling application: ")

    assert "console" in cause.text
    assert str(MeasurementFailed("Sample", cause)).startswith("Sample raised: ")


@_QUICK
@given(st.sampled_from(["UNKNOWN", "INTERNAL"]), _TEXT)
def test___any_details___unwrapped___text_is_kept(code: str, details: str) -> None:
    assert details.strip() in unwrap(code, details).text
