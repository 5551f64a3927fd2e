"""Every known trick with a JWT, tried on assertions and proofs alike: all of them are refused, with the RFC's error."""

import json
from collections.abc import Callable
from dataclasses import replace
from time import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.support.app import WEB as WEB_METADATA
from tests.support.app import Running
from tests.support.browser import Answer, Browser
from tests.support.clients import is_refused
from tests.support.jwts import (
    JoseKey,
    assertion_claims,
    b64,
    by_secret,
    key,
    proof,
    proof_claims,
    signing_input,
)

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MINE = key("ES256")
RSA = key("RS256")
Claims = dict[str, Any]
Header = dict[str, Any]


def _deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


def _swapped(text: str, signature: bytes) -> str:
    return text.rpartition(".")[0] + "." + b64(signature)


def _der(header: Header, claims: Claims) -> str:
    text = signing_input(header, claims)
    return f"{text}.{b64(MINE.private.sign(text.encode(), ECDSA(SHA256())))}"


def _public_pem(signer: JoseKey) -> bytes:
    pem: bytes = signer.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def _twice(header: Header, claims: Claims) -> str:
    doubled = json.dumps(claims)[:-1] + ', "jti": "another"}'
    return MINE.assemble(header, doubled)


def _twice_in_header(header: Header, claims: Claims) -> str:
    return MINE.assemble(json.dumps(header)[:-1] + ', "alg": "ES256"}', claims)


