"""The behaviour matrices as data: what each behaviour asks for, and who closes when.

The tables in the documents are printed from here, the models look their rules up here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum


class Behavior(IntEnum):
    """The three initialization behaviours that a server knows, with their numbers on the wire."""

    UNSPECIFIED = 0
    INITIALIZE_NEW = 1
    ATTACH_TO_EXISTING = 2


class Effect(Enum):
    """What a rightly answered Initialize does."""

    CREATE = "create a session"
    ATTACH = "answer the open session"
    REFUSE = "refuse, and change nothing"


@dataclass(frozen=True)
class Cell:
    """One cell of a server's matrix: the effect, the status code, and whose requirement it is."""

    effect: Effect
    code: str
    requirement: str
    rule: str
    flag_requirement: str = ""
    """Of a cell that answers OK: the requirement that its new-session flag belongs to."""


Matrix = Mapping[tuple[Behavior, bool], Cell]

SERVER_MATRIX: Matrix = {
    (Behavior.UNSPECIFIED, False): Cell(
        Effect.CREATE,
        "OK",
        "INIT-AUTO-CREATE",
        "UNSPECIFIED creates a session when none is open",
        "INIT-FLAG-CREATED",
    ),
    (Behavior.UNSPECIFIED, True): Cell(
        Effect.ATTACH,
        "OK",
        "INIT-AUTO-ATTACH",
        "UNSPECIFIED answers the session that is open",
        "INIT-FLAG-ATTACHED",
    ),
    (Behavior.INITIALIZE_NEW, False): Cell(
        Effect.CREATE,
        "OK",
        "INIT-NEW-CREATE",
        "INITIALIZE_NEW creates a session when none is open",
        "INIT-FLAG-CREATED",
    ),
    (Behavior.INITIALIZE_NEW, True): Cell(
        Effect.REFUSE,
        "ALREADY_EXISTS",
        "INIT-NEW-EXISTS",
        "INITIALIZE_NEW is refused with ALREADY_EXISTS while a session is open",
    ),
    (Behavior.ATTACH_TO_EXISTING, False): Cell(
        Effect.REFUSE,
        "NOT_FOUND",
        "INIT-ATTACH-MISSING",
        "ATTACH_TO_EXISTING is refused with NOT_FOUND when no session is open",
    ),
    (Behavior.ATTACH_TO_EXISTING, True): Cell(
        Effect.ATTACH,
        "OK",
        "INIT-ATTACH-OPEN",
        "ATTACH_TO_EXISTING answers the session that is open",
        "INIT-FLAG-ATTACHED",
    ),
}
"""What Initialize does, by behaviour and whether the resource has an open session."""

DRIVER_MATRIX: Matrix = {
    (Behavior.UNSPECIFIED, False): Cell(
        Effect.CREATE,
        "OK",
        "DRIVER-AUTO-CREATE",
        "AUTO initializes a session when the name is free",
        "DRIVER-FLAG",
    ),
    (Behavior.UNSPECIFIED, True): Cell(
        Effect.ATTACH,
        "OK",
        "DRIVER-AUTO-ATTACH",
        "AUTO attaches when the name is taken",
        "DRIVER-FLAG",
    ),
    (Behavior.INITIALIZE_NEW, False): Cell(
        Effect.CREATE,
        "OK",
        "DRIVER-NEW-CREATE",
        "INITIALIZE_SERVER_SESSION initializes a session when the name is free",
        "DRIVER-FLAG",
    ),
    (Behavior.INITIALIZE_NEW, True): Cell(
        Effect.REFUSE,
        "ALREADY_EXISTS",
        "DRIVER-NEW-EXISTS",
        "INITIALIZE_SERVER_SESSION is refused with ALREADY_EXISTS when the name is taken",
    ),
    (Behavior.ATTACH_TO_EXISTING, False): Cell(
        Effect.REFUSE,
        "FAILED_PRECONDITION",
        "DRIVER-ATTACH-MISSING",
        "ATTACH_TO_SERVER_SESSION is refused with FAILED_PRECONDITION when the name is free",
    ),
    (Behavior.ATTACH_TO_EXISTING, True): Cell(
        Effect.ATTACH,
        "OK",
        "DRIVER-ATTACH-OPEN",
        "ATTACH_TO_SERVER_SESSION attaches when the name is taken",
        "DRIVER-FLAG",
    ),
}
"""The same in the dialect of the NI gRPC Device Server, whose sessions their clients name."""


