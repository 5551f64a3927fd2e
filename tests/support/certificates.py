"""Certificates made for a test (RFC 5280): of authorities, of servers, and of clients, honest or not."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

CLIENT = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shop, Ltd"),
        x509.NameAttribute(NameOID.COMMON_NAME, "client.example"),
    ]
)
CLIENT_DN = r"CN=client.example,O=Shop\, Ltd,C=DE"
NAMES: tuple[x509.GeneralName, ...] = (
    x509.DNSName("client.example"),
    x509.UniformResourceIdentifier("https://client.example/me"),
    x509.IPAddress(ip_address("192.0.2.7")),
    x509.IPAddress(ip_address("2001:db8::7")),
    x509.RFC822Name("ops@client.example"),
)


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def written(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Both in files: certificate and key."""
        files = directory / f"{name}.pem", directory / f"{name}.key"
        files[0].write_bytes(self.pem)
        files[1].write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files

    def context(self, directory: Path, name: str) -> ssl.SSLContext:
        """A client's TLS that shows this certificate and takes any server's."""
        context = anonymous()
        context.load_cert_chain(*self.written(directory, name))
        return context


def anonymous() -> ssl.SSLContext:
    """A client's TLS without a certificate, that takes any server's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def made(
    subject: x509.Name = CLIENT,
    issuer: Made | None = None,
    *,
    names: Sequence[x509.GeneralName] = NAMES,
    authority: bool = False,
    key: Any = None,
    days: tuple[int, int] = (-1, 1),
) -> Made:
    """A certificate, self-signed where there is no issuer, from and to so many days from now."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
    return Made(builder.sign(own if issuer is None else issuer.key, SHA256()), own)


def named(name: str) -> x509.Name:
    """A subject of a common name alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