JUNK: dict[str, Callable[[Header, Claims], str]] = {
    "alg none": lambda h, c: signing_input(h | {"alg": "none"}, c) + ".",
    "alg none, signed": lambda h, c: MINE.assemble(h | {"alg": "none"}, c),
    "alg None": lambda h, c: MINE.assemble(h | {"alg": "None"}, c),
    "alg nOnE": lambda h, c: signing_input(h | {"alg": "nOnE"}, c) + ".AA",
    "no alg": lambda h, c: MINE.assemble({n: v for n, v in h.items() if n != "alg"}, c),
    "alg a list": lambda h, c: MINE.assemble(h | {"alg": ["ES256"]}, c),
    "alg a number": lambda h, c: MINE.assemble(h | {"alg": 256}, c),
    "alg unknown": lambda h, c: MINE.assemble(h | {"alg": "ES512"}, c),
    "alg secp256k1": lambda h, c: MINE.assemble(h | {"alg": "ES256K"}, c),
    "no signature": lambda h, c: MINE.assemble(h, c).rpartition(".")[0] + ".",
    "psychic signature": lambda h, c: _swapped(MINE.assemble(h, c), bytes(64)),
    "half a psychic signature": lambda h, c: _swapped(MINE.assemble(h, c), bytes(32) + b"\x01" * 32),
    "signature of the order": lambda h, c: _swapped(MINE.assemble(h, c), b"\xff" * 64),
    "DER signature": _der,
    "short signature": lambda h, c: _swapped(MINE.assemble(h, c), b"\x01" * 63),
    "padded signature": lambda h, c: MINE.assemble(h, c) + "==",
    "other payload": lambda h, c: ".".join(
        (MINE.assemble(h, c).split(".")[0], b64(json.dumps(c | {"x": 1}).encode()), MINE.assemble(h, c).split(".")[2])
    ),
    "another key of ours": lambda h, c: key("ES256", "-other").assemble(h, c),
    "key confusion, PEM": lambda h, c: by_secret(_public_pem(RSA), c, **(h | {"alg": "HS256"})),
    "key confusion, EC PEM": lambda h, c: by_secret(_public_pem(MINE), c, **(h | {"alg": "HS256"})),
    "key confusion, JWK": lambda h, c: by_secret(json.dumps(MINE.jwk).encode(), c, **(h | {"alg": "HS256"})),
    "key confusion, empty": lambda h, c: by_secret(b"", c, **(h | {"alg": "HS256"})),
    "wrong algorithm for the key": lambda h, c: MINE.assemble(h | {"alg": "RS256"}, c),
    "EdDSA by an EC key": lambda h, c: MINE.assemble(h | {"alg": "EdDSA"}, c),
    "crit": lambda h, c: MINE.assemble(h | {"crit": ["exp"], "exp": 1}, c),
    "crit, empty": lambda h, c: MINE.assemble(h | {"crit": []}, c),
    "b64 false": lambda h, c: MINE.assemble(h | {"b64": False}, c),
    "zip": lambda h, c: MINE.assemble(h | {"zip": "DEF"}, c),
    "typ of an access token": lambda h, c: MINE.assemble(h | {"typ": "at+jwt"}, c),
    "typ of a logout token": lambda h, c: MINE.assemble(h | {"typ": "logout+jwt"}, c),
    "typ of a security event": lambda h, c: MINE.assemble(h | {"typ": "secevent+jwt"}, c),
    "typ a list": lambda h, c: MINE.assemble(h | {"typ": ["dpop+jwt", "JWT"]}, c),
    "header a list": lambda h, c: MINE.assemble(json.dumps([h]), c),
    "claims a list": lambda h, c: MINE.assemble(h, json.dumps([c])),
    "claims a text": lambda h, _: MINE.assemble(h, '"x"'),
    "claims empty": lambda h, _: MINE.assemble(h, "{}"),
    "not JSON": lambda h, _: MINE.assemble(h, "{"),
    "NaN": lambda h, c: MINE.assemble(h, json.dumps(c)[:-1] + ', "nbf": NaN}'),
    "infinite": lambda h, c: MINE.assemble(h, json.dumps(c)[:-1] + ', "nbf": 1e999}'),
    "a number of 5,000 digits": lambda h, c: MINE.assemble(h, json.dumps(c)[:-1] + ', "nbf": ' + "9" * 5000 + "}"),
    "a number of 400 digits": lambda h, c: MINE.assemble(h, c | {"iat": 10**400}),
    "half a surrogate pair": lambda h, c: MINE.assemble(h, c | {"jti": "\ud800" + "a" * 20}),
    "doubled member": _twice,
    "doubled member of the header": _twice_in_header,
    "doubled by an escape": lambda h, c: MINE.assemble(h, json.dumps(c)[:-1] + ', "\\u006ati": "another"}'),
    "deep": lambda h, c: MINE.assemble(h, c | {"x": _deep(40)}),
    "very deep": lambda h, c: MINE.assemble(h, json.dumps(c)[:-1] + ', "x": ' + "[" * 3000 + "]" * 3000 + "}"),
    "many members": lambda h, c: MINE.assemble(h, c | {f"m{n}": n for n in range(300)}),
    "oversized": lambda h, c: MINE.assemble(h, c | {"x": "x" * 20_000}),
    "not UTF-8": lambda h, c: ".".join((signing_input(h, c).split(".")[0], b64(b'{"a": "\xff"}'), b64(b"\x01" * 64))),
    "two parts": signing_input,
    "five parts": lambda h, c: MINE.assemble(h, c) + ".AA.AA",
    "standard base64": lambda h, c: (
        MINE.assemble(h, c | {"x": "\u00ff\u00fe?>"}).replace("-", "+").replace("_", "/") + "+"
    ),
    "not ASCII": lambda h, c: MINE.assemble(h, c) + "é",
    "empty": lambda _h, _c: "",
    "dots": lambda _h, _c: "..",
    "expired": lambda h, c: MINE.assemble(h, c | {"exp": int(time()) - 10, "iat": int(time()) - 3600}),
    "far ahead": lambda h, c: MINE.assemble(h, c | {"iat": int(time()) + 3600}),
    "valid later": lambda h, c: MINE.assemble(h, c | {"nbf": int(time()) + 3600}),
    "iat a text": lambda h, c: MINE.assemble(h, c | {"iat": str(int(time()))}),
    "iat true": lambda h, c: MINE.assemble(h, c | {"iat": True}),
    "jti a list": lambda h, c: MINE.assemble(h, c | {"jti": ["x"]}),
}
EMBEDDED: dict[str, Callable[[Header, Claims], str]] = {
    "embedded jwk": lambda h, c: _stranger(h | {"jwk": key("ES256", "-stranger").jwk}, c),
    "jku": lambda h, c: _stranger(h | {"jku": "https://attacker.example/jwks"}, c),
    "x5u": lambda h, c: _stranger(h | {"x5u": "https://attacker.example/chain"}, c),
    "x5c": lambda h, c: _stranger(h | {"x5c": ["AAAA"]}, c),
    "kid of a file": lambda h, c: _stranger(h | {"kid": "../../../../dev/null"}, c),
    "kid of a statement": lambda h, c: _stranger(h | {"kid": "x' UNION SELECT 'key"}, c),
    "array audience": lambda h, c: MINE.assemble(h, c | {"aud": [c["aud"]]}),
    "a DPoP proof": lambda h, c: MINE.assemble(h | {"typ": "dpop+jwt", "jwk": MINE.jwk}, c),
}


def _stranger(header: Header, claims: Claims) -> str:
    return key("ES256", "-stranger").assemble(header, claims)


@pytest.fixture(scope="module")
def by_key(app: Running) -> str:
    """A client of two keys, one of them RSA: the one that key confusion needs."""
    jwks = json.dumps({"keys": [MINE.published, RSA.published]})
    metadata = replace(WEB_METADATA, token_endpoint_auth_method="private_key_jwt", jwks=jwks)
    return app.register(metadata).client_id


