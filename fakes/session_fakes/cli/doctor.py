"""``session-fakes doctor``: will plug-ins run here, and if not, what to do."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from session_fakes.cli import text
from session_fakes.cli.flags import json_flag, ready_file_flag

FAILED = 1
_SDK = "ni-measurement-plugin-sdk-service"
_EXEMPTIONS = ("no_grpc_proxy", "no_proxy", "NO_PROXY")
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    state: str
    """``ok``, ``note`` or ``bad``."""
    found: str
    fix: str = ""


@click.command(short_help="Check whether plug-ins can run here, and say what to do.")
@json_flag
@ready_file_flag
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool, ready_file: Path | None) -> None:
    """Check what the fake station and NI's SDK need. Ends with 1 when something is bad.

    \b
    Example: session-fakes doctor
    """
    checks = list(_checks(ready_file))
    if as_json:
        text.echo_json([check._asdict() for check in checks])
    else:
        for check in checks:
            _print(check)
    ctx.exit(FAILED if any(check.state == "bad" for check in checks) else 0)


def _print(check: Check) -> None:
    colour = {"ok": "green", "note": "yellow", "bad": "red"}[check.state]
    click.echo(
        f"{click.style(f'{check.state:4}', fg=colour)}  {check.name}: {text.safe(check.found)}"
    )
    if check.fix:
        click.echo(f"      {text.safe(check.fix)}")


def _checks(ready_file: Path | None) -> Iterator[Check]:
    yield _sdk()
    yield _drivers()
    yield _ipv6()
    yield _flags()
    yield _python_path()
    yield _proxy()
    if sys.platform == "win32":
        yield _ni_software()
    yield _ni_discovery()
    yield _station(ready_file)


def _sdk() -> Check:
    from importlib import metadata

    try:
        version = metadata.version(_SDK)
    except metadata.PackageNotFoundError:
        fix = f"A plug-in may have its own environment; else: pip install {_SDK}"
        return Check("NI's SDK", "bad", f"{_SDK} is not installed here", fix)
    return Check("NI's SDK", "ok", f"{_SDK} {version}, Python {sys.version.split()[0]}")


def _drivers() -> Check:
    from importlib import metadata

    from session_fakes.discovery.well_known import SIMULATED

    found: dict[str, str] = {}
    for name in SIMULATED:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    there = [f"{name} {version}" for name, version in found.items()]
    missing = [name for name in SIMULATED if name not in found]
    if not missing:
        return Check("Instruments", "ok", f"simulated for {', '.join(there)}")
    fix = (
        "Only plug-ins that use them over the device server need them, here and in their own "
        "environment: pip install session-contract[drivers]"
    )
    said = f"not installed here: {', '.join(missing)}"
    return Check("Instruments", "note", f"{', '.join(there)}; {said}" if there else said, fix)


def _ipv6() -> Check:
    from session_fakes.network.loopback import has_ipv6_loopback

    if has_ipv6_loopback():
        return Check("IPv6 loopback", "ok", "::1 can be used")
    fix = (
        "NI's SDK serves plug-ins on [::1] only; in processes of session-fakes it is moved to "
        "127.0.0.1. Elsewhere enable IPv6 (Docker: --sysctl net.ipv6.conf.all.disable_ipv6=0)."
    )
    return Check("IPv6 loopback", "note", "::1 cannot be used here", fix)


def _flags() -> Check:
    names = {"isolated": "-I", "ignore_environment": "-E", "no_site": "-S"}
    used = [flag for name, flag in names.items() if getattr(sys.flags, name)]
    if used:
        fix = "Plug-ins started in this way do not find the station: start Python without."
        return Check("Python flags", "bad", f"{' '.join(used)} is set", fix)
    return Check("Python flags", "ok", "none that hides the station from a plug-in")


def _python_path() -> Check:
    from importlib import util

    path = os.environ.get("PYTHONPATH", "")
    spec = util.find_spec("sitecustomize")
    if os.environ.get("SESSION_FAKES_DISCOVERY"):
        return Check(
            "PYTHONPATH",
            "note",
            "this shell points plug-ins at a station already",
            "That is the work of session-fakes env; a new shell is without it.",
        )
    if spec is not None and spec.origin:
        found = f"{path or 'not set'}; a sitecustomize is in {spec.origin}"
        fix = "It is run after that of the fakes; if it replaces PYTHONPATH, plug-ins are lost."
        return Check("PYTHONPATH", "note", found, fix)
    return Check("PYTHONPATH", "ok", path or "not set")


def _proxy() -> Check:
    proxies = [name for name in os.environ if name.lower() in _PROXIES and os.environ[name]]
    exempt = ",".join(
        os.environ.get(name, "") for name in ("no_grpc_proxy", "no_proxy", "NO_PROXY")
    )
    if not proxies or "localhost" in exempt:
        return Check("Proxy", "ok", "none is in the way of localhost")
    fix = (
        "session-fakes run and env see to it; for other programs: no_proxy=localhost,127.0.0.1,::1"
    )
    return Check("Proxy", "note", f"{', '.join(sorted(proxies))} is set", fix)


def _ni_software() -> Check:
    program_files = os.environ.get("PROGRAMW6432") or os.environ.get("PROGRAMFILES") or ""
    folder = Path(program_files) / "National Instruments" / "Shared" / "Discovery"
    if folder.exists():
        fix = "Plug-ins started without session-fakes use NI's own services; with it, the fakes."
        return Check("NI software", "note", f"NI's Discovery is installed in {folder}", fix)
    return Check("NI software", "ok", "NI's Discovery is not installed; the fakes do not need it")


def _ni_discovery() -> Check:
    from session_fakes import real_discovery

    path = real_discovery.key_file()
    if path is None or not real_discovery.is_running(path):
        return Check("NI's Discovery", "ok", "it does not run here")
    fix = "Stop NI's services before session-fakes run or up, or say --beside-ni to have both."
    return Check("NI's Discovery", "note", f"it runs here (its key file is {path})", fix)


def _station(ready_file: Path | None) -> Check:
    from session_fakes.control import readyfile
    from session_fakes.control.client import is_alive

    path = ready_file or readyfile.default_path()
    ready = readyfile.read(path)
    if ready is None:
        return Check("Station", "ok", f"none is running ({path})")
    if is_alive(ready):
        found = f"process {ready.pid}, Discovery on {ready.discovery}"
        return Check("Station", "ok", f"{found} ({path})")
    fix = "It is replaced by the next session-fakes up; nothing needs to be done."
    return Check("Station", "note", f"a stale ready file is in {path}", fix)
