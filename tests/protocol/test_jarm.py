"""JWT Secured Authorization Response Mode: answers that are signed for their client, and encrypted where it wants that."""

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from joserfc import jwe
from joserfc.jwk import RSAKey
from jwt import PyJWKSet
from tests.support.app import REDIRECT, Running
from tests.support.browser import Answer
from tests.support.clients import is_refused
from tests.support.code_flow import authorize, consent_page, log_in, redeem
from tests.support.request_objects import Signer, with_keys

from grantlog.core.client.events import ClientMetadata, Encryption

ASKED = {"prompt": "consent"}
ALGS = ("RS256", "ES256", "PS256", "EdDSA")
TOLERATED = 600


def opened(app: Running, text: str, client_id: str, alg: str) -> dict[str, Any]:
    """The members of an answer, checked as JARM section 2.4 asks of a client."""
    header = jwt.get_unverified_header(text)
    assert header["alg"] == alg
    keys = PyJWKSet.from_dict(app.browser().get("/jwks").json)
    (key,) = [key for key in keys.keys if key.key_id == header["kid"]]
    claims: dict[str, Any] = jwt.decode(
        text,
        key,
        algorithms=[alg],
        audience=client_id,
        issuer=app.settings.issuer,
        options={"require": ["iss", "aud", "exp"], "verify_exp": False},
    )
    assert isinstance(claims["aud"], str)
    now = app.service.ports.log.now() / 1_000_000
    # JARM 2.1: "A maximum JWT lifetime of 10 minutes is RECOMMENDED"
    assert now < claims["exp"] <= now + TOLERATED + 1
    return claims


def response_of(answer: Answer, mode: str) -> str:
    """The one member of an answer in this mode."""
    parts = urlsplit(answer.location)
    found: dict[str, str]
    if mode.startswith("form_post"):
        found = dict(answer.forms[0].values)
        assert answer.forms[0].action == REDIRECT
    elif mode.startswith("fragment"):
        found = {name: values[0] for name, values in parse_qs(parts.fragment).items()}
    else:
        found = answer.query
    assert set(found) == {"response"}
    return found["response"]


def register(app: Running, **changes: Any) -> str:
    """The name of a new client with these members."""
    metadata: dict[str, Any] = {"name": "JARM", "redirect_uris": (REDIRECT,), "scope": ("openid", "api:read")}
    name = f"jarm {len(app.clients)}"
    app.clients[name] = app.register(ClientMetadata(**metadata, **changes))
    return name


@pytest.mark.parametrize("mode", ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt"])
def test_a_code_is_taken_to_the_client_in_a_signed_jwt(app: Running, mode: str) -> None:
    name, browser = register(app), app.browser()
    page = consent_page(app, browser, name, response_mode=mode, **ASKED)
    answer = browser.submit(page, decision="allow")
    members = opened(app, response_of(answer, mode), app.clients[name].client_id, "RS256")
    assert set(members) == {"iss", "aud", "exp", "code", "state"}
    assert members["state"] == "a state & more"
    assert redeem(app, members["code"], name).status == 200


@pytest.mark.parametrize("alg", ALGS)
def test_it_is_signed_as_the_client_registered(app: Running, alg: str) -> None:
    name, browser = register(app, authorization_signed_response_alg=alg), app.browser()
    answer = browser.submit(consent_page(app, browser, name, response_mode="jwt", **ASKED), decision="deny")
    members = opened(app, response_of(answer, "jwt"), app.clients[name].client_id, alg)
    assert members["error"] == "access_denied"
    assert set(members) == {"iss", "aud", "exp", "error", "error_description", "state"}


@pytest.mark.parametrize("mode", ["jwt", "fragment.jwt", "form_post.jwt"])
@pytest.mark.parametrize(
    ("changes", "error"), [({}, "login_required"), ({"scope": "nonsense"}, "invalid_scope")], ids=["login", "scope"]
)
def test_errors_of_a_silent_request_come_the_same_way(
    app: Running, mode: str, changes: dict[str, str], error: str
) -> None:
    name = register(app)
    answer = authorize(app, app.browser(), name, prompt="none", response_mode=mode, **changes)
    members = opened(app, response_of(answer, mode), app.clients[name].client_id, "RS256")
    assert (members["error"], members["state"]) == (error, "a state & more")


def test_without_a_state_there_is_none(app: Running) -> None:
    name = register(app)
    answer = authorize(app, app.browser(), name, prompt="none", response_mode="jwt", state=None)
    assert "state" not in opened(app, answer.query["response"], app.clients[name].client_id, "RS256")


def test_an_encrypted_answer_is_signed_first(app: Running) -> None:
    key = RSAKey.generate_key(2048, {"use": "enc", "kid": "theirs", "alg": "RSA-OAEP-256"})
    name = register(
        app,
        jwks=json.dumps({"keys": [key.as_dict(private=False)]}),
        authorization_signed_response_alg="ES256",
        authorization_encryption=Encryption(alg="RSA-OAEP-256", enc="A256GCM"),
    )
    answer = authorize(app, app.browser(), name, prompt="none", response_mode="jwt")
    text = answer.query["response"]
    assert text.count(".") == 4
    inside = jwe.decrypt_compact(text, key, algorithms=["RSA-OAEP-256", "A256GCM"])
    assert inside.headers()["cty"] == "JWT"
    assert inside.plaintext is not None
    members = opened(app, inside.plaintext.decode(), app.clients[name].client_id, "ES256")
    assert members["error"] == "login_required"


def test_a_changed_answer_is_not_ours(app: Running) -> None:
    name = register(app)
    answer = authorize(app, app.browser(), name, prompt="none", response_mode="jwt")
    header, payload, signature = answer.query["response"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    other = base64.urlsafe_b64encode(json.dumps(claims | {"code": "mine"}).encode()).decode().rstrip("=")
    with pytest.raises(jwt.InvalidSignatureError):
        opened(app, f"{header}.{other}.{signature}", app.clients[name].client_id, "RS256")


def test_an_answer_is_no_id_token_no_assertion_and_no_request(app: Running) -> None:
    client = Signer(app, app.register(with_keys()))
    silent = client.authorize(app.browser(), **client.request(prompt="none", response_mode="jwt"))
    text = silent.query["response"]
    hinted = client.authorize(app.browser(), **client.request(prompt="none", id_token_hint=text))
    assert hinted.query["error"] == "invalid_request"
    is_refused(client.push({"client_id": client.client_id, "request": text}), "invalid_request_object")
    proof = client.assertion() | {"client_assertion": text}
    is_refused(app.browser().post("/par", client.request() | proof), "invalid_client", 401)


def test_a_pushed_request_is_answered_in_its_mode(app: Running) -> None:
    client, browser = Signer(app, app.register(with_keys())), app.browser()
    uri = client.pushed(response_mode="jwt")
    page = log_in(browser, browser.follow(client.authorize(browser, request_uri=uri)))
    answer = browser.submit(page, decision="allow")
    assert "code" in opened(app, response_of(answer, "jwt"), client.client_id, "RS256")
