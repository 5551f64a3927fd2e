"""OpenID Connect Core sections 2, 3.1.3 and 12: who logged in, for the client alone, signed as it registered."""

import base64
import hashlib
from dataclasses import replace
from typing import Any

import jwt
import pytest
from jwt import PyJWKSet
from tests.support.app import SPA, WEB, Running
from tests.support.clients import Client
from tests.support.code_flow import authorize, log_in
from tests.support.flows import Person, Tokens, given, redeemed

from grantlog.core.identifiers import ClientId
from grantlog.flows.signed_answers import algorithm_for

HASHES = {"RS256": hashlib.sha256, "ES256": hashlib.sha256, "PS256": hashlib.sha256, "EdDSA": hashlib.sha512}


def identity(app: Running, tokens: Tokens, client: str = "web", algorithm: str = "RS256") -> Any:
    """The claims of the ID token, checked as section 3.1.3.7 asks of a client."""
    text = tokens.answer.json["id_token"]
    keys = PyJWKSet.from_dict(app.browser().get("/jwks").json)
    header = jwt.get_unverified_header(text)
    assert header["alg"] == algorithm
    (key,) = [key for key in keys.keys if key.key_id == header["kid"]]
    return jwt.decode(
        text,
        key,
        algorithms=[algorithm],
        audience=app.clients[client].client_id,
        issuer=app.settings.issuer,
        options={"require": ["iss", "sub", "aud", "exp", "iat", "auth_time", "at_hash"]},
    )


def at_hash(access: str, algorithm: str) -> str:
    """Section 3.1.3.6: "the left-most half of the hash" of the access token."""
    digest = HASHES[algorithm](access.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def test_the_client_is_told_who_logged_in(app: Running, person: Person) -> None:
    tokens = person.tokens(nonce="a nonce & more")
    claims = identity(app, tokens)
    assert claims["nonce"] == "a nonce & more"
    assert claims["sub"] == app.introspect(tokens.access)["sub"]
    assert claims["at_hash"] == at_hash(tokens.access, "RS256")
    assert claims["exp"] - claims["iat"] == app.settings.id_token_lifetime
    assert claims["auth_time"] <= claims["iat"]
    # no names or addresses: who asks for them asks with the access token
    told = {"iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "at_hash", "amr", "acr", "sid"}
    assert set(claims) == told
    assert claims["azp"] == claims["aud"] == app.clients["web"].client_id


def test_without_a_nonce_none_is_made_up(app: Running, person: Person) -> None:
    assert "nonce" not in identity(app, person.tokens())


def test_without_openid_there_is_no_id_token(app: Running, person: Person, web: Client) -> None:
    tokens = person.tokens(scope="api:read", nonce="n")
    assert "id_token" not in tokens.answer.json
    assert "id_token" not in web.refresh(tokens.refresh).json


@pytest.mark.parametrize("algorithm", [*HASHES])
def test_it_is_signed_as_the_client_registered(app: Running, person: Person, algorithm: str) -> None:
    app.clients[algorithm] = app.register(replace(SPA, id_token_signed_response_alg=algorithm))
    tokens = person.tokens(algorithm, nonce="n")
    claims = identity(app, tokens, algorithm, algorithm)
    assert claims["at_hash"] == at_hash(tokens.access, algorithm)


def test_a_refreshed_one_speaks_of_the_same_login_and_has_no_nonce(app: Running, person: Person, web: Client) -> None:
    first = person.tokens(nonce="n")
    app.pass_seconds(1.1)
    second = given(web.refresh(first.refresh))
    old, new = identity(app, first), identity(app, second)
    # section 12.2: iss, sub, aud and auth_time are as they were; iat is now; "SHOULD NOT have a nonce Claim"
    assert [old[name] for name in ("iss", "sub", "aud", "auth_time")] == [
        new[name] for name in ("iss", "sub", "aud", "auth_time")
    ]
    assert new["iat"] > old["iat"]
    assert "nonce" not in new
    assert new["at_hash"] == at_hash(second.access, "RS256")


def test_two_people_are_two_subjects_and_one_is_always_the_same(app: Running, person: Person) -> None:
    app.add_user("bob-of-the-id-tokens")
    bob = app.browser()
    page = log_in(bob, bob.follow(authorize(app, bob)), "bob-of-the-id-tokens")
    code = bob.submit(page, decision="allow").query["code"]
    his = identity(app, given(redeemed(app, code)))
    hers = {identity(app, person.tokens())["sub"] for _ in range(2)}
    hers.add(identity(app, Person(app).tokens("spa"), "spa")["sub"])
    assert len(hers) == 1
    assert his["sub"] not in hers
    assert "bob" not in his["sub"]


def test_a_login_again_is_a_later_auth_time(app: Running) -> None:
    person = Person(app)
    first = identity(app, person.tokens())
    app.pass_seconds(1.1)
    still = identity(app, person.tokens())
    again = identity(app, person.tokens(prompt="login consent"))
    assert first["auth_time"] == still["auth_time"]
    assert again["auth_time"] > still["auth_time"]


def test_a_client_that_wants_no_refresh_still_gets_it(app: Running, person: Person) -> None:
    app.clients["once"] = app.register(replace(WEB, grant_types=("authorization_code",)))
    tokens = person.tokens("once", nonce="n")
    assert set(tokens.answer.json) == {"access_token", "token_type", "expires_in", "scope", "id_token"}
    assert identity(app, tokens, "once")["nonce"] == "n"


@pytest.mark.parametrize("nonce", ["x" * 500, "\u00e9\U0001f511", '"<>&\\', "{}"])
def test_a_strange_nonce_comes_back_as_it_was(app: Running, person: Person, nonce: str) -> None:
    assert identity(app, person.tokens(nonce=nonce))["nonce"] == nonce


def test_its_signature_covers_every_character(app: Running, person: Person) -> None:
    tokens = person.tokens()
    text = tokens.answer.json["id_token"]
    keys = PyJWKSet.from_dict(app.browser().get("/jwks").json)
    (key,) = [key for key in keys.keys if key.key_id == jwt.get_unverified_header(text)["kid"]]
    for place in range(text.index(".") + 1, len(text) - 4, 41):
        if text[place] == ".":
            continue
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(jwt.InvalidTokenError):
            jwt.decode(changed, key, algorithms=["RS256"], options={"verify_aud": False})


def test_its_session_is_that_of_the_browser(app: Running, person: Person) -> None:
    """OpenID Connect Back-Channel Logout section 2.1: ``sid``."""
    first, second = identity(app, person.tokens()), identity(app, person.tokens())
    elsewhere, other = identity(app, Person(app).tokens()), identity(app, person.tokens("spa"), "spa")
    assert first["sid"] == second["sid"]
    # and no two clients can tell by it that it is the same
    assert len({first["sid"], elsewhere["sid"], other["sid"]}) == 3


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_a_client_held_to_fapi2_gets_none_by_rs256(app: Running, alg: str) -> None:
    # FAPI 2.0 Security Profile 5.4.1 knows PS256, ES256 and EdDSA only
    client = app.run(app.service.clients.find(ClientId(app.clients["web"].client_id)))
    assert client is not None
    held = replace(client.state, metadata=replace(WEB, profile="fapi2"))
    assert algorithm_for(app.service, held, alg) == ("PS256" if alg == "RS256" else alg)
    assert algorithm_for(app.service, held, None) == "PS256"
    assert algorithm_for(app.service, client.state, None) == "RS256"
