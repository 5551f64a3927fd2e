import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from tests.support.jwts import b64, key

from grantlog.core.protocol.jwk import (
    KEYS_LIMIT,
    SET_LIMIT,
    MalformedKeyError,
    decode_number,
    fits,
    known_kid,
    read_jwk,
    read_jwks,
    secret_jwk,
    select,
    thumbprint,
)

EC, RSA, ED = key("ES256").jwk, key("RS256").jwk, key("EdDSA").jwk
RFC7638 = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
    "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91"
    "CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
"""RFC 7638 section 3.1."""


def reason(members: Any) -> str:
    with pytest.raises(MalformedKeyError) as caught:
        read_jwk(members)
    return caught.value.reason


def test_the_thumbprint_is_that_of_rfc7638_3_1_whatever_else_the_key_says() -> None:
    assert thumbprint(read_jwk(RFC7638)) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert thumbprint(read_jwk(RFC7638 | {"kid": "another", "use": "sig"})) == thumbprint(RFC7638)


def test_the_thumbprint_of_rfc9449_6_1() -> None:
    jwk = {
        "kty": "EC",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        "crv": "P-256",
    }
    assert thumbprint(read_jwk(jwk)) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


@pytest.mark.parametrize("jwk", [EC, RSA, ED], ids=["EC", "RSA", "OKP"])
def test_a_key_is_read_with_what_is_understood_of_it(jwk: dict[str, str]) -> None:
    about = {"kid": "a", "use": "sig", "key_ops": ["verify"], "x5c": ["AA"], "x5t#S256": "x"}
    assert read_jwk(jwk | about | {"x5u": "https://attacker.example", "nbf": 1}) == jwk | about


@pytest.mark.parametrize(
    ("expected", "members"),
    [
        ("jwk_not_an_object", "x"),
        ("jwk_not_an_object", None),
        ("jwk_private", EC | {"d": "AA"}),
        ("jwk_private", RSA | {"p": "AA"}),
        ("jwk_private", {"kty": "oct", "k": "AA"}),
        ("jwk_kind", {}),
        ("jwk_kind", {"kty": "oct"}),
        ("jwk_kind", {"kty": ["EC"]}),
        ("jwk_kind", EC | {"crv": "P-384"}),
        ("jwk_kind", ED | {"crv": "X25519"}),
        ("jwk_coordinate", EC | {"x": b64(bytes(31))}),
        ("jwk_coordinate", EC | {"y": b64(bytes(33))}),
        ("jwk_coordinate", ED | {"x": b64(bytes(31))}),
        ("jwk_base64", EC | {"x": EC["x"] + "="}),
        ("jwk_base64", EC | {"x": 7}),
        ("jwk_base64", {name: value for name, value in RSA.items() if name != "n"}),
        ("jwk_leading_zero", RSA | {"e": b64(b"\x00\x01\x00\x01")}),
        ("jwk_leading_zero", RSA | {"n": b64(b"\x00" + urlsafe_b64decode(RSA["n"] + "=="))}),
        ("jwk_modulus", RSA | {"n": b64(b"\xff" * 128)}),
        ("jwk_modulus", RSA | {"n": b64(b"\xff" * 2048)}),
        ("jwk_modulus", RSA | {"n": b64(b"\xff" * 255 + b"\xfe")}),
        ("jwk_exponent", RSA | {"e": b64(b"\x01")}),
        ("jwk_exponent", RSA | {"e": b64(b"\x04")}),
        ("jwk_exponent", RSA | {"e": b64(b"\x01\x00\x00\x00\x01")}),
        ("jwk_member", EC | {"kid": 7}),
        ("jwk_member", EC | {"use": ["sig"]}),
        ("jwk_member", EC | {"key_ops": "verify"}),
        ("jwk_member", EC | {"x5c": [7]}),
    ],
)
def test_whatever_is_no_public_key_is_refused(expected: str, members: Any) -> None:
    assert reason(members) == expected


def test_of_a_set_the_keys_that_are_understood_count() -> None:
    strange = [{"kty": "quantum"}, EC | {"crv": "P-521"}, RSA | {"e": "AQ"}]
    assert read_jwks(json.dumps({"keys": [EC, *strange, ED]})) == (EC, ED)
    assert read_jwks(b'{"keys": []}') == ()


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("jwks_size", "x" * (SET_LIMIT + 1)),
        ("jwks_not_json", "{"),
        ("jwks_not_an_object", "[]"),
        ("jwks_keys", "{}"),
        ("jwks_keys", '{"keys": {}}'),
        ("jwks_keys", '{"keys": ["x"]}'),
        ("jwks_keys", json.dumps({"keys": [{}] * (KEYS_LIMIT + 1)})),
        ("jwks_private", json.dumps({"keys": [EC, ED | {"d": "AA"}]})),
    ],
)
def test_whatever_is_no_set_is_refused(expected: str, text: str) -> None:
    with pytest.raises(MalformedKeyError) as caught:
        read_jwks(text)
    assert caught.value.reason == expected


@pytest.mark.parametrize(
    ("jwk", "algs"),
    [
        (EC, {"ES256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"}),
        (RSA, {"RS256", "PS256", "RSA-OAEP-256"}),
        (ED, {"EdDSA"}),
        (secret_jwk(b"x" * 32), {"HS256"}),
        (EC | {"alg": "ES256"}, {"ES256"}),
        (RSA | {"use": "sig"}, {"RS256", "PS256"}),
        (RSA | {"use": "enc"}, {"RSA-OAEP-256"}),
        (RSA | {"key_ops": ["verify"]}, {"RS256", "PS256"}),
        (EC | {"key_ops": ["deriveKey"]}, {"ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"}),
        (EC | {"key_ops": ["sign"]}, set()),
        (EC | {"use": "other"}, set()),
        (EC | {"crv": "P-384"}, set()),
        ({}, set()),
    ],
)
def test_a_key_fits_the_algorithms_of_its_kind_and_purpose(jwk: dict[str, Any], algs: set[str]) -> None:
    known = "none RS256 PS256 ES256 EdDSA HS256 RSA-OAEP-256 RSA1_5 ECDH-ES ECDH-ES+A128KW ECDH-ES+A256KW PBES2-HS256+A128KW"
    assert {alg for alg in known.split() if fits(jwk, alg)} == algs


def test_the_named_key_is_tried_or_every_one_where_none_is_named() -> None:
    first, second, unnamed = EC | {"kid": "a"}, EC | {"kid": "b"}, EC
    keys = (first, second, unnamed, RSA)
    assert select(keys, "ES256", "b") == (second, unnamed)
    assert select(keys, "ES256", None) == (first, second, unnamed)
    assert select(keys, "RS256", "b") == (RSA,)
    assert (known_kid(keys, "a"), known_kid(keys, "c"), known_kid((), None)) == (True, False, True)


def test_a_secret_comes_back_out_of_its_key() -> None:
    assert decode_number(secret_jwk(b"\xff\xfe")["k"]) == b"\xff\xfe"
