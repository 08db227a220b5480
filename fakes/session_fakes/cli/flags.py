"""Flags that several commands share, and what all flags have in common.

Each flag has an environment variable. A bad value of it refuses to start and names the variable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from session_fakes.control import ControlClient, Ready

    Number = click.ParamType[float]
else:
    # It takes no type in older versions of click.
    Number = click.ParamType

F = TypeVar("F", bound=Callable[..., Any])


class Flag(click.Option):
    """An option that shows its environment variable in the help, and in errors that it caused."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as click declares it
        kwargs.setdefault("show_envvar", True)
        super().__init__(*args, **kwargs)

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """The flag, or the variable when the value came from there."""
        source = ctx.get_parameter_source(self.name or "") if ctx else None
        if ctx is None or source is not ParameterSource.ENVIRONMENT:
            return " / ".join(f"'{name}'" for name in self.opts)
        return f"environment variable {self._variable(ctx)}"

    def _variable(self, ctx: click.Context) -> str:
        explicit = [self.envvar] if isinstance(self.envvar, str) else list(self.envvar or ())
        automatic = f"{ctx.auto_envvar_prefix}_{(self.name or '').upper()}"
        return next((name for name in explicit if os.environ.get(name)), automatic)


class Duration(Number):
    """A time such as ``250ms``, ``30s``, ``1.5min`` or ``1h``; a bare number is seconds."""

    name = "time"
    _UNITS = {"ms": 1e-3, "": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}  # noqa: RUF012 - never changed

    def convert(
        self,
        value: Any,  # noqa: ANN401 - as click declares it
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """The time in seconds."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|)", str(value), re.ASCII)
        if not match:
            self.fail(f"{value!r} is no time; 250ms, 30s, 1.5min and 1h are.", param, ctx)
        return float(match[1]) * self._UNITS[match[2]]


DURATION = Duration()
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

json_flag = click.option("--json", "as_json", cls=Flag, is_flag=True, help="Print JSON.")
ready_file_flag = click.option(
    "--ready-file",
    cls=Flag,
    envvar="SESSION_FAKES_READY_FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file that says where the station is.  [default: one per user]",
)


@dataclass(frozen=True)
class StationSettings:
    """What the flags say of a station that is to start."""

    pin_map: Path | None
    port: int
    service_config: tuple[Path, ...]
    evict_stale: bool
    bare_session_names: bool
    ready_file: Path | None
    beside_ni: bool = False


_STATION_FLAGS = (
    click.option(
        "--pin-map",
        cls=Flag,
        envvar="SESSION_FAKES_PIN_MAP",
        type=_FILE,
        help="A pin map to load at the start.",
    ),
    click.option(
        "--port",
        cls=Flag,
        envvar="SESSION_FAKES_PORT",
        type=click.IntRange(0, 65535),
        default=0,
        help="The port of Discovery; 0 for any that is free.",
    ),
    click.option(
        "--service-config",
        cls=Flag,
        envvar="SESSION_FAKES_SERVICE_CONFIG",
        type=_FILE,
        multiple=True,
        help="A .serviceconfig whose services are started when first resolved. Repeatable.",
    ),
    click.option(
        "--evict-stale",
        cls=Flag,
        envvar="SESSION_FAKES_EVICT_STALE",
        is_flag=True,
        help="Forget the registrations of processes that died.",
    ),
    click.option(
        "--bare-session-names",
        cls=Flag,
        envvar="SESSION_FAKES_BARE_SESSION_NAMES",
        is_flag=True,
        help="Name sessions as before InstrumentStudio 2025 Q3, without the instrument type.",
    ),
    ready_file_flag,
    click.option(
        "--beside-ni",
        cls=Flag,
        envvar="SESSION_FAKES_BESIDE_NI",
        is_flag=True,
        help="Start although NI's own Discovery runs on this machine.",
    ),
)


def station_flags(function: F) -> F:
    """Add the flags of a station that is to start."""
    for flag in reversed(_STATION_FLAGS):
        function = flag(function)
    return function


def has_left(ready: Ready, ready_file: Path | None) -> bool:
    """Whether a station has stopped orderly: then its ready file is gone, or another's."""
    from session_fakes.control import readyfile

    return readyfile.read(ready_file or readyfile.default_path()) != ready


def client(ready_file: Path | None) -> ControlClient:
    """The running station; raise NoStation when there is none."""
    from session_fakes.control import ControlClient, readyfile

    return ControlClient.of(ready_file or readyfile.default_path())
