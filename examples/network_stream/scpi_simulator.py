"""An instrument that speaks SCPI over TCP, simulated: ``python scpi_simulator.py PORT``.

It keeps what it is told (``VOLT 3.3``) and tells it when asked (``VOLT?``). Like most real ones, it
serves one connection at a time: a second one waits until the first is closed.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import suppress


def start(name: str) -> str:
    """Start an instrument for one connection, in a thread; return its address.

    One whose name begins with ``slow`` takes its time to answer first.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    delay = 1.5 if name.startswith("slow") else 0.0
    threading.Thread(target=_serve_once, args=(listener, delay), daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


def _serve_once(listener: socket.socket, delay: float) -> None:
    with listener:
        time.sleep(delay)
        _serve(listener, {})


def _serve(listener: socket.socket, settings: dict[str, str]) -> None:
    """Accept a connection and answer it until it is closed."""
    connection, _ = listener.accept()
    with suppress(OSError), connection, connection.makefile("rw", newline="\n") as stream:
        for line in stream:
            header, _, value = line.strip().partition(" ")
            if header == "*IDN?":
                stream.write("session-contract,SCPI simulator,0,1.0\n")
            elif header.endswith("?"):
                stream.write(f"{settings.get(header[:-1], '0')}\n")
            else:
                settings[header] = value
            stream.flush()


def main() -> None:
    """Serve on the port of the command line until Ctrl-C."""
    settings: dict[str, str] = {}
    with suppress(KeyboardInterrupt), socket.create_server(("127.0.0.1", int(sys.argv[1]))) as one:
        print(f"The instrument listens on 127.0.0.1:{one.getsockname()[1]}.", flush=True)
        while True:
            _serve(one, settings)


if __name__ == "__main__":
    main()
