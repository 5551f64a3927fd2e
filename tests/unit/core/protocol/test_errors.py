import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import grantlog
from grantlog.core.decision import Refused
from grantlog.core.protocol.errors import (
    STATUS,
    InvalidClientError,
    InvalidTokenError,
    ProtocolError,
    TooManyRequestsError,
    from_refused,
    invalid_request,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("invalid_request", 400),
        ("invalid_client", 401),
        ("invalid_grant", 400),
        ("unauthorized_client", 400),
        ("unsupported_grant_type", 400),
        ("invalid_scope", 400),
        ("invalid_target", 400),
        ("insufficient_scope", 403),
        ("invalid_token", 401),
        ("invalid_redirect_uri", 400),
        ("invalid_client_metadata", 400),
        ("temporarily_unavailable", 503),
    ],
)
def test_every_error_has_the_status_of_its_specification(error: str, status: int) -> None:
    assert ProtocolError(error, "what is wrong", "some_reason").status == status


def test_an_error_that_no_specification_knows_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        ProtocolError("invalid_everything", "what is wrong", "some_reason")


@given(st.characters())
def test_a_description_keeps_to_the_character_set_of_rfc6749_5_2(character: str) -> None:
    allowed = ord(character) in {0x20, 0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F)}
    if allowed:
        assert ProtocolError("invalid_request", character, "x").description == character
    else:
        with pytest.raises(ValueError, match="character set"):
            ProtocolError("invalid_request", character, "x")


def test_an_empty_description_is_refused() -> None:
    with pytest.raises(ValueError, match="character set"):
        ProtocolError("invalid_request", "", "x")


def test_the_text_of_an_error_names_its_code_and_private_reason_only() -> None:
    assert str(invalid_request("code is missing", "code_missing")) == "invalid_request: code_missing"


def test_a_plain_error_has_no_headers() -> None:
    assert dict(invalid_request("code is missing", "code_missing").headers) == {}


@pytest.mark.parametrize("basic", [True, False])
def test_a_failed_client_authentication_is_challenged(basic: bool) -> None:
    error = InvalidClientError("client_unknown", basic=basic)
    assert (error.error, error.status, error.reason) == ("invalid_client", 401, "client_unknown")
    assert error.headers["WWW-Authenticate"] == 'Basic realm="grantlog"'
    assert ("Authorization" in error.description) is basic


def test_every_cause_of_a_failed_client_authentication_reads_alike_to_the_client() -> None:
    assert InvalidClientError("client_unknown").description == InvalidClientError("client_secret_wrong").description


def test_a_missing_bearer_token_is_challenged_without_an_error_code() -> None:
    assert InvalidTokenError("token_missing", presented=False).headers["WWW-Authenticate"] == 'Bearer realm="grantlog"'


def test_a_wrong_bearer_token_is_challenged_with_its_error_code() -> None:
    error = InvalidTokenError("token_unknown")
    assert error.headers["WWW-Authenticate"] == 'Bearer realm="grantlog", error="invalid_token"'
    assert error.status == 401


@pytest.mark.parametrize(("wait", "header"), [(7, "7"), (0, "1")])
def test_too_many_requests_say_when_to_come_back(wait: int, header: str) -> None:
    error = TooManyRequestsError(wait)
    assert (error.status, error.error, error.retry_after) == (429, "temporarily_unavailable", wait)
    assert error.headers["Retry-After"] == header


def test_a_refusal_of_the_core_becomes_its_error() -> None:
    error = from_refused(Refused("invalid_grant", "the code has expired", "code_expired"))
    assert (error.error, error.description, error.reason, error.status) == (
        "invalid_grant",
        "the code has expired",
        "code_expired",
        400,
    )


def test_a_refused_client_is_challenged_also_when_the_core_refuses_it() -> None:
    assert "WWW-Authenticate" in from_refused(Refused("invalid_client", "not this one", "client_gone")).headers


def test_every_status_is_one_of_an_error() -> None:
    assert all(400 <= status < 600 for status in STATUS.values())


PLACES = {
    "Refused": 1,
    "ProtocolError": 1,
    "invalid_request": 0,
    "invalid_scope": 0,
    "invalid_target": 0,
    "_refused": 0,
}
"""Where the description stands among the arguments. (``_refused`` is what modules call their own shorthand.)"""


def descriptions() -> Iterator[tuple[str, str]]:
    """Every description that is written down anywhere, as far as it is literal, and where."""
    for path in Path(grantlog.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in PLACES:
                continue
            place = PLACES[node.func.id]
            if len(node.args) <= place:
                continue
            for part in ast.walk(node.args[place]):
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value:
                    yield f"{path.name}:{node.lineno}", part.value


def test_every_description_in_the_program_can_be_said() -> None:
    found = list(descriptions())
    assert len(found) > 50
    for where, text in found:
        assert ProtocolError("invalid_request", text, "x").description == text, where
