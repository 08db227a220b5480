"""The work of the file logger itself: its servicer is called as gRPC would call it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Call, Figure, Findings, Rounds, Spread, alone
from benchmarks.servers import NO_CONTEXT, make_folders, open_log, record, servicers
from session_reference.file_logger.stubs import json_logger_pb2 as logger

PART = "File logger, without gRPC"
AIMS = {"a Log": 40.0, "an open and close": 90.0}
MOST = 1.25
"""With many sessions a call may take a quarter longer than with one."""


def measure(findings: Findings, folder: Path, rounds: int, many: int) -> None:
    """How long a record takes, and an open and close, with one session and with many."""
    sides = {f"{count}": _calls(folder / f"direct-{count}", count) for count in (0, many)}
    for what, aim in AIMS.items():
        seen = Rounds.of({name: alone(calls[what]) for name, calls in sides.items()}, rounds)
        microseconds = Spread(*(1e6 * value for value in seen.seconds("0")))
        findings.add(Figure(PART, what, microseconds, "µs", most=aim))
        label = f"{what}, {many:,} open sessions, of the time with one"
        findings.add(Figure(PART, label, seen.ratio("0", f"{many}"), most=MOST))


def _calls(folder: Path, sessions: int) -> dict[str, Call]:
    make_folders(folder)
    files, _ = servicers(sessions, folder)
    request = record(files.InitializeFile(open_log(folder / "log.log"), NO_CONTEXT).session_id)
    pair = open_log(folder / "pair.log")

    def open_and_close() -> None:
        opened = files.InitializeFile(pair, NO_CONTEXT)
        files.CloseFile(logger.CloseFileRequest(session_id=opened.session_id), NO_CONTEXT)

    return {
        "a Log": lambda: files.LogMeasurementData(request, NO_CONTEXT),
        "an open and close": open_and_close,
    }
