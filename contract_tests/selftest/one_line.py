"""The wrong servers of class ``server`` that differ in one line from a reference server."""

from __future__ import annotations

from selftest.patched import REFUSALS, SERVER, SERVICE, TABLE, instrument, logger, patched

_CREATES = "return Opened(session.id, new=True)"
_ATTACHES = "return Opened(slot.session.id, new=False)"
_IF_ATTACH = "if behavior is Behavior.ATTACH_TO_EXISTING:"
_IF_NEW = "if behavior is Behavior.INITIALIZE_NEW:"
_MISSING = 'raise SessionNotFoundError("No session is open to attach to: initialize one.")'
_EXISTS = 'raise SessionExistsError("A session is open already: close it, or attach to it.")'
_STORES = "slot.session = self._sessions[session.id] = session"
_NEW_ID = "id: str = field(default_factory=lambda: secrets.token_hex(16))"
_LOCK = "lock: threading.Lock = field(default_factory=threading.Lock)  # held to open and to close"
_CLOSES = "self.table.close(request.session_id, context.is_active)"
_BEHAVIOR = "behavior = Behavior.of(request.initialization_behavior)"
_REGISTERED = (
    "with _ready_file(chosen.ready_file, address), _registered(info, chosen, port, requests):"
)

WRONG = [
    # What Initialize answers
    patched("INIT-AUTO-CREATE", "UNSPECIFIED never creates", "UNSPECIFIED creates",
            instrument(TABLE, _IF_ATTACH, "if behavior is not Behavior.INITIALIZE_NEW:")),
    patched("INIT-AUTO-ATTACH", "UNSPECIFIED is refused while a session is open", "UNSPECIFIED",
            logger(TABLE, _IF_NEW, "if behavior is not Behavior.ATTACH_TO_EXISTING:")),
    patched("INIT-AUTO-ATTACH", "UNSPECIFIED always creates", "UNSPECIFIED answers the session",
            instrument(TABLE, "if slot.session is None:",
                       "if slot.session is None or behavior is Behavior.UNSPECIFIED:")),
    patched("INIT-NEW-CREATE", "INITIALIZE_NEW never creates", "INITIALIZE_NEW creates",
            logger(TABLE, _IF_ATTACH, "if behavior is not Behavior.UNSPECIFIED:")),
    patched("INIT-NEW-EXISTS", "INITIALIZE_NEW attaches", "it answered OK",
            instrument(TABLE, _IF_NEW, "if False:")),
    patched("INIT-NEW-EXISTS", "INITIALIZE_NEW replaces the session", "INITIALIZE_NEW is refused",
            instrument(TABLE, "if slot.session is None:",
                       "if slot.session is None or behavior is Behavior.INITIALIZE_NEW:")),
    patched("INIT-NEW-EXISTS", "INITIALIZE_NEW is refused with another code", "FAILED_PRECONDITION",
            logger(REFUSALS, 'code = "ALREADY_EXISTS"', 'code = "FAILED_PRECONDITION"')),
    patched("INIT-NEW-UNTOUCHED", "a refused INITIALIZE_NEW closes",
            "it answered NOT_FOUND",
            instrument(TABLE, _EXISTS, f"self._end(slot, slot.session); {_EXISTS}")),
    patched("INIT-ATTACH-OPEN", "ATTACH_TO_EXISTING is refused while a session is open", "ATTACH",
            logger(TABLE, _IF_NEW, "if behavior is not Behavior.UNSPECIFIED:")),
    patched("INIT-ATTACH-MISSING", "ATTACH_TO_EXISTING creates", "ATTACH_TO_EXISTING",
            instrument(TABLE, _IF_ATTACH, "if False:")),
    patched("INIT-ATTACH-MISSING", "ATTACH_TO_EXISTING is refused with another code", "INVALID",
            instrument(TABLE, _MISSING, _MISSING.replace("SessionNotFound", "InvalidRequest"))),
    patched("INIT-ATTACH-NOTHING", "a refused ATTACH_TO_EXISTING creates",
            "it answered ALREADY_EXISTS",
            instrument(TABLE, _MISSING, "session = _Session(key, create()); "
                       f"{_STORES}; {_MISSING}")),
    patched("INIT-FLAG-CREATED", "what was created is not new", "new",
            logger(TABLE, _CREATES, _CREATES.replace("True", "False"))),
    patched("INIT-FLAG-ATTACHED", "what was open is new",
            "yet the flag says new",
            instrument(TABLE, _ATTACHES, _ATTACHES.replace("False", "True"))),
    patched("INIT-ID-PRESENT", "the id is left out when it attaches", "empty",
            logger(TABLE, _ATTACHES, _ATTACHES.replace("slot.session.id", '""'))),
    # One session is not another
    patched("ISO-OWN-SESSION", "one id for all sessions",
            "it was answered for",
            instrument(TABLE, _NEW_ID, 'id: str = "the session"')),
    patched("ISO-OWN-SESSION", "names are compared by their first letters",
            "it was answered for",
            instrument(SERVER, "request.resource_name, behavior, lambda: self._open(request), "
                       "context.is_active", "request.resource_name[:8], behavior, "
                       "lambda: self._open(request), context.is_active")),
    patched("ISO-CLOSE-ONE", "Close closes all",
            "it answered NOT_FOUND",
            instrument(SERVER, _CLOSES, f"{_CLOSES}; self.table.close_all()")),
    # Close
    patched("CLOSE-OPEN", "Close works and says NOT_FOUND",
            "is open: OK is due, not NOT_FOUND",
            logger(TABLE, "if gone:", "if not gone:")),
    patched("CLOSE-UNKNOWN", "Close is always OK",
            "is not open: NOT_FOUND is due, not OK",
            logger(SERVER, _CLOSES, "with __import__('contextlib').suppress(SessionNotFoundError): "
                   f"{_CLOSES}")),
    patched("CLOSE-UNKNOWN", "NOT_FOUND is another code", "FAILED_PRECONDITION",
            logger(REFUSALS, 'code = "NOT_FOUND"', 'code = "FAILED_PRECONDITION"')),
    patched("CLOSE-RELEASES", "Close forgets the id and keeps the resource",
            "INITIALIZE_NEW creates a session when none is open; it answered ALREADY_EXISTS",
            instrument(TABLE, "slot.session = None", "pass")),
    # Use
    patched("USE-CLOSED", "calls work after Close",
            "is not open: NOT_FOUND is due, not OK",
            instrument(TABLE, "del self._sessions[session.id]", "pass")),
    patched("USE-NO-EFFECT", "a refused use closes everything",
            "it answered NOT_FOUND",
            logger(SERVER, "with self.table.use(request.session_id) as log:",
                   "self.table._sessions.get(request.session_id) or self.table.close_all()\n"
                   "        with self.table.use(request.session_id) as log:")),
    # What callers get wrong
    patched("INPUT-BEHAVIOR", "a behaviour that nobody knows is UNSPECIFIED",
            "is none of 0, 1, 2: INVALID_ARGUMENT is due, not OK",
            logger(TABLE, "raise InvalidRequestError(text) from None", "return cls.UNSPECIFIED")),
    patched("INPUT-BEHAVIOR", "a wrong request is UNKNOWN", "UNKNOWN",
            instrument(REFUSALS, 'code = "INVALID_ARGUMENT"', 'code = "UNKNOWN"')),
    patched("INPUT-RESOURCE", "an empty name is a name",
            "the resource name is empty: INVALID_ARGUMENT is due, not OK",
            instrument(SERVER, "if not request.resource_name:", "if False:")),
    patched("INPUT-SESSION", "the empty id is a wrong argument",
            "the empty id is not open: NOT_FOUND is due, not INVALID_ARGUMENT",
            instrument(TABLE, "session = self._sessions.get(session_id)",
                       'if not session_id: raise InvalidRequestError("empty")\n'
                       "        session = self._sessions.get(session_id)")),
    patched("INPUT-NO-EFFECT", "a refused behaviour closes everything",
            "it answered NOT_FOUND",
            instrument(SERVER, _BEHAVIOR, "request.initialization_behavior in (0, 1, 2) or "
                       f"self.table.close_all()\n        {_BEHAVIOR}")),
    patched("INPUT-ID-REUSED", "the id is the name of the resource",
            "was given to an earlier session",
            instrument(TABLE, "session = _Session(key, self._create(create, waited_for))",
                       "session = _Session(key, self._create(create, waited_for), str(key))")),
    # What an attach does with the configuration
    patched("ATTACH-CONFIG-UNCHECKED", "attaching reads the register map",
            "is due the open session",
            instrument(SERVER, "opened = self.table.initialize(",
                       'read_register_map(self._root.find(request.register_map_path, "The map"))\n'
                       "        opened = self.table.initialize(")),
    patched("ATTACH-CONFIG-UNUSED", "attaching resets", "was read before",
            instrument(SERVER, "return messages.InitializeResponse(",
                       "with self.table.use(opened.session_id) as i: "
                       "i.set_up(i._registers, reset=not opened.new)\n"
                       "        return messages.InitializeResponse(")),
    # Time
    patched("SLOW-INDEPENDENT", "one resource opens after the other", "waited",
            instrument(TABLE, "resource = create()", "with self._mutex: resource = create()")),
    patched("RACE-ONE-CREATOR", "checks, then creates, the lock released in between", "no order",
            instrument(TABLE, _LOCK, "lock: threading.Semaphore = "
                       "field(default_factory=lambda: threading.Semaphore(9))")),
    patched("LOST-UNLOCKED", "who gives up keeps the lock",
            "got no answer after a lost call",
            logger(TABLE, "slot.lock.release()",
                   "slot.wanted += not waited_for() or slot.lock.release() or 0")),
    # Its life
    patched("RESTART-OLD-IDS", "ids are counted",
            "from before the restart is valid again",
            instrument(TABLE, _NEW_ID, "id: str = field(default_factory=lambda _n="
                       '__import__("itertools").count(1): f"session {next(_n)}")',
                       as_command=True)),
    patched("HOST-REGISTERS", "does not register", "it did not register",
            instrument(SERVICE, "registration.start()", "return (yield)", as_command=True)),
    patched("HOST-SERVE-FIRST", "registers before it serves", "before it answered",
            logger("hosting/listening.py", "server.start()",
                   '__import__("threading").Timer(2, server.start).start()', as_command=True)),
    patched("HOST-UNREGISTERS", "stays registered", "is still registered",
            logger("hosting/registration.py",
                   "link.client.unregister_service(link.registration)", "pass", as_command=True)),
    patched("HOST-EXIT-CODE", "ends with exit code 1", "exit code 1",
            instrument(SERVICE, "if not all_ended:", "sys.exit(1)\n    if not all_ended:",
                       as_command=True)),
    patched("HOST-CALLS-FINISH", "a signal ends it, running calls and all", "got no answer",
            logger("hosting/stopping.py", "signal.signal(getattr(signal, name), self._signalled)",
                   "signal.signal(getattr(signal, name), signal.SIG_DFL)", as_command=True)),
]  # fmt: skip
"""Each violates one requirement. Where a statement is put before another, that is one line, too."""
