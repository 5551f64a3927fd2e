"""The contract of Verifier: whose signature a JWT bears, and what is for us alone."""

import asyncio
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, RSAKey
from tests.support.certificates import CLIENT_DN, made, named
from tests.support.jwts import ALGS, b64, by_secret, key, number
from tests.support.key_stores import KeyStores
from tests.support.key_stores import stores as stores  # noqa: PLC0414  # a fixture

from grantlog.adapters.crypto.encryption_keys import load_encryption_keys
from grantlog.adapters.crypto.root_keys import RootKeyError, RootKeys
from grantlog.adapters.crypto.threads import BoundedThreads
from grantlog.adapters.crypto.verifier import JoseVerifier
from grantlog.adapters.memory.verifier import MemoryVerifier
from grantlog.core.protocol.jwk import ENCRYPTION_ALGS, fits, secret_jwk
from grantlog.core.protocol.jwt_text import ReadJwt, decode_part, read_jwt, read_object
from grantlog.core.protocol.mtls import read_dn
from grantlog.core.protocol.supported import ENCRYPTION_ENCS

HS256 = "HS256"


@pytest.fixture(scope="module")
def verifier() -> MemoryVerifier:
    return MemoryVerifier()


def read(text: str) -> ReadJwt:
    return read_jwt(text, algs=(*ALGS, HS256), typ=("JWT",))


@pytest.mark.parametrize("alg", ALGS)
async def test_the_key_that_has_signed_is_found_among_others(verifier: MemoryVerifier, alg: str) -> None:
    others = [key(other, "-other").published for other in ALGS]
    found = await verifier.verify(read(key(alg).sign({"a": 1})), [*others, key(alg).published])
    assert found == key(alg).published
    assert await verifier.verify(read(key(alg).sign({"a": 1})), others) is None
    assert await verifier.verify(read(key(alg).sign({"a": 1})), []) is None


@pytest.mark.parametrize("alg", ALGS)
async def test_one_changed_bit_is_another_text(verifier: MemoryVerifier, alg: str) -> None:
    good = read(key(alg).sign({"a": 1}))
    assert await verifier.verify(good, [key(alg).jwk])
    for changed in (
        ReadJwt(good.header, good.claims, good.signing_input + b"x", good.signature),
        ReadJwt(good.header, good.claims, good.signing_input, bytes([good.signature[0] ^ 1]) + good.signature[1:]),
        ReadJwt(good.header, good.claims, good.signing_input, b""),
    ):
        assert await verifier.verify(changed, [key(alg).jwk]) is None


async def test_the_example_of_rfc7515_a3_verifies(verifier: MemoryVerifier) -> None:
    text = (
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }
    assert await verifier.verify(read_jwt(text, algs=("ES256",), typ=(None,)), [jwk]) == jwk


async def test_a_secret_signs_by_hs256_and_only_if_it_is_long_enough(verifier: MemoryVerifier) -> None:
    secret = b"s" * 32
    assert await verifier.verify(read(by_secret(secret, {})), [secret_jwk(secret)])
    assert await verifier.verify(read(by_secret(secret, {})), [secret_jwk(b"t" * 32)]) is None
    assert await verifier.verify(read(by_secret(b"short", {})), [secret_jwk(b"short")]) is None
    assert await verifier.verify(read(by_secret(secret, {})), [{"kty": "oct"}, {"kty": "oct", "k": "!"}]) is None


async def test_a_public_key_is_nobodys_secret(verifier: MemoryVerifier) -> None:
    for jwk in (key("RS256").jwk, key("ES256").jwk):
        for secret in (json.dumps(jwk).encode(), b""):
            assert await verifier.verify(read(by_secret(secret, {})), [jwk]) is None


@pytest.mark.parametrize(
    "about", [{"use": "enc"}, {"alg": "PS256"}, {"key_ops": ["sign"]}, {"crv": "P-384"}, {"kty": "RSA"}], ids=repr
)
async def test_a_key_is_held_to_what_it_says_of_itself(verifier: MemoryVerifier, about: dict[str, Any]) -> None:
    assert await verifier.verify(read(key("ES256").sign({})), [key("ES256").jwk | about]) is None


