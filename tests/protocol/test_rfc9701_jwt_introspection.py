"""RFC 9701: introspection as a signed JWT, for a resource server that keeps the answer as evidence."""

from dataclasses import replace
from typing import Any

import jwt
import pytest
from jwt import PyJWKSet
from tests.support.app import API, JWT_API, Running
from tests.support.browser import Answer
from tests.support.clients import Client, client_of, is_not_stored, is_refused
from tests.support.flows import Person, own_token

from grantlog.core.client.events import ClientMetadata

MEDIA_TYPE = "application/token-introspection+jwt"
WANTED = {"Accept": MEDIA_TYPE}
GUARD = ClientMetadata(name="RS", grant_types=(), response_types=(), introspects=(API, JWT_API))


def signed(guard: Client, token: str, accept: str = MEDIA_TYPE) -> Answer:
    return guard.post("/introspect", {"token": token}, {"Accept": accept})


def verified(app: Running, guard: Client, answer: Answer, algorithm: str = "RS256") -> Any:
    """The claims, checked as section 5 asks of a resource server."""
    assert (answer.status, answer.header("Content-Type")) == (200, MEDIA_TYPE), answer.text
    is_not_stored(answer)
    header = jwt.get_unverified_header(answer.text)
    assert (header["typ"], header["alg"]) == ("token-introspection+jwt", algorithm)
    (key,) = [key for key in PyJWKSet.from_dict(app.browser().get("/jwks").json).keys if key.key_id == header["kid"]]
    return jwt.decode(
        answer.text,
        key,
        algorithms=[algorithm],
        audience=guard.client_id,
        issuer=app.settings.issuer,
        options={"require": ["iss", "aud", "iat", "token_introspection"]},
    )


@pytest.fixture(scope="module")
def guard(app: Running) -> Client:
    return Client(app.url, app.register(GUARD))


def test_the_answer_is_the_usual_one_inside_a_jwt_for_this_resource_server(
    app: Running, guard: Client, person: Person
) -> None:
    token = person.tokens(scope="api:read").access
    claims = verified(app, guard, signed(guard, token))
    assert set(claims) == {"iss", "aud", "iat", "token_introspection"}
    assert claims["token_introspection"] == guard.introspect(token)
    # RFC 9701 5: iat is when this answer was made
    assert claims["iat"] >= claims["token_introspection"]["iat"]


def test_an_inactive_token_is_told_of_in_the_same_way(app: Running, guard: Client, web: Client) -> None:
    revoked = own_token(app).access
    assert web.revoke(revoked).status == 200
    for text in ("x", revoked, own_token(app, resource="https://billing.example.com/").access):
        claims = verified(app, guard, signed(guard, text))
        assert claims["token_introspection"] == {"active": False}


@pytest.mark.parametrize("alg", ["RS256", "ES256", "PS256", "EdDSA"])
def test_it_is_signed_as_the_resource_server_registered(app: Running, alg: str) -> None:
    guard = Client(app.url, app.register(replace(GUARD, introspection_signed_response_alg=alg)))
    token = own_token(app).access
    assert verified(app, guard, signed(guard, token), alg)["token_introspection"]["active"] is True


def test_a_resource_server_held_to_fapi2_gets_ps256(app: Running) -> None:
    guard = Client(app.url, app.register(replace(GUARD, profile="fapi2")))
    assert jwt.get_unverified_header(signed(guard, own_token(app).access).text)["alg"] == "PS256"


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/jwt", f"{MEDIA_TYPE};q=0", "text/html"])
def test_who_does_not_ask_for_it_gets_json(app: Running, guard: Client, accept: str) -> None:
    assert signed(guard, own_token(app).access, accept).json["active"] is True


@pytest.mark.parametrize("accept", [f"application/json;q=0.1, {MEDIA_TYPE}", f"{MEDIA_TYPE.upper()};q=0.5"])
def test_it_may_be_asked_for_beside_others(app: Running, guard: Client, accept: str) -> None:
    assert signed(guard, own_token(app).access, accept).header("Content-Type") == MEDIA_TYPE


def test_it_is_no_token_anywhere(app: Running, guard: Client, person: Person) -> None:
    # RFC 9701 8.1: "cross-JWT confusion"
    tokens = person.tokens(scope="openid api:read", resource=[JWT_API])
    text = signed(guard, tokens.access).text
    claims = jwt.decode(text, options={"verify_signature": False})
    assert {"sub", "exp", "jti", "scope"}.isdisjoint(claims)
    assert guard.introspect(text) == {"active": False}
    assert app.browser().get("/userinfo", {"Authorization": f"Bearer {text}"}).status == 401
    is_refused(client_of(app).refresh(text), "invalid_grant")


def test_nobody_else_is_told_anything(app: Running, web: Client) -> None:
    token = own_token(app).access
    is_refused(web.post("/introspect", {"token": token}, WANTED), "unauthorized_client")
    is_refused(app.browser().post("/introspect", {"token": token}, WANTED), "invalid_client", 401)


def test_a_batch_is_json(app: Running, guard: Client) -> None:
    answer = guard.post("/introspect/batch", {"token": [own_token(app).access, "x"]}, WANTED)
    assert [each["active"] for each in answer.json] == [True, False]
