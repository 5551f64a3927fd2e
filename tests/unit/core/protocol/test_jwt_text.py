import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.jwts import b64, key, signing_input

from grantlog.core.protocol.jwt_text import (
    DEPTH_LIMIT,
    MEMBERS_LIMIT,
    SIGNATURE_ALGS,
    SIZE_LIMIT,
    MalformedJwtError,
    decode_part,
    read_jwt,
    read_object,
)

HEADER: dict[str, Any] = {"alg": "ES256", "kid": "a", "typ": "JWT"}
SIGNATURE = b64(b"\x01" * 64)


def text(header: dict[str, Any] | None = None, claims: str = '{"iss": "me"}', signature: str = SIGNATURE) -> str:
    return f"{signing_input(HEADER if header is None else header, claims)}.{signature}"


def refused(reason: str, work: Callable[[], object]) -> None:
    with pytest.raises(MalformedJwtError) as caught:
        work()
    assert caught.value.reason == reason


def test_a_jwt_is_read_in_its_parts() -> None:
    found = read_jwt(text(), algs=SIGNATURE_ALGS, typ=("JWT",))
    assert (found.alg, found.kid, found.claims, found.signature) == ("ES256", "a", {"iss": "me"}, b"\x01" * 64)
    assert found.signing_input == text().rpartition(".")[0].encode()
    assert "me" not in repr(found)


@pytest.mark.parametrize("kid", [7, None, ["a"]])
def test_a_kid_that_is_no_text_is_none(kid: Any) -> None:
    assert read_jwt(text(HEADER | {"kid": kid}), algs=SIGNATURE_ALGS, typ=("JWT",)).kid is None


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/jwt", "Application/JWT"])
def test_the_type_is_compared_as_a_media_type(typ: str) -> None:
    assert read_jwt(text(HEADER | {"typ": typ}), algs=SIGNATURE_ALGS, typ=("JWT",)).claims


def test_a_type_may_be_left_out_only_where_that_is_allowed() -> None:
    untyped = text({"alg": "ES256"})
    assert read_jwt(untyped, algs=SIGNATURE_ALGS, typ=(None, "JWT")).claims
    refused("jwt_typ", lambda: read_jwt(untyped, algs=SIGNATURE_ALGS, typ=("JWT",)))


@pytest.mark.parametrize(
    ("reason", "junk"),
    [
        ("jwt_size", "x" * (SIZE_LIMIT + 1)),
        ("jwt_size", text() + "é"),
        ("jwt_parts", "a.b"),
        ("jwt_parts", text() + ".x"),
        ("jwt_base64", text() + "="),
        ("jwt_base64", "a." + text().partition(".")[2]),
        ("jwt_base64", text(signature="")),
        ("jwt_alg", text(HEADER | {"alg": "none"})),
        ("jwt_alg", text(HEADER | {"alg": ["ES256"]})),
        ("jwt_alg", text(HEADER | {"alg": "HS256"})),
        ("jwt_alg", text({})),
        ("jwt_crit", text(HEADER | {"crit": ["exp"]})),
        ("jwt_crit", text(HEADER | {"b64": True})),
        ("jwt_zip", text(HEADER | {"zip": "DEF"})),
        ("jwt_typ", text(HEADER | {"typ": "at+jwt"})),
        ("jwt_typ", text(HEADER | {"typ": 7})),
        ("jwt_signature", text(signature=b64(b"\x01" * 70))),
        ("jwt_signature", text(signature=b64(bytes(64)))),
        ("jwt_signature", text(HEADER | {"alg": "RS256"}, signature=b64(bytes(256)))),
        ("jwt_not_an_object", text(claims="[]")),
        ("jwt_not_json", text(claims="{")),
        ("jwt_not_json", text(claims='{"a": NaN}')),
        ("jwt_not_json", text(claims='{"a": -Infinity}')),
        ("jwt_not_json", text(claims='{"a": ' + "9" * 5000 + "}")),
        ("jwt_duplicate_member", text(claims='{"a": 1, "a": 1}')),
        ("jwt_duplicate_member", text(claims='{"x": {"a": 1, "\\u0061": 1}}')),
        ("jwt_not_utf8", text(claims='{"jti": "\\ud800"}')),
        ("jwt_not_utf8", text(claims='{"a": ["\\uDFFF"]}')),
        ("jwt_not_utf8", text(claims='{"\\udbff": 1}')),
        ("jwt_depth", text(claims='{"a": ' + "[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT + "}")),
        ("jwt_members", text(claims=json.dumps({f"m{n}": n for n in range(MEMBERS_LIMIT + 1)}))),
        ("jwt_members", text(claims=json.dumps({"a": list(range(MEMBERS_LIMIT))}))),
    ],
)
def test_everything_else_is_none(reason: str, junk: str) -> None:
    refused(reason, lambda: read_jwt(junk, algs=SIGNATURE_ALGS, typ=("JWT",)))


def test_none_is_not_accepted_even_where_a_caller_lists_it() -> None:
    refused("jwt_alg", lambda: read_jwt(text(HEADER | {"alg": "none"}), algs=("none",), typ=("JWT",)))


def test_what_is_no_utf8_is_no_json() -> None:
    refused("jwt_not_utf8", lambda: read_object(b'"\xff"'))


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert read_object(b'{"a": "\\ud83d\\ude00 \\u00e9"}') == {"a": "\U0001f600 \u00e9"}


def test_a_deep_object_is_refused_before_anything_recurses() -> None:
    refused("jwt_depth", lambda: read_object(b"[" * 100_000))


def test_the_deepest_and_largest_object_that_is_allowed_is_read() -> None:
    deepest = b'{"a": ' + b"[" * (DEPTH_LIMIT - 1) + b"]" * (DEPTH_LIMIT - 1) + b"}"
    assert read_object(deepest)
    assert len(read_object(json.dumps({f"m{n}": n for n in range(MEMBERS_LIMIT)}).encode())) == MEMBERS_LIMIT
    assert read_object(b'{"a": 1, "b": [2]}', members=3)


def test_signed_by_real_keys_they_have_the_sizes_of_rfc7518() -> None:
    for alg, size in (("ES256", 64), ("EdDSA", 64), ("RS256", 256), ("PS256", 256)):
        assert len(read_jwt(key(alg).sign({}), algs=(alg,), typ=("JWT",)).signature) == size


def test_a_part_has_one_spelling() -> None:
    assert decode_part("AQI") == b"\x01\x02"
    for junk in ("", "AQI=", "A+/A", "A", "A Q"):
        refused("jwt_base64", lambda junk=junk: decode_part(junk))  # type: ignore[misc]  # bound now, not later
