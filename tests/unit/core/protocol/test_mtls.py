from base64 import b64encode
from dataclasses import replace
from urllib.parse import quote

import pytest
from tests.support.jwts import key

from grantlog.core.protocol.mtls import (
    HEADER_LIMIT,
    Certificate,
    certificate_thumbprint,
    identifies,
    is_registered,
    read_certificate_header,
    read_dn,
)

SHOWN = Certificate(
    der=b"certificate",
    subject_dn=(("CN", "client.example"), ("O", "Shop, Ltd")),
    san_dns=("Client.example",),
    san_uri=("https://client.example/me",),
    san_ip=("192.0.2.7", "2001:db8::7"),
    san_email=("ops@client.example",),
    valid_from=10,
    valid_until=20,
    jwk=key("ES256").jwk,
    trusted=True,
)


@pytest.mark.parametrize(
    "registered",
    [
        ("subject_dn", "CN=client.example, O=Shop\\, Ltd"),
        ("san_dns", "client.EXAMPLE"),
        ("san_uri", "https://client.example/me"),
        ("san_ip", "2001:0db8::0007"),
        ("san_email", "ops@client.example"),
    ],
)
def test_a_certificate_is_its_clients_while_it_counts(registered: tuple[str, str]) -> None:
    assert identifies(SHOWN, registered, 10)
    assert identifies(SHOWN, registered, 20)
    assert not identifies(SHOWN, registered, 9)
    assert not identifies(SHOWN, registered, 21)
    assert not identifies(replace(SHOWN, trusted=False), registered, 15)


@pytest.mark.parametrize(
    "registered",
    [
        ("subject_dn", "CN=client.example"),
        ("subject_dn", "O=Shop\\, Ltd,CN=client.example"),
        ("subject_dn", "nonsense"),
        ("san_dns", "other.example"),
        ("san_uri", "https://client.example/ME"),
        ("san_ip", "192.0.2.8"),
        ("san_ip", "nonsense"),
        ("san_email", "other@client.example"),
        ("san_other", "client.example"),
    ],
)
def test_nobody_elses(registered: tuple[str, str]) -> None:
    assert not identifies(SHOWN, registered, 15)


def test_a_self_signed_certificate_is_known_by_its_key_or_by_itself() -> None:
    other = key("ES256", "-other").jwk
    assert is_registered(SHOWN, (other, key("ES256").published))
    assert not is_registered(SHOWN, (other,))
    assert not is_registered(SHOWN, ())
    itself = other | {"x5c": [b64encode(SHOWN.der).decode()]}
    unknown = replace(SHOWN, jwk=None)
    assert is_registered(unknown, (itself,))
    assert not is_registered(unknown, (other, other | {"x5c": []}))


def test_the_thumbprint_is_of_the_der() -> None:
    assert certificate_thumbprint(b"") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (":AQI=:", b"\x01\x02"),
        (" :AQI=: ", b"\x01\x02"),
        (quote("-----BEGIN CERTIFICATE-----\nAQ\nI=\n-----END CERTIFICATE-----\n"), b"\x01\x02"),
        ("-----BEGIN CERTIFICATE----- AQI= -----END CERTIFICATE-----", b"\x01\x02"),
        ("", None),
        ("::", None),
        (":AQI:", None),
        (":A Q:", None),
        ("AQI=", None),
        (":AQI=:, :AQI=:", None),
        ("%00", None),
        ("-----BEGIN CERTIFICATE-----\n=\n-----END CERTIFICATE-----", None),
        ("x" * (HEADER_LIMIT + 1), None),
    ],
)
def test_a_proxys_header_is_a_byte_sequence_or_escaped_pem(value: str, expected: bytes | None) -> None:
    assert read_certificate_header(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # RFC 4514 4
        ("UID=jsmith,DC=example,DC=net", (("UID", "jsmith"), ("DC", "example"), ("DC", "net"))),
        ("OU=Sales+CN=J.  Smith,DC=net", (("OU", "Sales"), ("CN", "J.  Smith"), ("DC", "net"))),
        ('CN=James \\"Jim\\" Smith\\, III,DC=net', (("CN", 'James "Jim" Smith, III'), ("DC", "net"))),
        ("CN=Before\\0dAfter,DC=net", (("CN", "Before\rAfter"), ("DC", "net"))),
        ("CN=Lu\\C4\\8Di\\C4\\87", (("CN", "Lučić"),)),
        ("cn=a\\ ,o=b ", (("CN", "a "), ("O", "b"))),
        ("2.5.4.3=x", (("2.5.4.3", "x"),)),
        ("CN=", (("CN", ""),)),
        ("", None),
        ("CN", None),
        ("CN=a,", None),
        ("CN=a,nonsense", None),
        ("CN=a;b", None),
        ("CN=a\\", None),
    ],
)
def test_a_distinguished_name_is_read_as_rfc4514_writes_it(
    text: str, expected: tuple[tuple[str, str], ...] | None
) -> None:
    assert read_dn(text) == expected
