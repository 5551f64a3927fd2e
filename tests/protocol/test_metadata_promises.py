"""Every value that the metadata advertises is registered for and used, and what it does not advertise does not work."""

import json
from base64 import urlsafe_b64decode
from secrets import token_urlsafe
from time import time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, OKPKey, RSAKey
from tests.support.app import REDIRECT, Running
from tests.support.browser import Answer
from tests.support.clients import Client, is_refused
from tests.support.code_flow import authorize, consent_page
from tests.support.flows import Person, given, redeemed
from tests.support.proof_keys import ProofKey
from tests.support.registrations import credentials_of, register, registered

RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
OKP = OKPKey.generate_key("Ed25519", {"kid": "okp"})
KEYS: dict[str, Any] = {"RS256": RSA, "PS256": RSA, "ES256": EC, "EdDSA": OKP}
JWKS = {"keys": [key.as_dict(private=False) for key in (RSA, EC, OKP)]}
ALGS = ("RS256", "ES256", "PS256", "EdDSA")
ENCRYPTION = ("RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW")
ENCS = ("A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM")
MODES = ("query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt")
METHODS = ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none")
GRANTS = ["authorization_code", "refresh_token", "client_credentials"]


@pytest.fixture(scope="module")
def document(app: Running) -> dict[str, Any]:
    found: dict[str, Any] = app.browser().get("/.well-known/openid-configuration").json
    return found


def join(app: Running, **members: object) -> dict[str, Any]:
    """Registers a client that the tests then know as ``new``."""
    told = registered(app, **({"grant_types": GRANTS, "scope": "openid profile api:read"} | members))
    app.clients["new"] = credentials_of(told)
    return told


def header_of(text: str) -> dict[str, Any]:
    encoded = text.partition(".")[0]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return found


def assertion(told: dict[str, Any], audience: str, alg: str) -> dict[str, str]:
    """A client's assertion by its secret or by one of its keys (RFC 7523 section 2.2)."""
    now = int(time())
    claims = {
        "iss": told["client_id"],
        "sub": told["client_id"],
        "aud": audience,
        "jti": token_urlsafe(9),
        "iat": now,
        "exp": now + 60,
    }
    key = told["client_secret"] if alg == "HS256" else KEYS[alg].private_key
    return {
        "client_id": told["client_id"],
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(claims, key, algorithm=alg),
    }


def test_these_are_the_values_that_are_tested_here(document: dict[str, Any]) -> None:
    assert document["response_modes_supported"] == list(MODES)
    assert document["token_endpoint_auth_methods_supported"] == list(METHODS)
    assert document["token_endpoint_auth_signing_alg_values_supported"] == [*ALGS, "HS256"]
    for name in ("id_token", "userinfo", "introspection", "authorization"):
        assert document[f"{name}_signing_alg_values_supported"] == list(ALGS)
        assert document[f"{name}_encryption_alg_values_supported"] == list(ENCRYPTION)
        assert document[f"{name}_encryption_enc_values_supported"] == list(ENCS)
    assert document["request_object_signing_alg_values_supported"] == list(ALGS)
    assert document["request_object_encryption_alg_values_supported"] == list(ENCRYPTION)
    assert document["request_object_encryption_enc_values_supported"] == list(ENCS)
    assert document["dpop_signing_alg_values_supported"] == list(ALGS)


# clients


@pytest.mark.parametrize("method", [method for method in METHODS if method != "none"])
def test_a_client_proves_itself_by_every_method(app: Running, method: str) -> None:
    told = join(app, token_endpoint_auth_method=method, jwks=JWKS)
    form = {"grant_type": "client_credentials", "scope": "api:read"}
    headers = {}
    if method == "client_secret_basic":
        headers = {"Authorization": app.clients["new"].basic}
    elif method == "client_secret_post":
        form |= {"client_id": told["client_id"], "client_secret": told["client_secret"]}
    else:
        alg = "HS256" if method == "client_secret_jwt" else "ES256"
        form |= assertion(told, app.settings.issuer, alg)
    assert app.browser().post("/token", form, headers).status == 200


@pytest.mark.parametrize("alg", ALGS)
def test_a_client_signs_its_assertions_by_every_algorithm(app: Running, alg: str) -> None:
    told = join(app, token_endpoint_auth_method="private_key_jwt", token_endpoint_auth_signing_alg=alg, jwks=JWKS)
    form = {"grant_type": "client_credentials", "scope": "api:read"}
    assert app.browser().post("/token", form | assertion(told, app.settings.issuer, alg)).status == 200
    other = "ES256" if alg != "ES256" else "PS256"
    is_refused(app.browser().post("/token", form | assertion(told, app.settings.issuer, other)), "invalid_client", 401)


