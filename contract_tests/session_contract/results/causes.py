"""What is often behind a violation: a hint, never a part of the verdict."""

from __future__ import annotations

from collections.abc import Mapping

_TWO_STEPS = (
    "the server looks the session up and stores it in two steps, with the lock released in between"
)
_FORGETS = "Close ends the session, but does not take the resource's name out of the table"
_COUNTS = "the server counts attaches and closes, instead of closing for everybody"
_SWALLOWED = (
    "context.abort raises an exception, and an 'except Exception' around it answers another code"
)
_AFTERWARDS = "the arguments are looked at after the session has been created, not before"
_ID_IS_NAME = "the id is made of the resource's name or of a counter that starts again"
_FLAG = "the flag says what was asked for, and not whether this call created the session"
_CONFIGURES = "the arguments are applied or checked before the open session is looked up"
_NO_WITH = "the reservation is made without a with block, so that an error keeps it"

_NUMBER = "the number of the SDK's behaviour is sent: of five, only the first three are the wire's"
_FORGETS_CLOSE = "the client does not remember that it has closed"

CAUSES: Mapping[str, str] = {
    "INIT-AUTO-CREATE": (
        "proto3 does not send a value of 0: who reads the field without defaults finds no behaviour"
    ),
    "INIT-AUTO-ATTACH": "sessions are kept by id only, so that the open one is not found by name",
    "INIT-NEW-EXISTS": "INITIALIZE_NEW replaces the open session, or attaches to it",
    "INIT-NEW-UNTOUCHED": "the resource is opened again before the server sees that it is open",
    "INIT-ATTACH-MISSING": _SWALLOWED,
    "INIT-ATTACH-NOTHING": "the session is stored before the behaviour is looked at",
    "INIT-FLAG-CREATED": _FLAG,
    "INIT-FLAG-ATTACHED": _FLAG,
    "INIT-ID-PRESENT": "the answer is built without the id, or under another field's name",
    "ISO-OWN-SESSION": "one session is kept for the whole server, or names are cut or folded",
    "ISO-CLOSE-ONE": "Close clears the whole table, or closes the session opened last",
    "CLOSE-OPEN": _SWALLOWED,
    "CLOSE-UNKNOWN": f"Close of what is not open is taken for done, or {_SWALLOWED}",
    "CLOSE-RELEASES": _FORGETS,
    "CLOSE-FOR-ALL": _COUNTS,
    "RACE-ORDER": _TWO_STEPS,
    "RACE-ONE-NEW": _TWO_STEPS,
    "RACE-ONE-CREATOR": _TWO_STEPS,
    "RACE-AUTO-NEVER-EXISTS": (
        "the look-up and the creation are locked one by one: who loses the race is refused"
        " instead of attached"
    ),
    "RACE-ONE-CLOSE": "the session is looked up under the lock, and removed outside of it",
    "RACE-ID-USABLE": "the id is answered before the session is stored",
    "USE-CLOSED": _SWALLOWED,
    "USE-NO-EFFECT": "the call writes first and looks for the session afterwards",
    "USE-ORDER": "a call goes on with the session that it looked up, after Close has answered",
    "INPUT-BEHAVIOR": "proto3 keeps unknown enum values: they fall through to a default branch",
    "INPUT-RESOURCE": "a field that is not set arrives as an empty text, and is used as a name",
    "INPUT-SESSION": "a field that is not set arrives as an empty text, and is used as an id",
    "INPUT-NO-EFFECT": _AFTERWARDS,
    "INPUT-ID-REUSED": _ID_IS_NAME,
    "ATTACH-CONFIG-UNUSED": _CONFIGURES,
    "ATTACH-CONFIG-UNCHECKED": _CONFIGURES,
    "SLOW-INDEPENDENT": "one lock for all resources is held while a resource is opened",
    "LOST-INITIALIZE": "the server stores the session only if the caller still waits",
    "LOST-CLOSE": "the server forgets the session before it has released the resource",
    "LOST-UNLOCKED": "a lock is not released when the call is cancelled: use 'with' or 'finally'",
    "RESTART-OLD-IDS": _ID_IS_NAME,
    "RESTART-REOPEN": "something of the crashed server is left: a lock file, or a stored table",
    "HOST-SERVE-FIRST": "the server registers before server.start() has returned",
    "HOST-REGISTERS": "it registers another interface or class, or did not find Discovery",
    "HOST-UNREGISTERS": "the process ends by the signal, without a handler that unregisters",
    "HOST-CALLS-FINISH": "server.stop() is given no grace, or its result is not waited for",
    "SEQ-SETUP-DETACH": "Setup uses AUTO, or its client closes when the with block ends",
    "SEQ-SETUP-REGISTERS": "register_sessions() stands below the with block of the reservation",
    "SEQ-SETUP-UNRESERVES": _NO_WITH,
    "SEQ-SETUP-TWICE": "an 'except' around Initialize takes ALREADY_EXISTS for success",
    "SEQ-MAIN-UNRESERVES": _NO_WITH,
    "SEQ-ONE-CREATOR": "a step makes another name of the resource than Setup does",
    "SEQ-MAIN-LEAVES": "a step calls close() itself, or uses a behaviour that closes",
    "SEQ-CLEANUP-CLOSES": "Cleanup uses AUTO, which leaves open what was open before",
    "SEQ-CLEANUP-UNREGISTERS": "unregister_sessions() is missing, or an error comes before it",
    "SEQ-CLEANUP-ALWAYS": "the sessions are closed by a step of Main, which a failure skips",
    "SEQ-CLEANUP-EMPTY": "initialize_sessions() raises when nothing was reserved: return before it",
    "SEQ-NOTHING-LEFT": _NO_WITH,
    "WIRE-DETACH": _NUMBER,
    "WIRE-THEN-CLOSE": _NUMBER,
    "WIRE-RESOURCE": "the name is changed on the way, or kept from the client that was made first",
    "ENTER-REFUSED-NO-CLOSE": "leaving is reached by 'finally', also when there is no session",
    "EXIT-AUTO-ATTACHED": "__exit__ closes without a look at the flag of the answer",
    "EXIT-ATTACH": "__exit__ closes whatever the behaviour",
    "EXIT-DETACH": "__exit__ closes what is new, and looks at the behaviour for nothing else",
    "EXIT-THEN-CLOSE": "__exit__ closes only what is new: NI's SDK adds nothing to such sessions",
    "EXIT-BODY-ERROR": "the Close stands after the body, and not in __exit__ or 'finally'",
    "EXIT-ERROR-OUT": "__exit__ returns something that is true, or raises an exception of its own",
    "EXIT-CLOSE-ID": "the id is kept in the class, or the resource's name is sent instead",
    "ERRORS-BODY-WINS": "an error that is raised in __exit__ replaces the one of the body",
    "ERRORS-CLOSE-RAISED": "an 'except' around Close only logs",
    "TIDY-CLOSE-ONCE": _FORGETS_CLOSE,
    "TIDY-CLOSE-FIRST": _FORGETS_CLOSE,
    "TIDY-NOTHING-LEFT": "the channel is closed nowhere, or not when entering fails",
    "TIDY-DEAD-SERVER": "the calls are made without timeout=, or tried again for ever",
    "HOST-EXIT-CODE": "the signal ends the process, or KeyboardInterrupt is not caught",
}
"""By requirement."""
