"""Shows examples at work, without NI's software: ``python examples/run.py NAME...``.

It needs an environment with the kit, the two clients and NI's drivers, such as that of
``nox -s examples -- NAME``, which does the same.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable

SHOWS = {
    "simple_measurement": "a measurement shares a custom instrument",
    "nidcpower_measurement_with_logger": "a power supply and a log file, shared",
    "nidmm_measurement_with_logger": "a multimeter and a log file, shared",
    "teststand_sequence": "sequences whose setup opens for all, and whose cleanup closes",
    "database_session": "plug-ins share a database connection and its transaction",
    "hardware_lock": "plug-ins share a lock, other programs are kept out",
    "network_stream": "plug-ins share the one connection of a TCP instrument",
    "node_lock": "a server and a client in Node.js are judged, right and wrong",
}
"""The examples: each is shown by the module of its name in ``offline``."""


def main() -> int:
    """Show the examples that are named; return the exit code."""
    listing = "\n".join(f"  {name:36}{what}" for name, what in SHOWS.items())
    parser = argparse.ArgumentParser(
        description="Show examples at work, without NI's software.",
        epilog=f"examples:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="an example; without any: all")
    names = parser.parse_args().names or list(SHOWS)
    unknown = [name for name in names if name not in SHOWS]
    if unknown:
        parser.error(f"no example is called {unknown[0]}: there are {', '.join(SHOWS)}")
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="replace")
    return max(_show(name) for name in names)


def _show(name: str) -> int:
    started = time.monotonic()
    print(f"=== {name}: {SHOWS[name]}", flush=True)
    try:
        show: Callable[[], None] = importlib.import_module(f"offline.{name}").show
        show()
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as error:
        print(f"{name} needs the package {error.name}: nox -s examples -- {name} installs it.")
        return 2
    except Exception as error:  # whatever it is, the others are to be shown
        print(f"✗ {name}: {type(error).__name__}: {error}", flush=True)
        return 1
    print(f"\n{name} was shown in {time.monotonic() - started:.1f} s.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
