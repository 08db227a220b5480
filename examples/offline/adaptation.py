"""What adaptations are shown with: a server of the folder, and callers that tell what they do."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from offline.bench import EXAMPLES, PATIENCE, ShowError


class Caller:
    """Somebody who calls the server of an adaptation; each call and its answer is printed."""

    def __init__(self, who: str, example: str, channel: grpc.Channel) -> None:
        self._who = who
        stubs = f"{example}.stubs.{example}_pb2"
        self._messages = importlib.import_module(stubs)
        service = "".join(word.title() for word in example.split("_"))
        self._stub = getattr(importlib.import_module(f"{stubs}_grpc"), f"{service}Stub")(channel)

    def __call__(self, rpc: str, **fields: object) -> Any:  # noqa: ANN401 - a message or a status
        """Call; return the answer, or the name of the status when it was refused."""
        request = getattr(self._messages, f"{rpc}Request")(**fields)
        asked = ", ".join(f"{name}={_short(value)}" for name, value in fields.items())
        try:
            answer = getattr(self._stub, rpc)(request, timeout=PATIENCE)
        except grpc.RpcError as error:
            self._tell(f"{rpc}({asked})", f"{error.code().name}: {error.details()}")
            return error.code().name
        said = ", ".join(f"{field.name}={_short(value)}" for field, value in answer.ListFields())
        self._tell(f"{rpc}({asked})", said or "OK")
        return answer

    def _tell(self, call: str, answer: str) -> None:
        print(f"{self._who:16}{call}\n{'':16}→ {answer}", flush=True)


def _short(value: object) -> str:
    """A value in few characters: of an id its beginning is enough."""
    text = str(value).replace("\n", " ").strip()
    is_id = len(text) == 36 and text.count("-") == 4
    return f"{text[:8]}…" if is_id else text


@contextmanager
def server(example: str, *flags: str) -> Generator[grpc.Channel, None, None]:
    """Run the server of an adaptation without Discovery; give a channel to it."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder, "address")
        command = [sys.executable, str(EXAMPLES / example), *flags, "--discovery", "off"]
        process = subprocess.Popen(
            [*command, "--ready-file", str(ready), "--stop-on-stdin-close"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )
        with process:
            assert process.stdin is not None
            try:
                with grpc.insecure_channel(_address(ready, process)) as channel:
                    yield channel
            finally:
                process.stdin.close()
                process.wait(PATIENCE)


def _address(ready: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 2 * PATIENCE
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ShowError("The server did not start; what it said stands above.")
        time.sleep(0.02)
    return ready.read_text(encoding="utf-8").strip()
