"""RFC 9068: access tokens that a resource server can check by itself, with a library that is not ours."""

from dataclasses import replace
from typing import Any

import jwt
import pytest
from jwt import PyJWK, PyJWKSet
from tests.support.app import API, JWT_API, RESOURCES, WEB, Running, StartApp
from tests.support.clients import Client
from tests.support.flows import Person, given, own_token

from grantlog.core.client.events import ClientMetadata
from grantlog.core.protocol.resource import SigningAlg
from grantlog.settings import Resource


def key_for(app: Running, token: str) -> PyJWK:
    """The published key that the token's header names."""
    keys = PyJWKSet.from_dict(app.browser().get("/jwks").json)
    kid = jwt.get_unverified_header(token)["kid"]
    (key,) = [key for key in keys.keys if key.key_id == kid]
    return key


def verified(app: Running, token: str, audience: str = JWT_API, algorithm: str = "ES256") -> Any:
    """The claims, checked as a resource server would."""
    return jwt.decode(
        token,
        key_for(app, token),
        algorithms=[algorithm],
        audience=audience,
        issuer=app.settings.issuer,
        options={"require": ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]},
    )


def test_a_client_gets_a_jwt_where_the_resource_asks_for_it(app: Running, web: Client) -> None:
    answer = own_token(app, resource=JWT_API, scope="api:read")
    # RFC 9068 2.1: "MUST include this media type in the 'typ' header parameter"
    header = jwt.get_unverified_header(answer.access)
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    claims = verified(app, answer.access)
    # RFC 9068 2.2: "in the case of access tokens obtained through grants where no resource owner is involved [...] the
    # value of 'sub' SHOULD correspond to an identifier the authorization server uses to indicate the client"
    assert (claims["sub"], claims["client_id"], claims["scope"]) == (web.client_id, web.client_id, "api:read")
    assert claims["exp"] - claims["iat"] == answer.answer.json["expires_in"]
    assert "auth_time" not in claims


def test_a_persons_jwt_says_when_the_person_logged_in_and_what_introspection_says(app: Running, person: Person) -> None:
    tokens = person.tokens(scope="openid api:read", resource=[JWT_API])
    claims, told = verified(app, tokens.access), app.introspect(tokens.access)
    for name in ("iss", "sub", "aud", "exp", "iat", "client_id", "scope"):
        assert claims[name] == told[name], name
    identity = jwt.decode(tokens.answer.json["id_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["auth_time"]) == (identity["sub"], identity["auth_time"])
    # RFC 9068 2.2.2: nothing here that makes it an ID token
    assert "nonce" not in claims
    assert "at_hash" not in claims


def test_no_two_tokens_have_one_id(app: Running) -> None:
    ids = {verified(app, own_token(app, resource=JWT_API).access)["jti"] for _ in range(10)}
    assert len(ids) == 10


def test_every_algorithm_that_a_resource_may_ask_for_verifies(start_app: StartApp) -> None:
    algorithms: tuple[SigningAlg, ...] = ("ES256", "EdDSA", "PS256", "RS256")
    uris = {algorithm: f"https://{algorithm.lower()}.example.com/" for algorithm in algorithms}
    resources = tuple(
        Resource(uri=uri, scopes=("api:read",), token_format="jwt", signing_alg=algorithm)
        for algorithm, uri in uris.items()
    )
    app = start_app(resources=(*RESOURCES, *resources))
    guard = ClientMetadata(name="RS", grant_types=(), response_types=(), introspects=tuple(uris.values()))
    server = Client(app.url, app.register(guard))
    for algorithm, uri in uris.items():
        token = own_token(app, resource=uri, scope="api:read").access
        assert jwt.get_unverified_header(token)["alg"] == algorithm
        assert verified(app, token, uri, algorithm)["aud"] == uri
        assert server.introspect(token)["active"] is True


def test_a_token_for_an_opaque_and_a_jwt_resource_is_opaque(app: Running) -> None:
    token = own_token(app, resource=[API, JWT_API], scope="api:read").access
    assert token.startswith("gl_at_")


def test_a_client_may_say_which_kind_it_wants(app: Running) -> None:

    jwts = Client(app.url, app.register(replace(WEB, access_token_format="jwt")))
    opaque = Client(app.url, app.register(replace(WEB, access_token_format="opaque")))
    token = given(jwts.token("client_credentials", resource=API)).access
    assert verified(app, token, API)["aud"] == API
    assert given(opaque.token("client_credentials", resource=JWT_API)).access.startswith("gl_at_")


def test_a_token_for_another_audience_does_not_verify(app: Running) -> None:
    token = own_token(app, resource=JWT_API).access
    with pytest.raises(jwt.InvalidAudienceError):
        verified(app, token, API)


def test_an_id_token_is_no_access_token(app: Running, person: Person) -> None:
    tokens = person.tokens()
    header = jwt.get_unverified_header(tokens.answer.json["id_token"])
    assert header["typ"] != "at+jwt"
    assert app.introspect(tokens.answer.json["id_token"]) == {"active": False}


def test_the_ids_of_keys_are_no_names_of_files_or_people(app: Running) -> None:
    kids = [key["kid"] for key in app.browser().get("/jwks").json["keys"]]
    assert len(set(kids)) == len(kids)
    assert all(kid.replace("-", "").replace("_", "").isalnum() for kid in kids)
