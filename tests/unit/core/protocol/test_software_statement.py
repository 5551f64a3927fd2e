"""Software statements (RFC 7591 section 2.3), after their signature has been verified and before."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from tests.support.client_metadata import ISSUER, PLAIN, POLICY
from tests.support.protocol import refused

from grantlog.core.protocol.jwt_text import ReadJwt
from grantlog.core.protocol.jwt_time import AHEAD
from grantlog.core.protocol.software_statement import claims_of, read_statement

NOW = 1_760_000_000


def encoded(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def text(header: dict[str, Any] | None = None, **claims: Any) -> str:
    head = {"alg": "ES256"} | (header or {})
    signature = urlsafe_b64encode(b"s" * 64).rstrip(b"=").decode()
    return f"{encoded(head)}.{encoded({'iss': 'https://ci.example'} | claims)}.{signature}"


def claims(**members: Any) -> ReadJwt:
    return ReadJwt({"alg": "ES256"}, {"iss": "https://ci.example"} | members, b"", b"")


def test_a_statement_of_a_trusted_issuer_is_read() -> None:
    jwt, issuer = read_statement(text(client_name="App"), POLICY)
    assert issuer == POLICY.trusted_issuers[0]
    assert claims_of(jwt, POLICY, NOW) == {"client_name": "App"}


@pytest.mark.parametrize("issuer", ["https://other.example", None, 7, ["https://ci.example"]])
def test_a_statement_of_anybody_else_is_not_approved(issuer: object) -> None:
    with refused("unapproved_software_statement", "statement_issuer"):
        read_statement(text(iss=issuer), POLICY)
    with refused("unapproved_software_statement", "statement_issuer"):
        read_statement(text(), PLAIN)


@pytest.mark.parametrize(
    ("presented", "reason"),
    [
        (7, "statement_not_text"),
        ("", "jwt_parts"),
        ("a.b", "jwt_parts"),
        (text({"alg": "none"}), "jwt_alg"),
        (text({"alg": "HS256"}), "jwt_alg"),
        (text({"typ": "at+jwt"}), "jwt_typ"),
        (text({"typ": "dpop+jwt"}), "jwt_typ"),
        (text({"crit": ["b64"]}), "jwt_crit"),
    ],
)
def test_what_is_no_statement_is_refused(presented: object, reason: str) -> None:
    with refused("invalid_software_statement", reason):
        read_statement(presented, POLICY)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"sub": "alice"}, "statement_about_a_subject"),
        ({"nonce": "n"}, "statement_about_a_subject"),
        ({"aud": "https://other.example"}, "statement_audience"),
        ({"aud": ["https://other.example"]}, "statement_audience"),
        ({"exp": NOW}, "statement_expired"),
        ({"exp": "tomorrow"}, "statement_exp"),
        ({"nbf": NOW + AHEAD + 1}, "statement_not_yet_valid"),
        ({"iat": NOW + AHEAD + 1}, "statement_not_yet_valid"),
        ({"iat": True}, "statement_iat"),
        ({"software_statement": "x"}, "statement_member"),
        ({"resource_server_for": ["https://api.example.com/"]}, "statement_member"),
    ],
)
def test_claims_that_are_not_good_now_and_here_are_refused(members: dict[str, Any], reason: str) -> None:
    with refused("invalid_software_statement", reason):
        claims_of(claims(**members), POLICY, NOW)


def test_what_is_about_the_statement_is_not_about_the_client() -> None:
    jwt = claims(aud=[ISSUER], exp=NOW + 1, nbf=NOW + AHEAD, iat=NOW + AHEAD, jti="1", software_id="s")
    assert claims_of(jwt, POLICY, NOW) == {"software_id": "s"}