@dataclass(frozen=True)
class Trouble:
    """What a reference server answers when something stands in the way, and the requirement."""

    code: str
    requirement: str
    always: bool = False
    """Whether it stands in the way of attaching, too, and not only of creating."""


TROUBLES: dict[str, Trouble] = {
    "folder missing": Trouble("INVALID_ARGUMENT", "CODE-REQUEST"),
    "register map bad": Trouble("INVALID_ARGUMENT", "CODE-REQUEST"),
    "register unknown": Trouble("INVALID_ARGUMENT", "CODE-REQUEST"),
    "outside the root": Trouble("PERMISSION_DENIED", "PATH-CONFINED", always=True),
    "access denied": Trouble("PERMISSION_DENIED", "CODE-PERMISSION"),
    "disk full": Trouble("RESOURCE_EXHAUSTED", "CODE-FULL"),
    "unforeseen": Trouble("INTERNAL", "CODE-INTERNAL"),
}
"""The codes of the reference servers, by the trouble as the examples name it."""


class SdkBehavior(IntEnum):
    """The five initialization behaviours of NI's SDK, with their numbers there."""

    AUTO = 0
    INITIALIZE_SERVER_SESSION = 1
    ATTACH_TO_SERVER_SESSION = 2
    INITIALIZE_SESSION_THEN_DETACH = 3
    ATTACH_TO_SESSION_THEN_CLOSE = 4


class Leaving(Enum):
    """What a client does with the session when its ``with`` block ends."""

    CLOSE = "Close"
    CLOSE_IF_NEW = "Close if new, else leave open"
    LEAVE_OPEN = "leave open"


@dataclass(frozen=True)
class ClientRule:
    """One row of the client's matrix, with the requirements that its parts belong to."""

    wire: Behavior
    leaving: Leaving
    wire_requirement: str
    exit_requirement: str


CLIENT_MATRIX: dict[SdkBehavior, ClientRule] = {
    SdkBehavior.AUTO: ClientRule(
        Behavior.UNSPECIFIED, Leaving.CLOSE_IF_NEW, "WIRE-AUTO", "EXIT-AUTO-NEW"
    ),
    SdkBehavior.INITIALIZE_SERVER_SESSION: ClientRule(
        Behavior.INITIALIZE_NEW, Leaving.CLOSE, "WIRE-INITIALIZE", "EXIT-INITIALIZE"
    ),
    SdkBehavior.ATTACH_TO_SERVER_SESSION: ClientRule(
        Behavior.ATTACH_TO_EXISTING, Leaving.LEAVE_OPEN, "WIRE-ATTACH", "EXIT-ATTACH"
    ),
    SdkBehavior.INITIALIZE_SESSION_THEN_DETACH: ClientRule(
        Behavior.INITIALIZE_NEW, Leaving.LEAVE_OPEN, "WIRE-DETACH", "EXIT-DETACH"
    ),
    SdkBehavior.ATTACH_TO_SESSION_THEN_CLOSE: ClientRule(
        Behavior.ATTACH_TO_EXISTING, Leaving.CLOSE, "WIRE-THEN-CLOSE", "EXIT-THEN-CLOSE"
    ),
}
"""What each SDK behaviour sends, and what it does on leaving.

Of AUTO the row names the requirement for a new session; an attached one is EXIT-AUTO-ATTACHED.
"""
