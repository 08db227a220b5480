"""Wrong servers that are a copy of a reference server with one line changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from selftest.wrong import OTHERS, Wrong
from session_contract import copying

TABLE, REFUSALS = "session_table.py", "refusals.py"
SERVER, SERVICE = "server.py", "hosting/service.py"
LOGGER, INSTRUMENT = "file_logger", "custom_instrument"
_TARGETS = Path(__file__).resolve().parents[1] / "targets"
_ALONE = ("use", "strict-input", "attach-ignores-configuration", "independent", "lost-calls")
_STARTED = ("use", "restart", "hosting")
_SERVE = """
import importlib, sys, types
from pathlib import Path


def add_to(server):
    package = types.ModuleType("{name}")
    package.__path__ = [str(Path(__file__).with_name("copy"))]
    sys.modules["{name}"] = package
    servers, stubs = (importlib.import_module("{name}" + m) for m in (".server", ".stubs.{stubs}"))
    stubs.add_{servicer}_to_server(servers.{servicer}(), server)
"""
_STUBS = {
    LOGGER: ("json_logger.proto", "json_logger_pb2_grpc", "JsonLoggerServicer"),
    INSTRUMENT: (
        *("device_comm_service.proto", "device_comm_service_pb2_grpc"),
        "DeviceCommunicationServicer",
    ),
}


@dataclass(frozen=True)
class Patch:
    """A line of a copied reference, and what stands there instead."""

    reference: str
    file: str
    old: str
    new: str
    as_command: bool = False
    """Whether it is started by a command, and watched: for restarts and hosting."""

    def apply(self, folder: Path) -> None:
        """Change that line, and no other, in a copy; a ValueError when it is not there once."""
        path = folder / self.file
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        found = [number for number, line in enumerate(lines) if line.strip() == self.old]
        if len(found) != 1:
            raise ValueError(f"{self.file} has {len(found)} lines {self.old!r}: mend the patch.")
        line = lines[found[0]]
        indent = line[: len(line) - len(line.lstrip())]
        lines[found[0]] = f"{indent}{self.new}\n"
        path.write_text("".join(lines), encoding="utf-8")

    def target(self, folder: Path) -> str:
        """Make the patched copy, and the text of its target file."""
        claims = json.dumps(_STARTED if self.as_command else _ALONE)
        head = f'[target]\nname = "{self.reference}"\nclaims = {claims}\n{self.placed(folder)}'
        proto, _, _ = _STUBS[self.reference]
        shape = f'[descriptors]\nsource = "copy/{proto}"\n'
        return head + shape + _resources(self.reference)

    def placed(self, folder: Path) -> str:
        """Make the patched copy, and what a target file says of where it is."""
        copying.copy(self.reference, folder / "copy")
        self.apply(folder / "copy")
        _, stubs, servicer = _STUBS[self.reference]
        name = "served_" + hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        text = _SERVE.format(name=name, stubs=stubs, servicer=servicer)
        (folder / f"{name}_by.py").write_text(text, encoding="utf-8")
        return _COMMAND if self.as_command else f'servicer = "{name}_by:add_to"\n'


_COMMAND = """\
command = [
    "{python}", "copy", "--ready-file", "{ready_file}", "--discovery-address", "{discovery}"
]
[target.start]
ready_file = true
within = 60
"""


def _resources(reference: str) -> str:
    """What the target file of the reference says of resources and calls."""
    text = (_TARGETS / f"{reference}.toml").read_text(encoding="utf-8")
    return text[text.index("[resource]") :].replace("{here}", _TARGETS.as_posix())


def patched(requirement: str, name: str, words: str, patch: Patch) -> Wrong:
    """A wrong server that is a reference with one line changed."""
    return Wrong(
        name=f"{patch.reference}: {name}",
        conformance_class="server",
        requirement=requirement,
        words=words,
        target=patch.target,
        beside=f"{OTHERS} or LOST-INITIALIZE" if requirement.startswith("LOST") else OTHERS,
        budget="default" if requirement.startswith(("LOST", "RACE")) else "quick",
        origin=f"{patch.file}: {patch.old}  →  {patch.new}",
    )


logger = partial(Patch, LOGGER)
instrument = partial(Patch, INSTRUMENT)
