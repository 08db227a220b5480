"""The exact texts and codes, which NI's own tests compare and the driver packages show."""

from __future__ import annotations

import pytest

from session_contract.checks.marking import requirement
from session_contract.driver.server import Answered, DeviceServer
from session_spec.matrix import Behavior

_STRANGE = [3, 4, 77, -1]


@requirement("DRIVER-NEW-EXISTS", 1, kind="input")
def test___a_name_that_is_taken___initialized_anew___refused_in_ni_s_words(
    server: DeviceServer,
) -> None:
    client, name = server.client(), server.fresh()
    server.given(client.initialize(name, Behavior.INITIALIZE_NEW))

    answer = server.client("another client").initialize(name, Behavior.INITIALIZE_NEW)

    text = f"Cannot initialize '{name}' when a session already exists."
    _expect(server, "DRIVER-NEW-EXISTS", answer, "ALREADY_EXISTS", text)


@pytest.mark.parametrize("is_empty", [False, True], ids=["a name", "empty"])
@requirement("DRIVER-ATTACH-MISSING", 1, kind="input")
def test___a_name_that_is_free___attached_to___refused_in_ni_s_words(
    server: DeviceServer, is_empty: bool
) -> None:
    name = "" if is_empty else server.fresh()

    answer = server.client().initialize(name, Behavior.ATTACH_TO_EXISTING)

    text = f"Cannot attach to '{name}' because a session has not been initialized."
    _expect(server, "DRIVER-ATTACH-MISSING", answer, "FAILED_PRECONDITION", text)


@pytest.mark.parametrize("how", ["closed twice", "never opened", "empty", "used after its end"])
@requirement("DRIVER-CLOSE-UNKNOWN", 1, kind="input")
def test___a_session_that_is_not_open___closed_or_used___is_a_driver_error(
    server: DeviceServer, how: str
) -> None:
    client, name = server.client(), "" if how == "empty" else server.fresh()
    if how in ("closed twice", "used after its end"):
        server.given(client.initialize(name, Behavior.INITIALIZE_NEW))
        server.given(client.close(name))

    answer = client.use(name) if how == "used after its end" else client.close(name)

    _expect(server, "DRIVER-CLOSE-UNKNOWN", answer, "UNKNOWN", "")
    due = server.target.interface.error
    if not _is_code(answer) or (due and answer.error != due):
        raise server.violated(
            "DRIVER-CLOSE-UNKNOWN",
            f"{due or 'a number'} is due as ni-error in the trailing metadata, not "
            f"{answer.error or 'nothing'}",
        )


@requirement("DRIVER-AUTO-ATTACH", 1, kind="input")
def test___a_name_that_is_taken___auto_with_another_resource___attaches(
    server: DeviceServer,
) -> None:
    name = server.fresh()
    server.given(server.client().initialize(name, Behavior.INITIALIZE_NEW))

    answer = server.client("another client").initialize(
        name, Behavior.UNSPECIFIED, resource_name="not there at all"
    )

    _expect(server, "DRIVER-AUTO-ATTACH", answer, "OK", "")


@pytest.mark.parametrize("behavior", _STRANGE)
@requirement("DRIVER-BEHAVIOR-OTHER", 1, kind="input")
def test___a_behaviour_that_nobody_knows___initialized_with_twice___creates_and_attaches(
    server: DeviceServer, behavior: int
) -> None:
    name = server.fresh()

    first = server.client().initialize(name, behavior)
    second = server.client().initialize(name, behavior)

    if [(a.code, a.new) for a in (first, second)] != [("OK", True), ("OK", False)]:
        raise server.violated("DRIVER-BEHAVIOR-OTHER", f"{behavior} does not act as AUTO")


@pytest.mark.parametrize(
    "behavior", [Behavior.UNSPECIFIED, Behavior.ATTACH_TO_EXISTING], ids=lambda b: b.name
)
@requirement("DRIVER-OTHER-KIND", 1, kind="input")
def test___a_name_that_another_kind_of_driver_has___attached_to___refused_in_ni_s_words(
    server: DeviceServer, behavior: Behavior
) -> None:
    client, name = server.client_of_another_kind(), server.fresh()
    server.given(server.client().initialize(name, Behavior.INITIALIZE_NEW))

    answer = client.initialize(name, behavior)

    text = f'The session name "{name}" is being used by a different driver.'
    _expect(server, "DRIVER-OTHER-KIND", answer, "INVALID_ARGUMENT", text)


@pytest.mark.parametrize(
    "behavior", [Behavior.UNSPECIFIED, Behavior.ATTACH_TO_EXISTING], ids=lambda b: b.name
)
@requirement("DRIVER-OTHER-ATTACH", 1, kind="input")
def test___a_name_that_another_driver_has___attached_to_with_other_arguments___is_no_new_session(
    server: DeviceServer, behavior: Behavior
) -> None:
    (one, other), name = server.clients_of_one_kind(), server.fresh()
    server.given(one.initialize(name, Behavior.INITIALIZE_NEW))

    answer = other.initialize(name, behavior, resource_name="not there at all")

    _expect(server, "DRIVER-OTHER-ATTACH", answer, "OK", "")
    if answer.new or answer.session != name:
        raise server.violated("DRIVER-OTHER-ATTACH", "that very session is due, and not as new")


@requirement("DRIVER-OTHER-USE", 1, kind="input")
def test___a_session_of_another_driver___used___is_a_driver_error(server: DeviceServer) -> None:
    (one, other), name = server.clients_of_one_kind(), server.fresh()
    server.given(one.initialize(name, Behavior.INITIALIZE_NEW))
    server.given(other.initialize(name, Behavior.ATTACH_TO_EXISTING))

    answer = other.use(name)

    _expect(server, "DRIVER-OTHER-USE", answer, "UNKNOWN", "")
    if not _is_code(answer):
        raise server.violated(
            "DRIVER-OTHER-USE",
            "a number is due as ni-error in the trailing metadata, not "
            f"{answer.error or 'nothing'}",
        )


def _is_code(answer: Answered) -> bool:
    return answer.error.lstrip("-").isdigit()


def _expect(server: DeviceServer, name: str, answer: Answered, code: str, text: str) -> None:
    if answer.code != code:
        raise server.violated(name, f"{code} is due, not {answer.code}")
    if text and answer.details != text:
        raise server.violated(name, f"the text is not {text!r}, word for word")
