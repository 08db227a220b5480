"""Writes the first target file for a server: what can be found out, and what to add."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor, MethodDescriptor

from session_contract.subject.binding import Binding
from session_contract.subject.fields import FLAG, NUMBERS, is_repeated
from session_contract.subject.inferring import session_field, takes_session
from session_contract.subject.target import Address, Command, Target
from session_spec.matrix import Behavior
from session_spec.requirement import CLAIMS

# In what is written, "# " begins a remark, and "#" alone a line to take the mark from.
_HEAD = """\
# A server, as session-contract judges it.
#   session-contract doctor --target {file}     is this file right?
#   session-contract run --target {file}        is the server right?
"""
_START = """
[target.start]
# When it is ready: without these, once it answers at {port}.
#ready_output = 'listening on .*:(?P<port>[0-9]+)'
#ready_file = true                 # it writes its address to {ready_file}
within = 10                       # seconds
# Without it: SIGTERM, on Windows CTRL_BREAK. What a system has not is left out there.
#stops = ["SIGTERM", "SIGINT", "CTRL_BREAK"]   # also stdin-close, enter
grace = 5                         # seconds it takes at most to stop
"""
_RESOURCE = """
[resource]
# How fresh ones are named: {{unique}} is another text each time, {{tmp}} a folder of the run.
name = {name}
# Commands that make and remove one, if it has to be there before:
#setup = ["touch", "{{name}}"]
#cleanup = ["rm", "{{name}}"]
# One that takes a second or more to open, for the claim independent:
#slow = "slow-{{unique}}"
"""


def target_file(target: Target, binding: Binding | None, path: Path, doubt: str = "") -> str:
    """The text of a target file.

    Args:
        target: The server, as flags name it.
        binding: What was inferred of it; None when that left a doubt.
        path: Where the file is to be: other files are named as seen from there.
        doubt: What could not be told.
    """
    lines = [_HEAD.format(file=path.name), *_about(target, path)]
    if isinstance(target.place, Command):
        lines.append(_START)
    lines += _descriptors(target, path)
    lines += _service(binding) if binding else _unknown_service(doubt)
    lines.append(_RESOURCE.format(name=_quoted(_resource_name(binding))))
    if binding:
        lines += [*_initialize(binding), *_uses(binding)]
    lines += ["", "[limits]", f"call = {target.limits.call:g}   # seconds until a call is lost"]
    return "\n".join(lines) + "\n"


def _about(target: Target, path: Path) -> Iterator[str]:
    yield "[target]"
    yield f"name = {_quoted(target.identity.name)}   # what the report calls it"
    yield 'version = ""'
    yield 'contact = ""'
    yield from _place(target, path)
    yield "# What holds beyond the core: session-contract list --class server says what each is."
    yield f"# There are {', '.join(CLAIMS['server'])}."
    yield f"claims = {_quoted(sorted(target.claims))}"
    if target.dialect != "standard":
        yield f"dialect = {_quoted(target.dialect)}"


def _place(target: Target, path: Path) -> Iterator[str]:
    place = target.place
    if isinstance(place, Address):
        yield f"address = {_quoted(place.address)}"
        return
    if isinstance(place, Command):
        yield f"command = {_quoted(list(place.argv))}"
    else:
        yield f"servicer = {_quoted(place.function)}"
    folder = _seen_from(path, str(place.folder))
    if folder != ".":
        yield f"folder = {_quoted(folder)}"


def _descriptors(target: Target, path: Path) -> Iterator[str]:
    source, include = target.descriptors.source, target.descriptors.include
    yield "\n[descriptors]"
    yield f"source = {_quoted(source if source == 'reflection' else _seen_from(path, source))}"
    if include:
        yield f"include = {_quoted([_seen_from(path, str(folder)) for folder in include])}"


def _seen_from(path: Path, other: str) -> str:
    try:
        return Path(os.path.relpath(other, path.absolute().parent)).as_posix()
    except ValueError:  # another drive
        return str(other)


def _unknown_service(doubt: str) -> Iterator[str]:
    yield "\n[service]"
    yield from (f"# {line}" for line in textwrap.wrap(doubt, 96, break_on_hyphens=False))
    keys = ("initialize", "close", "resource", "behavior", "session", "new", "close_session")
    yield from (f'#{key} = ""' for key in keys)


def _service(binding: Binding) -> Iterator[str]:
    opening, close = binding.opening, binding.close
    yield "\n[service]"
    yield "# These were inferred: correct what is wrong."
    names = {
        "name": binding.service,
        "initialize": opening.method.name,
        "close": close.method.name,
        "resource": opening.resource,
        "behavior": opening.behavior,
        "session": opening.session,
        "new": opening.new,
        "close_session": close.session,
    }
    for key, name in names.items():
        yield f"{key} = {_quoted(str(name))}"
    yield "\n[service.behaviors]"
    for behavior in Behavior:
        yield f"{behavior.name.lower()} = {_behavior(binding, behavior)}"


def _behavior(binding: Binding, behavior: Behavior) -> str:
    number = binding.opening.numbers[behavior]
    enum: EnumDescriptor | None = binding.opening.behavior.field.enum_type
    names = {value.number: value.name for value in enum.values} if enum else {}
    return _quoted(names[number]) if number in names else str(number)


def _resource_name(binding: Binding | None) -> str:
    name = str(binding.opening.resource).lower() if binding else ""
    return "{tmp}/{unique}.txt" if "path" in name or "file" in name else "contract-{unique}"


def _initialize(binding: Binding) -> Iterator[str]:
    opening = binding.opening
    ours = {str(opening.resource).split(".")[0], str(opening.behavior).split(".")[0]}
    fields = [f for f in opening.method.input_type.fields if f.name not in ours]
    if not fields:
        return
    yield "\n[initialize]"
    yield "# What Initialize takes besides. A create has to succeed with it."
    yield from (f"#{_proposal(field)}" for field in fields)
    yield "# Values that a create refuses, for the claim attach-ignores-configuration:"
    yield "#[initialize.bad]"
    yield from (f"#{_proposal(field)}" for field in fields)


def _uses(binding: Binding) -> Iterator[str]:
    """Propose the RPCs that take an id, for the user to choose from."""
    service = binding.opening.method.containing_service
    known = {binding.opening.method.name, binding.close.method.name}
    rpcs = [m for m in service.methods if m.name not in known]
    uses = [m for m in rpcs if takes_session(m, binding.opening)]
    if uses:
        yield "\n# RPCs that use a session, for the claim use. Each has to succeed, at any time."
    for method in uses:
        yield from _use(method, binding)


def _use(method: MethodDescriptor, binding: Binding) -> Iterator[str]:
    session = session_field(method, binding.opening, "", "session")
    fields = [f for f in method.input_type.fields if f.name != session.steps[0].name]
    yield "#[[use]]"
    yield f"#rpc = {_quoted(method.name)}"
    yield f"#session = {_quoted(str(session))}"
    if fields:
        yield f"#request = {{ {', '.join(_inline(field) for field in fields)} }}"
        yield '# If it writes a value that another reads, put "{value}" there, and:'
        yield "# writes = true"
    answers = [f.name for f in method.output_type.fields]
    if answers:
        yield f"# If it reads what was written: answer = {_quoted(answers[0])}"


def _proposal(field: FieldDescriptor) -> str:
    enum: EnumDescriptor | None = field.enum_type
    names = f"   # {', '.join(value.name for value in enum.values)}" if enum else ""
    return f"{_inline(field)}{names}"


def _inline(field: FieldDescriptor) -> str:
    return f"{field.name} = {_value(field)}"


def _value(field: FieldDescriptor) -> str:
    """A value that fits the field, for the user to replace."""
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        return "{}" if is_map or not is_repeated(field) else "[]"
    if is_repeated(field):
        return "[]"
    if field.type in FLAG:
        return "false"
    if field.type in NUMBERS:
        return "0"
    if field.enum_type:
        return _quoted(field.enum_type.values[-1].name)
    if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return "0.0"
    return '""'


def _quoted(value: str | list[str]) -> str:
    """A text or texts as TOML: for these, the same as JSON."""
    return json.dumps(value, ensure_ascii=False)
