"""Settings of a measurement: which parameter is meant, and all of them as one message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from session_fakes.errors import listed, quoted
from session_fakes.measure.failures import BadSetting
from session_fakes.measure.metadata import Parameter
from session_fakes.measure.values import check, parse
from session_fakes.measure.wire import Codec, Value


def find(parameters: Iterable[Parameter], key: str) -> Parameter:
    """The parameter of a name; letter case, spaces and underscores may differ if it stays clear.

    Raises:
        BadSetting: There is none; the error names the nearest and all.
    """
    known = {parameter.name: parameter for parameter in parameters}
    alike = [name for name in known if _folded(name) == _folded(key)]
    if key in known or len(alike) == 1:
        return known[key if key in known else alike[0]]
    near = difflib.get_close_matches(_folded(key), [_folded(name) for name in known], n=1)
    meant = alike or [name for name in known if _folded(name) in near]
    hint = f" Did you mean {' or '.join(quoted(name) for name in meant)}?" if meant else ""
    raise BadSetting(
        f"The measurement has no parameter {quoted(key)}.{hint} Its parameters: "
        f"{listed(list(known), most=30)}."
    )


def parse_settings(parameters: Sequence[Parameter], items: Iterable[str]) -> dict[str, Value]:
    """Settings that were typed as ``key=value``, by the parameter's full name.

    Raises:
        BadSetting: One has no ``=``, no such parameter, no such value, or is given twice.
    """
    settings: dict[str, Value] = {}
    for item in items:
        key, equals, text = item.partition("=")
        if not equals:
            raise BadSetting(f"{quoted(item)} is no setting: expected key=value.")
        parameter = find(parameters, key.strip())
        if parameter.name in settings:
            raise BadSetting(f"{quoted(parameter.name)} is set twice: give it one value.")
        settings[parameter.name] = parse(parameter, text)
    return settings


def encode(parameters: Sequence[Parameter], settings: Mapping[str, object]) -> bytes:
    """The configuration as the bytes of its message: the settings, and defaults for the rest.

    A plug-in does not fill in its own defaults, so all are sent.

    Args:
        parameters: The parameters of the measurement.
        settings: Values by name, typed or as text; see :func:`find` and :func:`check`.

    Raises:
        BadSetting: There is no such parameter, or it cannot take the value.
    """
    values = {parameter.number: parameter.default for parameter in parameters}
    for key, value in settings.items():
        parameter = find(parameters, key)
        values[parameter.number] = check(parameter, value)
    return Codec(parameters).encode(values)


def decode(parameters: Sequence[Parameter], data: bytes) -> dict[str, Value]:
    """The values in the bytes of a message, by the names of its parameters or outputs.

    Raises:
        BadMetadata: The bytes are not what the metadata says.
    """
    values = Codec(parameters).decode(data)
    return {parameter.name: values[parameter.number] for parameter in parameters}


def _folded(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
