"""ID tokens, UserInfo and introspection, encrypted to the client's own key (RFC 7516, nested as RFC 7519 section 11.2 says)."""

import json
from dataclasses import replace
from typing import Any

import jwt
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, RSAKey
from tests.support.app import API, WEB, Running
from tests.support.clients import Client
from tests.support.flows import own_token
from tests.support.people import JANE, Member

from grantlog.core.client.events import ClientMetadata, Encryption

Key = RSAKey | ECKey
ALGS = ("RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW")


def key_for(alg: str) -> Key:
    options: Any = {"use": "enc", "kid": alg, "alg": alg}
    return RSAKey.generate_key(2048, options) if alg.startswith("RSA") else ECKey.generate_key("P-256", options)


def jwks(key: Key) -> str:
    return json.dumps({"keys": [key.as_dict(private=False)]}, separators=(",", ":"))


def opened(text: str, key: Key, encryption: Encryption, cty: str | None = "JWT") -> str:
    """The content of a JWE, as the client opens it."""
    assert text.count(".") == 4
    found = jwe.decrypt_compact(text, key, algorithms=[encryption.alg, encryption.enc])
    assert (found.protected["alg"], found.protected["enc"]) == (encryption.alg, encryption.enc)
    assert found.protected.get("cty") == cty
    content = found.plaintext
    assert content is not None
    return content.decode()


def claims_of(text: str) -> Any:
    return jwt.decode(text, options={"verify_signature": False})


@pytest.fixture(scope="module")
def jane(app: Running) -> Member:
    return Member(app, "jane-of-the-boxes", JANE)


@pytest.mark.parametrize("alg", ALGS)
@pytest.mark.parametrize("enc", ["A128CBC-HS256", "A256GCM"])
def test_what_a_client_is_told_only_it_can_read(app: Running, jane: Member, alg: str, enc: str) -> None:
    key, encryption = key_for(alg), Encryption(alg=alg, enc=enc)
    app.clients[alg] = app.register(
        replace(
            WEB,
            jwks=jwks(key),
            id_token_encryption=encryption,
            userinfo_encryption=encryption,
            userinfo_signed_response_alg="ES256",
        )
    )
    tokens = jane.tokens(alg, scope="openid email", nonce="n")
    text = tokens.answer.json["id_token"]
    assert JANE["email"] not in text
    identity = opened(text, key, encryption)
    assert jwt.get_unverified_header(identity)["typ"] == "JWT"
    assert (claims_of(identity)["nonce"], claims_of(identity)["sub"]) == ("n", str(jane.account))
    answer = app.browser().get("/userinfo", {"Authorization": f"Bearer {tokens.access}"})
    assert answer.header("Content-Type") == "application/jwt"
    told = opened(answer.text, key, encryption)
    assert jwt.get_unverified_header(told)["typ"] == "userinfo+jwt"
    assert claims_of(told)["email"] == JANE["email"]


def test_without_a_signature_userinfo_is_json_inside(app: Running, jane: Member) -> None:
    key, encryption = key_for("ECDH-ES"), Encryption(alg="ECDH-ES")
    app.clients["unsigned"] = app.register(replace(WEB, jwks=jwks(key), userinfo_encryption=encryption))
    token = jane.tokens("unsigned", scope="openid email").access
    answer = app.browser().get("/userinfo", {"Authorization": f"Bearer {token}"})
    assert answer.header("Content-Type") == "application/jwt"
    assert json.loads(opened(answer.text, key, encryption, None))["email"] == JANE["email"]


def test_an_introspection_is_signed_and_then_encrypted(app: Running) -> None:
    key, encryption = key_for("RSA-OAEP-256"), Encryption(alg="RSA-OAEP-256")
    metadata = ClientMetadata(
        name="RS",
        grant_types=(),
        response_types=(),
        introspects=(API,),
        jwks=jwks(key),
        introspection_encryption=encryption,
    )
    guard = Client(app.url, app.register(metadata))
    wanted = {"Accept": "application/token-introspection+jwt"}
    answer = guard.post("/introspect", {"token": own_token(app, scope="api:read").access}, wanted)
    inner = opened(answer.text, key, encryption)
    assert jwt.get_unverified_header(inner)["typ"] == "token-introspection+jwt"
    assert claims_of(inner)["token_introspection"]["active"] is True


def test_a_client_whose_key_is_gone_gets_no_plain_answer_instead(app: Running, jane: Member) -> None:
    key = key_for("ECDH-ES")
    metadata = replace(WEB, jwks=jwks(key), userinfo_encryption=Encryption(alg="ECDH-ES"))
    app.clients["keyless"] = app.register(metadata)
    token = jane.tokens("keyless", scope="openid email").access
    app.update(app.clients["keyless"], replace(metadata, jwks=""))
    answer = app.browser().get("/userinfo", {"Authorization": f"Bearer {token}"})
    assert answer.status >= 400
    assert JANE["email"] not in answer.text
    assert answer.json["error"] != "server_error"
