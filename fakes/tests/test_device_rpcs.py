"""All RPCs of all drivers: each does something, or says that it does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from session_fakes.device.attributes import Attribute, Facts, Value, attributes_of
from session_fakes.device.covered import covered
from session_fakes.device.descriptors import driver_service
from session_fakes.device.drivers import DRIVERS, Driver, installed
from session_fakes.device.instruments import simulation_of
from session_fakes.device.instruments.ivi import IviSimulation
from session_fakes.fidelity import holds
from session_fakes.station import FakeStation

pytestmark = pytest.mark.skipif(
    len(installed()) < len(DRIVERS), reason="the extra drivers is not installed"
)

LIMIT = 60.0
PAGE = (Path(__file__).resolve().parents[1] / "FIDELITY.md").read_text(encoding="utf-8")
EACH = pytest.mark.parametrize("driver", DRIVERS, ids=[driver.package for driver in DRIVERS])
ASKS = re.compile(r"Get|Read|Fetch|Measure|Query|Is|Has|Can|Actual|.*Status$|.*Measure$")
CHANNELS = {"vi", "task", "channel_name", "channel_list"}
RESOURCES = {"nidcpower": "DEV1/0"}
"""Of the others it is DEV1."""
COUNTS = {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_UINT32}
"""Numbers of what is asked for: one, where 0 would ask for nothing."""
TEXTS = {"index": "0", "indices": "0"}
"""What texts that may not be empty say."""

NOTHING_TO_SAY = {
    # Nothing has happened in a session that was just opened, and nothing has failed.
    "GetError": "no error yet",
    "ErrorQuery": "no error yet",
    "ReadStatus": "no readings wait yet; the status itself is not 0",
    "IsScanning": "nothing that scans is simulated",
    "IsOverRange": "the reading that is asked about is 0",
    "IsUnderRange": "no reading is too small",
    "SelfTest": "0 says that all is well; there is a text beside it",
    "QueryInCompliance": "nothing is put out yet",
    "QueryOutputState": "nothing is put out yet",
    "AcquisitionStatus": "0 says that it is in progress",
    "GetReadAttributeUInt32": "a task that does not run has no samples",
    "GetReadAttributeUInt64": "a task that does not run has read nothing",
    "GetReadAttributeBool": "0 says that reads do not take all samples that there are",
    "IsDone": "what goes on for ever is never done",
    "GetHardwareState": "0 says that it is idle",
    "SampleMode": "0 says that it samples in real time",
    "GetRelayCount": "no relay was moved yet",
    "ReadSequencerFlag": "flags are off before they are written",
    "ReadSequencerRegister": "registers are 0 before they are written",
    "GetSystemInfoAttributeString": "there are no saved tasks, channels or scales",
    "FrequencyCounterMeasureFrequency": "nothing repeats on a bench with nothing on it",
}
"""RPCs that may answer zeros at once, and why that is the truth."""
IGNORED = {
    "nidcpower": {"edge"},  # there is one, rising; the package has no attribute for it
}
"""Fields of configuring RPCs that nothing can observe."""


def fields_of(method: Any) -> set[str]:
    """The fields of a request, an enum once."""
    names = {field.name for field in method.input_type.fields}
    return {name for name in names if name.removesuffix("_raw") not in names - {name}}


@pytest.fixture(scope="module")
def station() -> Iterator[FakeStation]:
    """A station without a pin map."""
    with FakeStation() as made:
        made.bench.channel("DEV1", 0).source(volts=1.25, ohms=10.0)
        yield made
    assert made.internal_errors == []


@pytest.fixture(scope="module")
def channel(station: FakeStation) -> Iterator[grpc.Channel]:
    """A channel to its device server."""
    with grpc.insecure_channel(station.device_server.address) as made:
        yield made


def bytes_of(message: Any) -> bytes:
    """A message as it goes over the wire."""
    return bytes(message.SerializeToString())


def call(
    channel: grpc.Channel, method: Any, request: Any, *, ends: bool = False
) -> tuple[str, str, Any]:
    """Make a call: code, text, response. A stream is left when it has begun, unless it ends."""
    response_class: Any = GetMessageClass(method.output_type)
    service = method.containing_service
    bare: Any = channel
    kind = bare.unary_stream if method.name in streams(service.full_name) else bare.unary_unary
    stub = kind(
        f"/{service.full_name}/{method.name}",
        request_serializer=bytes_of,
        response_deserializer=response_class.FromString,
    )
    try:
        found = stub(request, timeout=LIMIT)
        if kind == bare.unary_stream:
            found.initial_metadata()
            if not ends and not found.done():
                found.cancel()
                return "OK", "", None
            next(found)
    except grpc.RpcError as refused:
        error: Any = refused
        return error.code().name, error.details(), None
    return "OK", "", found


@cache
def streams(service: str) -> frozenset[str]:
    """The RPCs of a service that answer with a stream."""
    return next(driver_service(d).streams for d in DRIVERS if d.interface == service)


def filled(method: Any, session: str) -> Any:
    """A request with a session, and with some value for each enum that has to be given."""
    request: Any = GetMessageClass(method.input_type)()
    for name in ("vi", "task"):
        if name in method.input_type.fields_by_name:
            getattr(request, name).name = session
    fill_plain(method, request)
    for oneof in method.input_type.oneofs:
        raw = next((f for f in oneof.fields if f.name.endswith("_raw")), None)
        if raw is not None and raw.type in (raw.TYPE_SINT32, raw.TYPE_INT32, raw.TYPE_UINT32):
            setattr(request, raw.name, some_value(oneof))
        elif raw is not None:
            setattr(request, raw.name, type(getattr(request, raw.name))())
    return request


def fill_plain(method: Any, request: Any) -> None:
    """Fill in what has to say something: counts, and some texts."""
    for field in method.input_type.fields:
        if field.name in TEXTS and field.type == field.TYPE_STRING:
            setattr(request, field.name, TEXTS[field.name])
        elif field.type in COUNTS and not field.containing_oneof and not is_list(field):
            setattr(request, field.name, 1)


def is_list(field: Any) -> bool:
    """Whether a field holds several values; older protobuf says it in another way."""
    return bool(getattr(field, "is_repeated", None) or getattr(field, "label", 1) == 3)


def some_value(oneof: Any) -> int:
    """A value of the enum of a oneof, not 0 where there is another."""
    kind = next((f.enum_type for f in oneof.fields if f.enum_type is not None), None)
    numbers = [value.number for value in kind.values] if kind else [0]
    return next((number for number in numbers if number), 0)


def opened(channel: grpc.Channel, driver: Driver) -> str:
    """A session of a driver, opened over the wire."""
    methods = driver_service(driver).descriptor.methods_by_name
    kinds = ("CreateTask", "InitializeWithIndependentChannels", "InitWithOptions")
    method = methods[next(kind for kind in kinds if kind in methods)]
    request: Any = GetMessageClass(method.input_type)(session_name=driver.package)
    if "resource_name" in method.input_type.fields_by_name:
        request.resource_name = RESOURCES.get(driver.package, "DEV1")
    code, text, _ = call(channel, method, request)
    assert code == "OK", text
    if driver.package == "nidaqmx":
        request = filled(methods["CreateAIVoltageChan"], driver.package)
        request.physical_channel, request.min_val, request.max_val = "DEV1/ai0", -10.0, 10.0
        request.units_raw = 10348  # volts
        call(channel, methods["CreateAIVoltageChan"], request)  # refused when it is there already
    return driver.package


@holds("DEV-STRICT")
@EACH
def test___each_rpc___called___does_something_or_says_that_it_does_not(
    station: FakeStation, channel: grpc.Channel, driver: Driver
) -> None:
    kinds, wrong = covered(driver), list[str]()
    methods = driver_service(driver).descriptor.methods_by_name
    for name, kind in kinds.items():
        if kind in ("opens", "closes"):
            continue
        session = opened(channel, driver)  # anew: RPCs before may have closed or upset it
        request = filled(methods[name], session)
        ends = kind == "UNIMPLEMENTED"
        code, text, response = call(channel, methods[name], request, ends=ends)
        wrong += [f"{name}: {problem}" for problem in problems(kind, code, text, response)]

    assert not wrong, "\n".join(wrong)
    assert station.internal_errors == []


def problems(kind: str, code: str, text: str, response: Any) -> Iterator[str]:
    """What is wrong with an answer."""
    if code == "INTERNAL":
        yield text
    if kind == "UNIMPLEMENTED" and (code != "UNIMPLEMENTED" or "lenient_devices=True" not in text):
        yield f"{code} without a way out"
    if kind == "passive" and code != "OK":
        yield f"{code}: {text}"
    if response is None or kind != "simulated":
        return
    name = response.DESCRIPTOR.name.removesuffix("Response")
    fields = {field.name for field in response.DESCRIPTOR.fields} - {"status"}
    if fields and not response.ByteSize() and name not in NOTHING_TO_SAY:
        yield "answers nothing but zeros"


@EACH
def test___passive_setters___are_documented_and_answer_nothing(driver: Driver) -> None:
    reasons = simulation_of(driver).PASSIVE
    methods = driver_service(driver).descriptor.methods_by_name
    passive = [name for name, kind in covered(driver).items() if kind == "passive"]

    for name in passive:
        assert len(reasons[name]) > 20, name
        assert not ASKS.match(name), name
        assert [field.name for field in methods[name].output_type.fields] == ["status"], name


@EACH
def test___configuring_rpcs___set_an_attribute_for_each_of_their_fields(driver: Driver) -> None:
    kind = simulation_of(driver)
    if not issubclass(kind, IviSimulation):
        pytest.skip("NI-DAQmx has none of these")
    known = {attribute.name for attribute in attributes_of(driver).values()}
    methods = driver_service(driver).descriptor.methods_by_name
    wrong: list[str] = []
    for name, mapped in kind.CONFIGURES.items():
        if name in methods:
            given = {
                f.removesuffix("_raw").removesuffix("_mapped") for f in fields_of(methods[name])
            }
            left = given - CHANNELS - set(mapped) - IGNORED.get(driver.package, set())
            wrong += [f"{name}: {field} is ignored" for field in left]
            wrong += [f"{name}: no field {field}" for field in set(mapped) - given]
        wrong += [f"{name}: no attribute {each}" for each in set(mapped.values()) - known]
    for name, values in kind.SETS.items():
        wrong += [f"{name}: no attribute {each}" for each in set(values) - known]
    wrong += [f"no attribute {each}" for each in kind.FACTS.limits.keys() - known]

    assert not wrong, "\n".join(wrong)


@EACH
def test___configuring_rpcs___called___getters_answer_what_was_set(
    channel: grpc.Channel, driver: Driver
) -> None:
    kind = simulation_of(driver)
    if not issubclass(kind, IviSimulation):
        pytest.skip("NI-DAQmx has none of these")
    known = {attribute.name: attribute for attribute in attributes_of(driver).values()}
    methods = driver_service(driver).descriptor.methods_by_name
    wrong: list[str] = []
    for name, mapped in kind.CONFIGURES.items():
        if name not in methods:
            continue
        request = filled(methods[name], opened(channel, driver))
        wanted = {field: a_value(known[each], kind.FACTS) for field, each in mapped.items()}
        for field, value in wanted.items():
            raw = f"{field}_raw"
            setattr(
                request, raw if raw in methods[name].input_type.fields_by_name else field, value
            )
        code, text, _ = call(channel, methods[name], request)
        assert code == "OK", f"{name}: {text}"
        got = {field: got_of(channel, driver, known[each]) for field, each in mapped.items()}
        wrong += [f"{name}: {wanted} was set, {got} got"] if got != pytest.approx(wanted) else []

    assert not wrong, "\n".join(wrong)


@EACH
def test___attributes___each_set___its_getter_answers_it_or_the_setter_refuses(
    channel: grpc.Channel, driver: Driver
) -> None:
    kind = simulation_of(driver)
    if not issubclass(kind, IviSimulation):
        pytest.skip("NI-DAQmx has other attributes")
    methods = driver_service(driver).descriptor.methods_by_name
    wrong: list[str] = []
    for attribute in attributes_of(driver).values():
        if attribute.kind == "Session":
            continue
        method = methods[f"SetAttributeVi{attribute.kind}"]
        request = filled(method, opened(channel, driver))
        value = a_value(attribute, kind.FACTS)
        fields = method.input_type.fields_by_name
        setattr(request, "attribute_id" if "attribute_id" in fields else "attribute", attribute.id)
        forms = ("attribute_value_raw", "value_raw", "attribute_value", "value")
        setattr(request, next(form for form in forms if form in fields), value)
        code, text, _ = call(channel, method, request)
        if code != "OK":
            is_read_only = "not writable" in text or "read-only" in text
            wrong += (
                [] if is_read_only or code == "UNIMPLEMENTED" else [f"{attribute.name}: {text}"]
            )
        elif (got := got_of(channel, driver, attribute)) != value:
            wrong.append(f"{attribute.name}: {value} was set, {got} got")

    assert not wrong, "\n".join(wrong)


def a_value(attribute: Attribute, facts: Facts) -> Value:
    """A value that an attribute can have, another than its default where there is one."""
    name = attribute.name
    default = facts.defaults.get(name)
    candidates: list[Value] = sorted(
        facts.only.get(name) or attribute.values, key=str, reverse=True
    )
    if not candidates and name in facts.limits:
        low, high = facts.limits[name]
        candidates = [type(default or 0.0)(low + (high - low) * part) for part in (0.25, 0.75)]
    others: dict[str, list[Value]] = {"Boolean": [True, False], "String": ["x"], "Real64": [1.5]}
    candidates = candidates or others.get(attribute.kind, [3, 4])
    return next((value for value in candidates if value != default), candidates[0])


def got_of(channel: grpc.Channel, driver: Driver, attribute: Attribute) -> Value:
    """What the getter of an attribute answers."""
    method = driver_service(driver).descriptor.methods_by_name[f"GetAttributeVi{attribute.kind}"]
    request = filled(method, driver.package)
    fields = method.input_type.fields_by_name
    setattr(request, "attribute_id" if "attribute_id" in fields else "attribute", attribute.id)
    code, text, response = call(channel, method, request)
    assert code == "OK", text
    names = [field.name for field in response.DESCRIPTOR.fields if field.name != "status"]
    value: Value = getattr(response, names[0])
    return value


@EACH
def test___simulated_rpcs___are_rpcs_of_the_driver(driver: Driver) -> None:
    """A name that is mistyped would answer UNIMPLEMENTED for ever."""
    everywhere = {
        name for each in DRIVERS for name in driver_service(each).descriptor.methods_by_name
    }
    names = {
        name
        for kind in simulation_of(driver).__mro__
        for function in vars(kind).values()
        for name in getattr(function, "rpcs", ())
    }

    assert sorted(names - everywhere) == []


@holds("DEV-NOT-INSTALLED")
def test___visa___asked___not_simulated_and_the_page_says_so() -> None:
    assert "NI-VISA over the device server is not simulated" in PAGE


def as_counted(driver: Driver) -> None:
    """Skip what is so with the version alone that was counted."""
    if f"{driver.package} {version(driver.package)}" not in PAGE:
        pytest.skip("counted with another version of the package")


@EACH
def test___attributes_with_few_values___are_attributes_of_the_driver(driver: Driver) -> None:
    as_counted(driver)
    kind = simulation_of(driver)
    if not issubclass(kind, IviSimulation):
        pytest.skip("NI-DAQmx has none of these")
    known = {attribute.name for attribute in attributes_of(driver).values()}

    assert sorted(kind.FACTS.only.keys() - known) == []


@EACH
def test___counts___on_the_page___are_those_of_the_driver(driver: Driver) -> None:
    as_counted(driver)
    kinds = list(covered(driver).values())
    unimplemented, passive = kinds.count("UNIMPLEMENTED"), kinds.count("passive")
    simulated = len(kinds) - unimplemented - passive

    assert f"| {len(kinds)} | {simulated} | {passive} | {unimplemented} |" in PAGE