async def test_a_key_that_is_none_has_signed_nothing(verifier: MemoryVerifier) -> None:
    junk: list[dict[str, Any]] = [
        {"kty": "EC", "crv": "P-256"},
        {"kty": "EC", "crv": "P-256", "x": 7, "y": []},
        {"kty": "EC", "crv": "P-256", "x": b64(bytes(32)), "y": b64(bytes(32))},
        {"kty": "EC", "crv": "P-256", "x": b64(b"\xff" * 32), "y": b64(b"\xff" * 32)},
    ]
    assert await verifier.verify(read(key("ES256").sign({})), junk) is None
    weak = rsa.generate_private_key(65537, 1024).public_key().public_numbers()  # noqa: S505  # to see it refused
    bad = [
        {"kty": "RSA", "n": number(weak.n), "e": "AQAB"},
        {"kty": "RSA", "n": key("RS256").jwk["n"], "e": "AQ"},
        {"kty": "RSA", "n": b64(b"\xff" * 2048), "e": "AQAB"},
    ]
    assert await verifier.verify(read(key("RS256").sign({})), bad) is None
    assert await verifier.verify(read(key("EdDSA").sign({})), [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}]) is None


async def test_rsa_signatures_of_one_kind_are_not_of_the_other(verifier: MemoryVerifier) -> None:
    signer = key("RS256")
    other = read_jwt(signer.assemble({"alg": "PS256", "typ": "JWT"}, {}), algs=("PS256",), typ=("JWT",))
    assert await verifier.verify(other, [signer.jwk]) is None


@pytest.mark.parametrize("alg", ENCRYPTION_ALGS)
@pytest.mark.parametrize("enc", ENCRYPTION_ENCS)
async def test_what_is_encrypted_to_us_only_we_read(verifier: MemoryVerifier, alg: str, enc: str) -> None:
    (ours,) = (each for each in verifier.encryption_keys() if fits(each, alg))
    text = await verifier.encrypt(b"for you", ours, alg, enc, "JWT")
    assert await verifier.decrypt(text) == b"for you"
    assert read_object(decode_part(text.partition(".")[0]))["cty"] == "JWT"


def test_our_keys_are_public_and_say_what_they_are_for(verifier: MemoryVerifier) -> None:
    for jwk in verifier.encryption_keys():
        assert jwk["use"] == "enc"
        assert jwk["kid"]
        assert {"d", "p", "q", "k"}.isdisjoint(jwk)


async def test_to_a_key_that_does_not_fit_nothing_is_encrypted(verifier: MemoryVerifier) -> None:
    ec_key, rsa_key = key("ES256").jwk, key("RS256").jwk
    for jwk, alg, enc in (
        (ec_key, "RSA-OAEP-256", "A128GCM"),
        (rsa_key, "ECDH-ES", "A128GCM"),
        (rsa_key, "RSA1_5", "A128GCM"),
        (rsa_key, "RSA-OAEP-256", "A128CBC"),
        (rsa_key | {"use": "sig"}, "RSA-OAEP-256", "A128GCM"),
        ({"kty": "EC", "crv": "P-256", "x": b64(bytes(32)), "y": b64(bytes(32))}, "ECDH-ES", "A128GCM"),
    ):
        with pytest.raises(ValueError, match=r".+"):
            await verifier.encrypt(b"x", jwk, alg, enc, None)


async def test_whatever_is_no_jwe_to_us_is_none(verifier: MemoryVerifier) -> None:
    ours = next(each for each in verifier.encryption_keys() if each["kty"] == "RSA")
    point = next(each for each in verifier.encryption_keys() if each["kty"] == "EC")
    good = await verifier.encrypt(b"x", ours, "RSA-OAEP-256", "A128GCM", None)
    parts = good.split(".")
    stranger = RSAKey.generate_key(2048)
    agreed = (await verifier.encrypt(b"x", point, "ECDH-ES", "A128GCM", None)).split(".")

    def header(**members: Any) -> str:
        return b64(json.dumps({"alg": "RSA-OAEP-256", "enc": "A128GCM"} | members).encode())

    by_password = jwe.encrypt_compact(
        {"alg": "dir", "enc": "A128GCM"}, b"x", OctKey.import_key(b"k" * 16), algorithms=["dir", "A128GCM"]
    )
    epk = {"kty": "EC", "crv": "P-256", "x": b64(bytes(32)), "y": b64(bytes(32))}
    for junk in (
        "",
        "....",
        good + "é",
        "x" * 40_000,
        ".".join(parts[:4]),
        ".".join([*parts[:4], b64(bytes(16))]),
        ".".join([parts[0], "", *parts[2:]]),
        ".".join([header(alg="PBES2-HS256+A128KW", p2c=10_000_000, p2s="AA"), *parts[1:]]),
        ".".join([header(alg="RSA1_5"), *parts[1:]]),
        ".".join([header(alg="dir"), "", *parts[2:]]),
        ".".join([header(alg=["RSA-OAEP-256"]), *parts[1:]]),
        ".".join([header(enc={}), *parts[1:]]),
        ".".join([header(zip="DEF"), *parts[1:]]),
        ".".join([header(crit=["exp"]), *parts[1:]]),
        ".".join([header(kid="another"), *parts[1:]]),
        ".".join([header(x="x" * 2000), *parts[1:]]),
        ".".join([b64(b'{"alg":"RSA-OAEP-256","alg":"RSA-OAEP-256","enc":"A128GCM"}'), *parts[1:]]),
        ".".join([b64(b"[]"), *parts[1:]]),
        ".".join([header(alg="ECDH-ES"), *agreed[1:]]),
        ".".join([header(alg="ECDH-ES", epk="x"), *agreed[1:]]),
        ".".join([header(alg="ECDH-ES", epk=epk), *agreed[1:]]),
        ".".join([header(alg="ECDH-ES", epk=epk | {"crv": "P-384"}), *agreed[1:]]),
        ".".join([header(alg="ECDH-ES", epk=epk, apu=7), *agreed[1:]]),
        jwe.encrypt_compact(
            {"alg": "RSA-OAEP-256", "enc": "A128GCM"}, b"x", stranger, algorithms=["RSA-OAEP-256", "A128GCM"]
        ),
        by_password,
    ):
        assert await verifier.decrypt(junk) is None, junk[:200]
    assert await verifier.decrypt(good) == b"x"


