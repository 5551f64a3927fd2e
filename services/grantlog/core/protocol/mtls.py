"""Client certificates (RFC 8705): what identifies a client in one, and how tokens are bound to it."""

import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from binascii import Error
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes

from grantlog.core.protocol.jwk import Jwk, thumbprint

HEADER_LIMIT = 16_384
IDENTIFIERS = ("subject_dn", "san_dns", "san_uri", "san_ip", "san_email")
"""RFC 8705 section 2.1.2, each after ``tls_client_auth_``."""
_BYTE_SEQUENCE = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_PEM = re.compile(rb"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*")
_ATTRIBUTE = re.compile(r"\s*([A-Za-z][A-Za-z0-9.-]*|[0-9.]+)\s*=\s*")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client certificate, read. Times are seconds since 1970."""

    der: bytes
    subject_dn: tuple[tuple[str, str], ...]
    """The attributes of the subject by short name or OID, most significant last, as RFC 4514 writes them."""
    san_dns: tuple[str, ...]
    san_uri: tuple[str, ...]
    san_ip: tuple[str, ...]
    san_email: tuple[str, ...]
    valid_from: float
    valid_until: float
    jwk: Jwk | None
    """Its key; None where it is of a kind that nobody here verifies."""
    trusted: bool
    """Whether one of the configured authorities has issued it."""


def certificate_thumbprint(der: bytes) -> str:
    """``x5t#S256`` (RFC 8705 section 3.1): base64url of the SHA-256 of the DER."""
    return urlsafe_b64encode(sha256(der).digest()).rstrip(b"=").decode()


def identifies(certificate: Certificate, registered: tuple[str, str], now: float) -> bool:
    """Whether a certificate proves the client that registered one of IDENTIFIERS (RFC 8705 section 2.1)."""
    # RFC 8705 2.1: the certificate chain is validated; what no authority vouches for, anybody can write
    if not certificate.trusted or not certificate.valid_from <= now <= certificate.valid_until:
        return False
    kind, value = registered
    match kind:
        case "subject_dn":
            wanted = read_dn(value)
            return wanted is not None and wanted == certificate.subject_dn
        case "san_dns":
            # RFC 4343: names are compared without regard to case
            return value.lower() in {name.lower() for name in certificate.san_dns}
        case "san_uri":
            return value in certificate.san_uri
        case "san_ip":
            return _same_address(value, certificate.san_ip)
        case "san_email":
            return value in certificate.san_email
        case _:
            return False


def is_registered(certificate: Certificate, keys: Sequence[Jwk]) -> bool:
    """Whether a self-signed certificate is one of a client's (RFC 8705 section 2.2): by its key, or by itself in ``x5c``."""
    encoded = b64encode(certificate.der).decode()
    known = None if certificate.jwk is None else thumbprint(certificate.jwk)
    return any(thumbprint(key) == known or key.get("x5c", [])[:1] == [encoded] for key in keys)


def read_certificate_header(value: str) -> bytes | None:
    """The DER in a proxy's header: a byte sequence (RFC 9440 section 2.1), or PEM, percent-escaped; None where it is neither."""
    if len(value) > HEADER_LIMIT:
        return None
    sequence = _BYTE_SEQUENCE.fullmatch(value.strip())
    if sequence is not None:
        return _decoded(sequence[1].encode())
    pem = _PEM.fullmatch(unquote_to_bytes(value))
    return None if pem is None else _decoded(b"".join(pem[1].split()))


def read_dn(text: str) -> tuple[tuple[str, str], ...] | None:
    """A distinguished name in RFC 4514's writing, as its attributes in order; None where it is none.

    Names of attributes are compared without regard to case, values with it. Of a relative name with several attributes, all
    count, in their order.
    """
    found = []
    rest = text
    while rest:
        named = _ATTRIBUTE.match(rest)
        if named is None:
            return None
        value, rest, ok = _dn_value(rest[named.end() :])
        if not ok or (not rest and value is None):
            return None
        found.append((named[1].upper(), value))
    return tuple(found) or None


def _dn_value(text: str) -> tuple[str, str, bool]:
    """The value at the beginning, what comes after its separator, and whether it is well-formed (RFC 4514 section 2.4)."""
    raw = bytearray()
    kept = 0
    position = 0
    while position < len(text):
        sign = text[position]
        if sign in ",+":
            return _dn_text(raw, kept), text[position + 1 :], bool(text[position + 1 :].strip())
        if sign in '";<>':
            return "", "", False
        if sign == "\\":
            escaped = re.match(r"[0-9A-Fa-f]{2}", text[position + 1 :])
            if escaped is not None:
                raw.append(int(escaped[0], 16))
                position += 3
            elif position + 1 < len(text):
                raw += text[position + 1].encode()
                position += 2
            else:
                return "", "", False
            kept = len(raw)
            continue
        raw += sign.encode()
        position += 1
    return _dn_text(raw, kept), "", True


def _dn_text(raw: bytearray, kept: int) -> str:
    """Spaces at the end belong to the value only where they were escaped; those before ``kept`` were, or stand inside."""
    return (bytes(raw[:kept]) + bytes(raw[kept:]).rstrip(b" ")).decode(errors="replace")


def _same_address(value: str, known: Sequence[str]) -> bool:
    try:
        return ip_address(value) in {ip_address(each) for each in known}
    except ValueError:
        return False


def _decoded(text: bytes) -> bytes | None:
    try:
        return b64decode(text, validate=True) or None
    except (Error, ValueError):
        return None