@pytest.fixture(scope="module")
def by_secret_client(app: Running) -> str:
    metadata = replace(WEB_METADATA, token_endpoint_auth_method="client_secret_jwt", jwks=MINE.jwks)
    return app.register(metadata).client_id


def ask(app: Running, assertion: str) -> Answer:
    form = {"grant_type": "client_credentials", "client_assertion_type": TYPE, "client_assertion": assertion}
    return Browser(app.url).post("/token", form)


def header_of(_app: Running) -> Header:
    return {"alg": "ES256", "kid": MINE.kid, "typ": "JWT"}


def test_the_assertion_that_all_of_these_are_made_of_is_good(app: Running, by_key: str) -> None:
    assert ask(app, MINE.assemble(header_of(app), assertion_claims(by_key, app.settings.issuer))).status == 200


@pytest.mark.parametrize("trick", [*JUNK, *EMBEDDED])
def test_no_trick_makes_an_assertion(app: Running, by_key: str, trick: str) -> None:
    junk = (JUNK | EMBEDDED)[trick](header_of(app), assertion_claims(by_key, app.settings.issuer))
    is_refused(ask(app, junk), "invalid_client", 401)


def test_a_key_is_not_a_secret_and_a_secret_is_no_key(app: Running, by_secret_client: str) -> None:
    claims = assertion_claims(by_secret_client, app.settings.issuer)
    is_refused(ask(app, MINE.sign(claims)), "invalid_client", 401)
    is_refused(ask(app, by_secret(MINE.jwks.encode(), claims)), "invalid_client", 401)


def test_what_we_sign_ourselves_is_no_assertion(app: Running, by_key: str) -> None:
    """An ID token, say: the purposes of our own JWTs are kept apart."""
    claims = assertion_claims(by_key, app.settings.issuer)
    for typ in ("JWT", "at+jwt", "logout+jwt", "token-introspection+jwt"):
        text, _ = app.run(app.service.ports.signer.sign("ES256", claims, typ))
        is_refused(ask(app, text), "invalid_client", 401)


def proven(app: Running, text: str) -> Answer:
    headers = {"DPoP": text, "Authorization": app.clients["web"].basic}
    return Browser(app.url).post("/token", {"grant_type": "client_credentials"}, headers)


def proof_header() -> Header:
    return {"alg": "ES256", "typ": "dpop+jwt", "jwk": MINE.jwk}


UNSENDABLE = {"not ASCII", "oversized", "very deep"}
"""No HTTP header can hold these, or the server hangs up on headers of their size."""


def test_the_proof_that_all_of_these_are_made_of_is_good(app: Running) -> None:
    assert (
        proven(app, MINE.assemble(proof_header(), proof_claims("POST", f"{app.settings.issuer}/token"))).status == 200
    )


@pytest.mark.parametrize("trick", [name for name in JUNK if name not in UNSENDABLE])
def test_no_trick_makes_a_proof(app: Running, trick: str) -> None:
    junk = JUNK[trick](proof_header(), proof_claims("POST", f"{app.settings.issuer}/token"))
    is_refused(proven(app, junk), "invalid_dpop_proof")


@pytest.mark.parametrize(
    "header",
    [
        {"typ": None},
        {"typ": "JWT"},
        {"jwk": None},
        {"jwk": {}},
        {"jwk": "x"},
        {"jwk": [MINE.jwk]},
        {"jwk": MINE.jwk | {"d": "AAAA"}},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jwk": MINE.jwk | {"crv": "P-384"}},
        {"jwk": MINE.jwk | {"x": MINE.jwk["y"]}},
        {"jwk": MINE.jwk | {"x": b64(bytes(32)), "y": b64(bytes(32))}},
        {"jwk": MINE.jwk | {"use": "enc"}},
        {"jwk": MINE.jwk | {"alg": "RS256"}},
        {"jwk": {"kty": "RSA", "n": b64(b"\xff" * 64), "e": "AQAB"}},
        {"jwk": {"kty": "RSA", "n": RSA.jwk["n"], "e": "AQ"}},
        {"jwk": key("ES256", "-stranger").jwk},
    ],
    ids=lambda _: "header",  # keys are other ones in every process
)
def test_a_proof_has_to_carry_its_own_public_key(app: Running, header: Header) -> None:
    text = proof(MINE, proof_claims("POST", f"{app.settings.issuer}/token"), **header)
    is_refused(proven(app, text), "invalid_dpop_proof")


def test_a_symmetric_proof_is_none(app: Running) -> None:
    claims = proof_claims("POST", f"{app.settings.issuer}/token")
    jwk = {"kty": "oct", "k": b64(b"k" * 32)}
    is_refused(proven(app, by_secret(b"k" * 32, claims, typ="dpop+jwt", jwk=jwk)), "invalid_dpop_proof")
