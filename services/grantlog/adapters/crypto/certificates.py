"""Client certificates (RFC 5280, RFC 8705), read by cryptography."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from grantlog.core.protocol.jwk import Jwk, MalformedKeyError, read_jwk
from grantlog.core.protocol.mtls import Certificate
from grantlog.settings import SettingsError

SIZE_LIMIT = 16_384
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType, x509.DuplicateExtension)
"""What cryptography raises of certificates that are malformed, or of a kind that it does not know."""


class AuthoritiesError(SettingsError):
    """The file of authorities cannot be used."""


def read_authorities(path: Path | None) -> tuple[x509.Certificate, ...]:
    """The authorities that issue clients' certificates; none where there is no file. Raises AuthoritiesError."""
    if path is None:
        return ()
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as wrong:
        raise AuthoritiesError("GRANTLOG_CLIENT_CERTIFICATE_AUTHORITIES: no certificates there") from wrong


def read_certificate(der: bytes, authorities: Sequence[x509.Certificate]) -> Certificate | None:
    """A certificate in DER; None where it is none. Never raises."""
    if len(der) > SIZE_LIMIT:
        return None
    try:
        found = x509.load_der_x509_certificate(der)
        names = _alternative_names(found)
        return Certificate(
            der=der,
            subject_dn=_subject(found),
            san_dns=_texts(names, x509.DNSName),
            san_uri=_texts(names, x509.UniformResourceIdentifier),
            san_ip=_texts(names, x509.IPAddress),
            san_email=_texts(names, x509.RFC822Name),
            valid_from=found.not_valid_before_utc.timestamp(),
            valid_until=found.not_valid_after_utc.timestamp(),
            jwk=_jwk(found),
            trusted=any(_issued(found, authority) for authority in authorities),
        )
    except _UNREADABLE:
        return None


def _subject(found: x509.Certificate) -> tuple[tuple[str, str], ...]:
    """As RFC 4514 writes it: the last attribute first."""
    pairs = ((each.rfc4514_attribute_name.upper(), str(each.value)) for rdn in found.subject.rdns for each in rdn)
    return tuple(pairs)[::-1]


def _alternative_names(found: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _texts(names: x509.SubjectAlternativeName | None, kind: Any) -> tuple[str, ...]:
    return () if names is None else tuple(str(value) for value in names.get_values_for_type(kind))


def _jwk(found: x509.Certificate) -> Jwk | None:
    match found.public_key():
        case RSAPublicKey() as rsa:
            numbers = rsa.public_numbers()
            members = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        case EllipticCurvePublicKey() as point if point.curve.name == "secp256r1":
            raw = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            members = {"kty": "EC", "crv": "P-256", "x": _text(raw[1:33]), "y": _text(raw[33:])}
        case Ed25519PublicKey() as key:
            members = {"kty": "OKP", "crv": "Ed25519", "x": _text(key.public_bytes_raw())}
        case _:
            return None
    try:
        return read_jwk(members)
    except MalformedKeyError:
        return None


def _issued(found: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether an authority has signed a certificate itself. Authorities in between are listed like all others."""
    if found == authority:
        return False
    try:
        found.verify_directly_issued_by(authority)
    except (InvalidSignature, *_UNREADABLE):
        return False
    return True


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