def test_every_grant_is_registered_for_and_answers(app: Running, document: dict[str, Any]) -> None:
    for grant in document["grant_types_supported"]:
        grants = sorted({grant, "authorization_code"})
        assert register(app, {"redirect_uris": [REDIRECT], "grant_types": grants}).status == 201, grant
        answer = Client(app.url, app.clients["web"]).token(grant)
        assert answer.json.get("error") != "unsupported_grant_type", grant
    bearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    for grant in ("password", "implicit", bearer, "urn:openid:params:grant-type:ciba"):
        assert grant not in document["grant_types_supported"]
        answer = Client(app.url, app.clients["web"]).token(grant, assertion="x")
        assert answer.json["error"] in {"unsupported_grant_type", "unauthorized_client"}
        is_refused(register(app, {"redirect_uris": [REDIRECT], "grant_types": [grant]}), "invalid_client_metadata")


# requests


@pytest.mark.parametrize("mode", MODES)
def test_a_request_is_answered_in_every_response_mode(app: Running, mode: str) -> None:
    join(app)
    browser = app.browser()
    answer = browser.submit(consent_page(app, browser, "new", response_mode=mode), decision="allow")
    members = _members(answer, mode)
    if mode.endswith("jwt"):
        assert set(members) == {"response"}
        assert header_of(members["response"])["alg"] == "RS256"
    else:
        assert members["code"]
        assert members["iss"] == app.settings.issuer


def _members(answer: Answer, mode: str) -> dict[str, str]:
    if mode.startswith("form_post"):
        assert answer.status == 200
        return answer.forms[0].values
    parts = urlsplit(answer.header("Location") or "")
    return dict(parse_qsl(parts.fragment if mode.startswith("fragment") else parts.query))


@pytest.mark.parametrize("mode", ["web_message", "none", "query.jwe", "form_post.jwt.jwt"])
def test_no_other_response_mode_works(app: Running, mode: str) -> None:
    browser = app.browser()
    consent_page(app, browser, "web")
    answer = authorize(app, browser, "web", response_mode=mode)
    assert "code" not in answer.query
    assert answer.status == 400 or answer.query["error"] == "invalid_request"


@pytest.mark.parametrize("alg", ALGS)
def test_a_request_object_is_signed_by_every_algorithm_and_encrypted(app: Running, alg: str) -> None:
    told = join(app, jwks=JWKS, request_object_signing_alg=alg)
    text = _request_object(app, told, alg)
    assert _asked(app, told, text).status == 303
    ours = [key for key in app.browser().get("/jwks").json["keys"] if key["use"] == "enc"]
    for name in ENCRYPTION:
        jwk = next(key for key in ours if (key["kty"] == "RSA") == (name == "RSA-OAEP-256"))
        key = RSAKey.import_key(jwk) if jwk["kty"] == "RSA" else ECKey.import_key(jwk)
        for enc in ENCS if alg == "ES256" else ENCS[:1]:
            head = {"alg": name, "enc": enc, "cty": "oauth-authz-req+jwt", "kid": jwk["kid"]}
            registry = jwe.JWERegistry(algorithms=[name, enc])
            boxed = jwe.encrypt_compact(head, text, key, registry=registry)
            assert _asked(app, told, boxed).status == 303, (name, enc)


def _request_object(app: Running, told: dict[str, Any], alg: str) -> str:
    now = int(time())
    claims = {
        "iss": told["client_id"],
        "aud": app.settings.issuer,
        "client_id": told["client_id"],
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": "openid",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        "jti": token_urlsafe(9),
    }
    return jwt.encode(claims, KEYS[alg].private_key, algorithm=alg, headers={"typ": "oauth-authz-req+jwt"})


def _asked(app: Running, told: dict[str, Any], text: str) -> Answer:
    query = {"client_id": told["client_id"], "response_type": "code", "scope": "openid", "request": text}
    return app.browser().get("/authorize?" + urlencode(query))


