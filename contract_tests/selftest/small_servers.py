"""The wrong servers of class ``server`` that are small servers of their own, and wrong shapes."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from types import ModuleType

from selftest.wrong import OTHERS, Wrong

_FILE = Path(__file__).resolve().parents[1] / "tests" / "sharing_server.py"
_CLAIMS = '["use", "strict-input", "attach-ignores-configuration", "independent", "lost-calls"]'
_TARGET = """\
[target]
name = "sharing"
{place}
[descriptors]
source = "sharing.proto"
[resource]
slow = "slow-{{unique}}"
[initialize.bad]
mode = 99
[[use]]
rpc = "Write"
request = {{ text = "{{value}}" }}
writes = true
[[use]]
rpc = "Write"
answer = "text"
[limits]
call = 3
"""
SERVICER = """\
servicer = "sharing_server:{server}"
folder = "{folder}"
claims = {claims}
"""
_COMMAND = """\
command = ["{{python}}", "{folder}/sharing_server.py", "{server}", "{{port}}"]
environment = {{ TMPDIR = "{{tmp}}" }}
claims = ["use", "restart"]
[target.start]
within = 60
"""


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sharing_server", _FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_servers = _load()
PROTO: str = _servers.PROTO


def target(place: str, server: str, proto: str, folder: Path) -> str:
    """Write the .proto of a small server, and return its target file."""
    (folder / "sharing.proto").write_text(proto, encoding="utf-8")
    where = place.format(server=server, folder=_FILE.parent.as_posix(), claims=_CLAIMS)
    return _TARGET.format(place=where)


def _small(name: str, requirement: str, words: str) -> Wrong:
    is_restart = requirement.startswith("RESTART")
    place, server = (_COMMAND, name) if is_restart else (SERVICER, f"wrong.{name}")
    return Wrong(
        name=f"small server: {name.replace('_', ' ')}",
        conformance_class="server",
        requirement=requirement,
        words=words,
        target=partial(target, place, server, PROTO),
        beside=f"{OTHERS} or LOST-INITIALIZE" if requirement.startswith("LOST") else OTHERS,
        origin=f"{_FILE.name}: {name}",
        budget="default" if requirement.startswith("LOST") else "quick",
    )


def _misshapen(requirement: str, name: str, words: str, old: str, new: str) -> Wrong:
    return Wrong(
        name=f"wrong shape: {name}",
        conformance_class="server",
        requirement=requirement,
        words=words,
        target=partial(target, SERVICER, "correct", PROTO.replace(old, new)),
        beside=f"{OTHERS} or LOST-INITIALIZE" if requirement.startswith("LOST") else OTHERS,
        origin=f"sharing.proto: {old}  →  {new or 'nothing'}",
        is_refused=True,
    )


WRONG = [
    *(_small(name, *due) for name, due in _servers.WRONG.items()),
    _misshapen("SHAPE-RESOURCE", "no name of a resource", "resource",
               "string resource_name = 1;", "int32 number = 1;"),
    _misshapen("SHAPE-BEHAVIOR", "two behaviours", "ATTACH_TO_EXISTING",
               " ATTACH_TO_EXISTING = 2;", ""),
    _misshapen("SHAPE-ANSWER", "no flag that says whether it is new",
               "its answer an id and a flag",
               " bool new_session_initialized = 2;", ""),
    _misshapen("SHAPE-CLOSE", "Close takes no id", "close",
               "message CloseRequest { string session_id = 1; }", "message CloseRequest {}"),
]  # fmt: skip
