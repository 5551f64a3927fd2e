"""What the operator's own application may answer to a challenge."""

import pytest

from grantlog.core.protocol.acr import MFA, PWD
from grantlog.core.protocol.delegate import Accepted, Rejected, read_answer
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.requests import Parameters

ASKED = ("openid", "api:read", "api:write")
NOW = 1_760_000_000


def answered(asked: tuple[str, ...] = ASKED, /, **parameters: str) -> Accepted | Rejected:
    return read_answer(Parameters({"decision": "accept", "username": "alice"} | parameters, {}), asked, NOW)


def test_a_bare_yes_allows_all_of_it_once() -> None:
    assert answered() == Accepted(
        subject=None,
        username="alice",
        amr=(),
        acr=PWD,
        auth_time=None,
        scope=ASKED,
        remember=False,
    )


def test_a_yes_says_how_and_when_and_how_much() -> None:
    told = read_answer(
        Parameters(
            {
                "decision": "accept",
                "subject": "id",
                "amr": "pwd otp mfa otp",
                "auth_time": str(NOW - 5),
                "scope": "api:read openid",
                "remember": "true",
            },
            {},
        ),
        ASKED,
        NOW,
    )
    assert told == Accepted(
        subject="id",
        username=None,
        amr=("pwd", "otp", "mfa"),
        acr=MFA,
        auth_time=NOW - 5,
        scope=("openid", "api:read"),
        remember=True,
    )


def test_a_class_of_its_own_is_taken_over() -> None:
    told = answered(amr="pwd", acr="urn:operator:gold", remember="false")
    assert isinstance(told, Accepted)
    assert (told.acr, told.remember) == ("urn:operator:gold", False)


def test_where_no_scope_was_asked_for_none_is_allowed() -> None:
    told = answered((), scope="api:read")
    assert isinstance(told, Accepted)
    assert told.scope == ()


def test_a_no_has_an_error_that_clients_know() -> None:
    assert answered(decision="reject") == Rejected(error="access_denied", description="the request was denied")
    told = answered(decision="reject", error="login_required", error_description="not today")
    assert told == Rejected(error="login_required", description="not today")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"decision": "maybe"}, "delegate_decision"),
        ({"subject": "id"}, "delegate_subject"),
        ({"amr": "PWD"}, "delegate_amr"),
        ({"amr": "a" * 33}, "delegate_amr"),
        ({"amr": " ".join("abcdefghijklmnopq")}, "delegate_amr"),
        ({"acr": "a b"}, "delegate_acr"),
        ({"acr": "a" * 129}, "delegate_acr"),
        ({"auth_time": "-1"}, "delegate_auth_time"),
        ({"auth_time": str(NOW + 11)}, "delegate_auth_time"),
        ({"scope": "admin"}, "scope_exceeded"),
        ({"remember": "1"}, "delegate_remember"),
        ({"decision": "reject", "error": "server_error"}, "delegate_error"),
        ({"decision": "reject", "error_description": "\n"}, "delegate_description"),
        ({"decision": "reject", "error_description": "x" * 201}, "delegate_description"),
    ],
)
def test_what_cannot_be_meant_is_refused(parameters: dict[str, str], reason: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        answered(**parameters)
    assert refused.value.reason == reason


def test_a_clock_may_be_a_little_ahead() -> None:
    told = answered(auth_time=str(NOW + 10))
    assert isinstance(told, Accepted)
    assert told.auth_time == NOW + 10


def test_somebody_has_to_be_named_and_something_decided() -> None:
    for parameters in ({"decision": "accept"}, {"username": "alice"}):
        with pytest.raises(ProtocolError):
            read_answer(Parameters(parameters, {}), ASKED, NOW)