@pytest.mark.parametrize("name", ["prompt", "display", "acr", "ui_locales"])
def test_every_wish_that_is_advertised_is_understood(app: Running, document: dict[str, Any], name: str) -> None:
    values = document[{"acr": "acr_values", "ui_locales": "ui_locales"}.get(name, f"{name}_values") + "_supported"]
    parameter = {"acr": "acr_values"}.get(name, name)
    for value in values:
        answer = authorize(app, app.browser(), "web", **{parameter: value})
        assert answer.status == 303, (parameter, value)
        assert answer.query.get("error") in {None, "login_required"}
    assert values


def test_only_s256_and_only_a_code(app: Running, document: dict[str, Any]) -> None:
    assert (document["code_challenge_methods_supported"], document["response_types_supported"]) == (["S256"], ["code"])
    browser = app.browser()
    consent_page(app, browser, "web")
    for changes in ({"code_challenge_method": "plain"}, {"response_type": "token"}, {"response_type": "code id_token"}):
        answer = authorize(app, browser, "web", **changes)
        assert "code" not in answer.query


# answers


@pytest.mark.parametrize("alg", ALGS)
def test_answers_are_signed_by_every_algorithm(app: Running, person: Person, alg: str) -> None:
    told = join(
        app,
        id_token_signed_response_alg=alg,
        userinfo_signed_response_alg=alg,
        authorization_signed_response_alg=alg,
    )
    tokens = person.tokens("new", scope="openid profile")
    assert header_of(tokens.answer.json["id_token"])["alg"] == alg
    told_of = app.browser().get("/userinfo", {"Authorization": f"Bearer {tokens.access}"})
    assert told_of.header("Content-Type") == "application/jwt"
    assert header_of(told_of.text)["alg"] == alg
    browser = app.browser()
    page = consent_page(app, browser, "new", response_mode="jwt", scope="openid profile")
    answer = browser.submit(page, decision="allow")
    assert header_of(answer.query["response"])["alg"] == alg
    guard = registered(
        app, resource_server_for=["https://api.example.com/"], redirect_uris=[], introspection_signed_response_alg=alg
    )
    spoken = Client(app.url, credentials_of(guard)).post(
        "/introspect", {"token": "x"}, {"Accept": "application/token-introspection+jwt"}
    )
    assert header_of(spoken.text)["alg"] == alg
    assert told["subject_type"] == "public"


@pytest.mark.parametrize("enc", ENCS)
@pytest.mark.parametrize("alg", ENCRYPTION)
def test_answers_are_encrypted_in_every_way(app: Running, person: Person, alg: str, enc: str) -> None:
    names = ("id_token", "userinfo")
    members = {
        f"{name}_encrypted_response_{what}": value for name in names for what, value in (("alg", alg), ("enc", enc))
    }
    join(app, jwks=JWKS, **members)
    tokens = person.tokens("new", scope="openid profile")
    told = app.browser().get("/userinfo", {"Authorization": f"Bearer {tokens.access}"})
    registry = jwe.JWERegistry(algorithms=[alg, enc])
    for text in (tokens.answer.json["id_token"], told.text):
        assert (header_of(text)["alg"], header_of(text)["enc"]) == (alg, enc)
        opened = jwe.decrypt_compact(text, RSA if alg == "RSA-OAEP-256" else EC, registry=registry)
        assert opened.plaintext


@pytest.mark.parametrize("kind", ["public", "pairwise"])
def test_a_client_knows_users_by_every_type_of_subject(app: Running, person: Person, kind: str) -> None:
    told = join(app, subject_type=kind)
    tokens = person.tokens("new", scope="openid")
    claims = json.loads(urlsafe_b64decode(tokens.answer.json["id_token"].split(".")[1] + "=="))
    assert (claims["sub"] == str(app.account)) == (kind == "public")
    assert told["subject_type"] == kind


def test_tokens_are_bound_to_a_key(app: Running) -> None:
    told = join(app, dpop_bound_access_tokens=True)
    key, headers = ProofKey(), {"Authorization": app.clients["new"].basic}
    form = {"grant_type": "client_credentials", "scope": "api:read"}
    proof = key.proof("POST", f"{app.settings.issuer}/token")
    answer = app.browser().post("/token", form, headers | dict(proof))
    assert answer.json["token_type"] == "DPoP", told
    is_refused(app.browser().post("/token", form, headers), "invalid_request")


def test_every_scope_is_one_that_can_be_asked_for(app: Running, document: dict[str, Any], person: Person) -> None:
    scope = " ".join(document["scopes_supported"])
    join(app, scope=scope)
    tokens = given(redeemed(app, person.code("new", scope=scope, prompt="consent"), "new"))
    assert tokens.scope == set(document["scopes_supported"])
