"""Clients with keys: what they sign, push and authenticate by."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from joserfc import jwe
from joserfc.jwk import ECKey, KeyParameters, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from tests.support.app import REDIRECT, Credentials, Running
from tests.support.browser import Answer, Browser
from tests.support.code_flow import CHALLENGE

from grantlog.core.client.events import ClientMetadata
from grantlog.core.identifiers import seconds

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TYP = "oauth-authz-req+jwt"


def key_of(alg: str, number: int = 0) -> RSAKey | ECKey | OKPKey:
    """A key for ``alg``; another one for each ``number``, made once."""
    return _made(alg, number)


@cache
def _made(alg: str, number: int) -> RSAKey | ECKey | OKPKey:
    parameters: KeyParameters = {"kid": f"{alg}-{number}", "alg": alg, "use": "sig"}
    if alg == "ES256":
        return ECKey.generate_key("P-256", parameters)
    if alg == "EdDSA":
        return OKPKey.generate_key("Ed25519", parameters)
    return RSAKey.generate_key(2048, parameters)


def signed(
    claims: Mapping[str, Any], alg: str = "ES256", *, number: int = 0, typ: str | None = TYP, **header: Any
) -> str:
    """A compact JWS of our making, whatever its header says."""
    key = key_of(alg, number)
    protected = {"alg": alg, "kid": key.kid, **({} if typ is None else {"typ": typ}), **header}
    head = json.dumps({name: value for name, value in protected.items() if value is not None}).encode()
    signing_input = f"{_text(head)}.{_text(json.dumps(claims).encode())}"
    # past the library's own front door, which would refuse to make what no honest client sends
    return f"{signing_input}.{_text(JWSRegistry.algorithms[alg].sign(signing_input.encode(), key))}"


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def encrypted(text: str, jwk: Mapping[str, Any], alg: str, enc: str = "A256GCM", **header: Any) -> str:
    """A compact JWE around a text, to a published key."""
    keys = KeySet.import_key_set({"keys": [dict(jwk)]})
    protected = {"alg": alg, "enc": enc, "kid": jwk["kid"], "cty": "JWT", **header}
    return jwe.encrypt_compact(protected, text.encode(), keys.keys[0], algorithms=[alg, enc])


def with_keys(*algs: str, **changes: Any) -> ClientMetadata:
    """A client that proves itself by a key and signs with keys of these algorithms."""
    keys = [key_of(alg).as_dict(private=False) for alg in algs or ("ES256",)]
    usual: dict[str, Any] = {
        "name": "Signing client",
        "token_endpoint_auth_method": "private_key_jwt",
        "redirect_uris": (REDIRECT,),
        "grant_types": ("authorization_code", "refresh_token"),
        "scope": ("openid", "profile", "offline_access", "api:read", "api:write"),
        "jwks": json.dumps({"keys": keys}),
    }
    return ClientMetadata(**(usual | changes))


@dataclass(frozen=True, slots=True)
class Signer:
    """A client with keys at a running application."""

    app: Running
    credentials: Credentials
    alg: str = "ES256"
    usual: dict[str, Any] = field(default_factory=dict)

    @property
    def client_id(self) -> str:
        return self.credentials.client_id

    @property
    def now(self) -> int:
        return seconds(self.app.service.ports.log.now())

    def request(self, **changes: Any) -> dict[str, Any]:
        """The parameters of a good request; ``None`` leaves one out."""
        usual: dict[str, Any] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT,
            "scope": "openid api:read",
            "state": "a state & more",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (usual | self.usual | changes).items() if value is not None}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good request object."""
        now = self.now
        times = {"iss": self.client_id, "aud": self.app.settings.issuer, "iat": now, "nbf": now, "exp": now + 300}
        return {name: value for name, value in (times | self.request() | changes).items() if value is not None}

    def object(self, *, typ: str | None = TYP, **changes: Any) -> str:
        """A signed request object."""
        return signed(self.claims(**changes), self.alg, typ=typ)

    def assertion(self, **changes: Any) -> dict[str, str]:
        """What proves the client (RFC 7523 section 2.2)."""
        now = self.now
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.app.settings.issuer,
            "iat": now,
            "exp": now + 60,
            "jti": str(uuid4()),
        }
        text = signed({**claims, **changes}, self.alg, typ="JWT")
        return {"client_id": self.client_id, "client_assertion": text, "client_assertion_type": ASSERTION_TYPE}

    def push(self, parameters: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        """What ``/par`` answers."""
        proof = self.assertion() if self.credentials.client_secret is None else {}
        given = dict(headers or {})
        if self.credentials.client_secret is not None:
            given["Authorization"] = self.credentials.basic
        return self.app.browser().post("/par", {**parameters, **proof}, given)

    def pushed(self, headers: Mapping[str, str] | None = None, /, **changes: Any) -> str:
        """The ``request_uri`` of a good request."""
        answer = self.push(self.request(**changes), headers)
        assert answer.status == 201, answer.text
        uri: str = answer.json["request_uri"]
        return uri

    def authorize(self, browser: Browser, /, **parameters: str) -> Answer:
        """What ``/authorize`` answers to the client's id and these parameters."""
        return browser.get("/authorize?" + urlencode({"client_id": self.client_id, **parameters}))
