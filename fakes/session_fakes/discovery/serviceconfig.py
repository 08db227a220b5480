"""Files named .serviceconfig: what is installed on a station, and how it is started.

They are JSON with ``//`` comments, with or without a byte order mark. What is wrong with one is
said with its line.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import NamedTuple, NoReturn, cast

from session_fakes.discovery.services import Service
from session_fakes.discovery.versions import version_fault
from session_fakes.errors import FakeError, quoted
from session_fakes.fidelity import fidelity

__all__ = ["ServiceConfig", "read_serviceconfig"]

_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\r\n]*')
_LAST_COMMA = re.compile(r'"(?:\\.|[^"\\\n])*"|(,)\s*[}\]]')
_SPACE = re.compile(r"[ \t\r\n]*")
_OF_WINDOWS = (".bat", ".cmd", ".exe")
_DECODER = json.JSONDecoder()


class ServiceConfig(NamedTuple):
    """One service of a .serviceconfig file."""

    service: Service
    file: Path
    line: int
    """Where the service begins in the file."""
    path: str = ""
    """What starts it, relative to the file; empty when the file does not say."""

    @property
    def place(self) -> str:
        """File and line, as editors and terminals link them."""
        return f"{self.file}:{self.line}"

    @property
    def folder(self) -> Path:
        """Where the command runs: the folder of the file."""
        return self.file.absolute().parent

    @fidelity(
        "DISC-START-SCRIPT",
        evidence="our choice",
        rule="Off Windows the .sh file beside a .bat, .cmd or .exe is started",
    )
    def command(self, *, windows: bool = os.name == "nt") -> tuple[str, ...]:
        """The command line that starts the service; FakeError when there is none."""
        if not self.path:
            raise FakeError(
                f"{self.place}: {quoted(self.service.service_class)} has no 'path', so nothing "
                'can start it. Add "path": "start.bat" or start the service by hand.'
            )
        target = self.folder / (self.path if windows else self.path.replace("\\", "/"))
        if not windows and target.suffix.lower() in _OF_WINDOWS:
            target = target.with_suffix(".sh")
        if not target.is_file():
            self._no_such_file(target)
        if windows or target.suffix != ".sh" or os.access(target, os.X_OK):
            return (str(target),)
        return ("/bin/sh", str(target))  # Copies from archives lose the mode.

    def _no_such_file(self, target: Path) -> NoReturn:
        same = target.name == PureWindowsPath(self.path).name
        reason = "" if same else f" (off Windows it stands in for {quoted(self.path)})"
        raise FakeError(
            f"{self.place}: {quoted(self.service.service_class)} is started by {target}{reason}, "
            "which does not exist. Write that file, correct 'path', or start the service by hand."
        )


class _Value(NamedTuple):
    """A value of the file and the line on which it begins."""

    value: object
    start: int
    line: int


@fidelity(
    "DISC-CONFIG-KEYS",
    evidence="seen in NI's code",
    rule="Comments, a byte order mark, providedInterface and providedInterfaces are read",
)
@fidelity(
    "DISC-CONFIG-STRICT",
    evidence="our choice",
    rule="Wrong types, missing and repeated keys, last commas and doubled services are refused",
)
def read_serviceconfig(path: str | os.PathLike[str]) -> list[ServiceConfig]:
    """Read a .serviceconfig file; FakeError with file, line and remedy when it is not right."""
    file = Path(path)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise FakeError(f"{file} does not exist. Give the path of a .serviceconfig file.") from None
    except OSError as error:
        raise FakeError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FakeError(f"{file} is not UTF-8 text: {error.reason}. Save it as UTF-8.") from error
    return _Reader(file, _without_comments(text)).configs()


def _without_comments(text: str) -> str:
    """The text with spaces in place of comments: nothing else moves."""

    def blank(found: re.Match[str]) -> str:
        return " " * len(found[0]) if found[0].startswith("//") else found[0]

    return _COMMENT.sub(blank, text)


class _Reader:
    """Walks through a file and remembers where things stand."""

    def __init__(self, file: Path, text: str) -> None:
        self._file = file
        self._text = text

    def configs(self) -> list[ServiceConfig]:
        self._check_syntax()
        root = self._value(0)
        services = self._members(root).get("services")
        if services is None or not _is_filled_list(services.value):
            self._fail(services or root, "'services' has to be a list of at least one service")
        configs = [self._config(item) for item in self._items(services)]
        self._refuse_doubles(configs)
        return configs

    def _config(self, item: _Value) -> ServiceConfig:
        members = self._members(item)
        version = self._text_of(members, item, "version", "")
        if fault := version_fault(version):
            self._fail(members["version"], fault)
        service = Service(
            display_name=self._text_of(members, item, "displayName"),
            service_class=self._text_of(members, item, "serviceClass"),
            provided_interfaces=self._interfaces(members, item),
            versions=(version,) if version else (),
            description_url=self._text_of(members, item, "descriptionUrl", ""),
            annotations=self._annotations(members),
        )
        path = self._text_of(members, item, "path", "")
        return ServiceConfig(service, self._file, item.line, path)

    def _text_of(
        self, members: dict[str, _Value], item: _Value, key: str, default: str | None = None
    ) -> str:
        found = members.get(key)
        if found is None:
            if default is None:
                self._fail(item, f"the service has no '{key}'; add it")
            return default
        if not isinstance(found.value, str):
            self._fail(found, f"'{key}' has to be a text in quotes")
        if default is None and not found.value.strip():
            self._fail(found, f"'{key}' is empty; give it a text")
        return found.value

    def _interfaces(self, members: dict[str, _Value], item: _Value) -> tuple[str, ...]:
        names: list[str] = []
        if (several := members.get("providedInterfaces")) is not None:
            if not _is_filled_list(several.value):
                self._fail(several, "'providedInterfaces' has to be a list of at least one text")
            names += [self._interface(each) for each in self._items(several)]
        if (single := members.get("providedInterface")) is not None:
            names.append(self._interface(single))
        if not names:
            self._fail(item, "the service has no 'providedInterfaces'; list those it serves")
        return tuple(dict.fromkeys(names))

    def _interface(self, found: _Value) -> str:
        if not isinstance(found.value, str) or not found.value.strip():
            self._fail(found, "an interface has to be a text that is not empty")
        return found.value

    def _annotations(self, members: dict[str, _Value]) -> dict[str, str]:
        found = members.get("annotations")
        if found is None:
            return {}
        if not isinstance(found.value, dict):
            self._fail(found, "'annotations' has to be an object of keys and values")
        # NI's service package turns values that are no texts into JSON the same way.
        values = {key: member.value for key, member in self._members(found).items()}
        return {
            key: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            for key, value in values.items()
        }

    def _refuse_doubles(self, configs: list[ServiceConfig]) -> None:
        seen: dict[tuple[str, str], ServiceConfig] = {}
        for config in configs:
            key = config.service.service_class, config.service.version
            first = seen.setdefault(key, config)
            if first is not config:
                said = f"{quoted(key[0])} stands on line {first.line} in the same version"
                self._fail_at(config.line, f"{said}; give one of them another class or version")

    def _check_syntax(self) -> None:
        for found in _LAST_COMMA.finditer(self._text):
            if found[1]:
                self._fail_at(
                    self._line(found.start(1)),
                    "a comma stands before a closing bracket; take it away",
                )
        try:
            json.loads(self._text)
        except json.JSONDecodeError as error:
            self._fail_at(error.lineno, f"this is not JSON: {error.msg}; correct it here or above")
        except (RecursionError, ValueError) as error:
            self._fail_at(1, f"this is not usable JSON: {error}; correct it")

    # From here on the syntax is known to be right, which makes finding places easy.

    def _members(self, at: _Value) -> dict[str, _Value]:
        if not isinstance(at.value, dict):
            self._fail(at, "an object in braces is expected here")
        found: dict[str, _Value] = {}
        for key in self._walk(at, "}"):
            name = cast("str", key.value)
            if name in found:
                self._fail(key, f"{quoted(name)} stands on line {found[name].line} already")
            found[name] = self._value(self._skip(self._end(key)) + 1)
        return found

    def _items(self, at: _Value) -> list[_Value]:
        return list(self._walk(at, "]"))

    def _walk(self, at: _Value, closing: str) -> Iterator[_Value]:
        """The keys of an object, or the items of a list."""
        place = self._skip(at.start + 1)
        while self._text[place] != closing:
            each = self._value(place)
            yield each
            place = self._skip(self._end(each))
            if self._text[place] == ":":
                place = self._skip(self._end(self._value(place + 1)))
            if self._text[place] == ",":
                place = self._skip(place + 1)

    def _value(self, place: int) -> _Value:
        start = self._skip(place)
        value: object = _DECODER.raw_decode(self._text, start)[0]
        return _Value(value, start, self._line(start))

    def _end(self, at: _Value) -> int:
        return _DECODER.raw_decode(self._text, at.start)[1]

    def _skip(self, place: int) -> int:
        found = _SPACE.match(self._text, place)
        return found.end() if found else place

    def _line(self, place: int) -> int:
        return self._text.count("\n", 0, place) + 1

    def _fail(self, at: _Value, words: str) -> NoReturn:
        self._fail_at(at.line, words)

    def _fail_at(self, line: int, words: str) -> NoReturn:
        raise FakeError(f"{self._file}:{line}: {words}.")


def _is_filled_list(value: object) -> bool:
    return isinstance(value, list) and bool(cast("list[object]", value))
