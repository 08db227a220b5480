"""Makes the stubs of reference servers and examples, and compares them with those committed.

``nox -s protos`` runs this with the versions that made them; ``nox -s protos -- --write`` takes
what came out. Code of an old generator runs with every newer gRPC and protobuf, not the reverse.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]
REFERENCE = HOUSE / "reference_impl" / "session_reference"
PROTOS = sorted(
    proto
    for room in (REFERENCE, HOUSE / "examples")
    for proto in room.glob("*/*.proto")
    if (proto.parent / "server.py").exists()
)
_OUTPUTS = ("python_out", "grpc_python_out", "mypy_out", "mypy_grpc_out")
_IMPORT = re.compile(rb"^import (\w+_pb2)", re.MULTILINE)


def main() -> int:
    """Compare the stubs, or write them; return the exit code."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--write", action="store_true", help="write what differs")
    write = parser.parse_args().write
    differing = [path for proto in PROTOS for path in _differing(proto, write=write)]
    for path in differing:
        print(f"{path.relative_to(HOUSE)} {'is new' if write else 'is not what its .proto says'}")
    if differing and not write:
        print("To write them: nox -s protos -- --write")
        return 1
    return 0


def _differing(proto: Path, *, write: bool) -> list[Path]:
    """The stubs of a file that are not what the generator makes of it."""
    found: list[Path] = []
    for name, content in _generated(proto).items():
        path = proto.parent / "stubs" / name
        if not path.exists() or path.read_bytes() != content:
            found.append(path)
            if write:
                path.write_bytes(content)
    return found


def _generated(proto: Path) -> dict[str, bytes]:
    """What the generator makes of a file, by name."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = [f"--{output}={folder}" for output in _OUTPUTS]
        command = [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            "--proto_path=.",
            *outputs,
            proto.name,
        ]
        subprocess.run(command, cwd=proto.parent, check=True)
        return {path.name: _made_relative(path) for path in sorted(Path(folder).iterdir())}


def _made_relative(path: Path) -> bytes:
    """The stubs find each other in whatever package they lie."""
    content = path.read_bytes()
    if path.stem.endswith("_pb2_grpc"):
        content = _IMPORT.sub(rb"from . import \1", content)
    return content


if __name__ == "__main__":
    sys.exit(main())