async def test_others_can_encrypt_to_what_we_publish(verifier: MemoryVerifier) -> None:
    for jwk in verifier.encryption_keys():
        alg = "RSA-OAEP-256" if jwk["kty"] == "RSA" else "ECDH-ES+A256KW"
        theirs: Any = RSAKey.import_key(dict(jwk)) if jwk["kty"] == "RSA" else ECKey.import_key(dict(jwk))
        header = {"alg": alg, "enc": "A256GCM", "kid": jwk["kid"]}
        text = jwe.encrypt_compact(header, b"hello", theirs, algorithms=[alg, "A256GCM"])
        assert await verifier.decrypt(text) == b"hello"


async def test_all_processes_agree_on_the_encryption_keys(stores: KeyStores) -> None:
    root, threads = RootKeys([b"\x01" * 32]), BoundedThreads("test", workers=2, queue=32)
    found = await asyncio.gather(*(load_encryption_keys(stores.wrapped_keys, root, threads) for _ in range(3)))
    published = [JoseVerifier(keys, threads).encryption_keys() for keys in found]
    assert published[0] == published[1] == published[2]
    assert [each["kty"] for each in published[0]] == ["RSA", "EC"]
    with pytest.raises(RootKeyError):
        await load_encryption_keys(stores.wrapped_keys, RootKeys([b"\x02" * 32]), threads)
    await threads.close()


def test_a_certificate_is_read_and_judged_by_the_authorities() -> None:
    authority = made(named("Authority"), names=(), authority=True)
    verifier = MemoryVerifier([authority.certificate])
    issued, self_signed = made(issuer=authority), made()
    found = verifier.certificate(issued.der)
    assert found is not None
    assert found.trusted
    assert found.subject_dn == read_dn(CLIENT_DN)
    assert (found.san_dns, found.san_email) == (("client.example",), ("ops@client.example",))
    assert found.san_ip == ("192.0.2.7", "2001:db8::7")
    alone = verifier.certificate(self_signed.der)
    assert alone is not None
    assert not alone.trusted
    own = verifier.certificate(authority.der)
    assert own is not None
    assert not own.trusted, "an authority is no client"


@pytest.mark.parametrize("kind", ["RSA", "EC", "OKP", None])
def test_the_key_of_a_certificate_is_a_jwk_where_it_is_of_a_kind_we_know(
    verifier: MemoryVerifier, kind: str | None
) -> None:
    private: Any = ec.generate_private_key(ec.SECP384R1())
    if kind == "RSA":
        private = rsa.generate_private_key(65537, 2048)
    elif kind == "EC":
        private = ec.generate_private_key(ec.SECP256R1())
    elif kind == "OKP":
        private = Ed25519PrivateKey.generate()
    shown = made(key=private, issuer=made(authority=True))
    found = verifier.certificate(shown.der)
    assert found is not None
    assert (None if found.jwk is None else found.jwk["kty"]) == kind


@pytest.mark.parametrize("junk", [b"", b"\x30", b"x" * 20_000, bytes(100), made().der[:-5]])
def test_what_is_no_certificate_is_none(verifier: MemoryVerifier, junk: bytes) -> None:
    assert verifier.certificate(junk) is None


def test_a_certificate_without_names_has_none(verifier: MemoryVerifier) -> None:
    found = verifier.certificate(made(x509.Name([]), names=()).der)
    assert found is not None
    assert (found.subject_dn, found.san_dns, found.san_uri) == ((), (), ())
