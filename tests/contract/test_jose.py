"""Key pairs, thumbprints and signatures against the RFCs' vectors and against another implementation (joserfc)."""

import json
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc import jws
from joserfc.jwk import ECKey, JWKRegistry, OKPKey
from joserfc.jws import JWSRegistry

from grantlog.adapters.crypto.jose import (
    ALGORITHMS,
    KeyPair,
    PrivateKey,
    generate_key_pair,
    load_private_key,
    public_jwk,
    sign_compact,
    thumbprint,
)

VECTORS = json.loads((Path(__file__).parents[1] / "support" / "vectors" / "jose.json").read_text())
# RFC 9864 renames EdDSA to Ed25519; clients of today ask for the old name, and that is what we offer.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")
STRANGER = JWSRegistry(algorithms=list(ALGORITHMS))
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


@pytest.fixture(scope="module", params=ALGORITHMS)
def pair(request: pytest.FixtureRequest) -> KeyPair:
    return generate_key_pair(request.param)


def _key(jwk: dict[str, str | list[str]]) -> PrivateKey:
    kind = ECKey if jwk["kty"] == "EC" else OKPKey
    key: PrivateKey = kind.import_key(jwk).private_key  # type: ignore[assignment]  # typed as any key
    return key


def _part(text: str, place: int) -> Any:
    part = text.split(".")[place]
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_the_thumbprint_is_that_of_rfc7638_section_3_1() -> None:
    vector = VECTORS["rfc7638_3_1"]
    assert thumbprint(vector["jwk"]) == vector["thumbprint"]


def test_the_thumbprint_is_that_of_rfc8037_appendix_a_3() -> None:
    vector = VECTORS["rfc8037_a"]
    assert thumbprint(vector["jwk"]) == vector["thumbprint"]


@pytest.mark.parametrize("name", ["rfc7515_a3", "rfc8037_a"])
def test_the_public_jwk_of_an_rfc_key_is_the_rfcs_and_verifies_its_signature(name: str) -> None:
    vector = VECTORS[name]
    published = public_jwk(_key(vector["jwk"]))
    assert published == {member: value for member, value in vector["jwk"].items() if member != "d"}
    verified = jws.deserialize_compact(vector["jws"], JWKRegistry.import_key({**published}), registry=STRANGER)
    assert verified.payload


def test_ed25519_signatures_are_those_of_rfc8037_appendix_a_4_but_for_the_header() -> None:
    """Ed25519 has one signature for a key and a message, so ours must be what the key says of the same bytes."""
    vector = VECTORS["rfc8037_a"]
    key = _key(vector["jwk"])
    text = sign_compact(vector["payload"].encode(), key, "EdDSA", "kid", "JWT")
    head, payload, signature = text.split(".")
    assert payload == vector["jws"].split(".")[1]
    expected = key.sign(f"{head}.{payload}".encode())  # type: ignore[call-arg]  # an Ed25519 key
    assert urlsafe_b64decode(signature + "==") == expected
    theirs = vector["jws"].rpartition(".")
    assert urlsafe_b64decode(theirs[2] + "==") == key.sign(theirs[0].encode())  # type: ignore[call-arg]  # the same


def test_another_implementation_verifies_what_every_algorithm_signs(pair: KeyPair) -> None:
    alg = pair.jwk["alg"]
    text = sign_compact(b'{"iss":"us"}', load_private_key(pair.private, alg), alg, pair.kid, "at+jwt")
    verified = jws.deserialize_compact(text, JWKRegistry.import_key({**pair.jwk}), registry=STRANGER)
    assert verified.payload == b'{"iss":"us"}'
    assert _part(text, 0) == {"alg": alg, "kid": pair.kid, "typ": "at+jwt"}


def test_a_changed_payload_does_not_verify(pair: KeyPair) -> None:
    alg = pair.jwk["alg"]
    head, _, signature = sign_compact(b"{}", load_private_key(pair.private, alg), alg, pair.kid, "JWT").split(".")
    with pytest.raises(Exception, match="signature"):
        jws.deserialize_compact(f"{head}.e30x.{signature}", JWKRegistry.import_key({**pair.jwk}), registry=STRANGER)


def test_a_published_jwk_names_its_use_and_holds_nothing_private(pair: KeyPair) -> None:
    assert not PRIVATE_MEMBERS & set(pair.jwk)
    assert pair.jwk["use"] == "sig"
    assert pair.jwk["kid"] == pair.kid == thumbprint(pair.jwk)


def test_rsa_keys_are_of_2048_bits_or_more() -> None:
    """RFC 7518 section 3.3."""
    key = load_private_key(generate_key_pair("RS256").private, "RS256")
    assert isinstance(key, RSAPrivateKey)
    assert key.key_size >= 2048


def test_two_key_pairs_are_different() -> None:
    assert generate_key_pair("ES256").kid != generate_key_pair("ES256").kid


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="EdDSA"):
        load_private_key(generate_key_pair("ES256").private, "EdDSA")


@pytest.mark.parametrize("alg", ["none", "HS256", "ES512", ""])
def test_no_other_algorithm_has_keys(alg: str) -> None:
    with pytest.raises(ValueError, match="is not one of"):
        generate_key_pair(alg)


def test_a_key_pair_does_not_show_its_private_key() -> None:
    pair = generate_key_pair("EdDSA")
    assert str(pair.private) not in repr(pair)
    assert "private=" not in repr(pair)
