"""Registrations for tests: keys that are keys, and a policy with everything on."""

from typing import Any

from grantlog.core.client.events import ClientMetadata
from grantlog.core.client.registration import Rules, read_registration
from grantlog.core.protocol.policy import DetailsType, Policy, TrustedIssuer
from grantlog.core.protocol.resource import Catalog, ResourceRule

CALLBACK = "https://client.example.org/callback"
ISSUER = "https://id.example.com"
API = "https://api.example.com/"
# RFC 7517 appendix A.1
EC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "kid": "1",
}
RSA_KEY = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5haj"
        "rn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    ),
    "e": "AQAB",
    "kid": "2",
}
JWKS = {"keys": [EC_KEY, RSA_KEY]}
POLICY = Policy(
    issuer=ISSUER,
    catalog=Catalog((ResourceRule(API, ("api:read", "api:write")),)),
    registration_open=True,
    mtls_base_url="https://mtls.example.com",
    certificate_authorities=True,
    client_id_documents=True,
    details_types=(DetailsType(type="payment", schema={}, title="Pay"),),
    trusted_issuers=(
        TrustedIssuer(
            issuer="https://ci.example", jwks_uri=None, jwks="{}", purposes=("assertion", "software_statement")
        ),
    ),
)
PLAIN = Policy(issuer=ISSUER, catalog=POLICY.catalog)
"""Nothing on that has to be turned on."""


def rules(policy: Policy = POLICY, **changes: Any) -> Rules:
    """What a registration is held against."""
    return Rules(policy=policy, **changes)


def read(held: Rules | None = None, /, **members: object) -> ClientMetadata:
    """A registration with these members besides one redirect URI. Raises ProtocolError."""
    return read_registration({"redirect_uris": [CALLBACK]} | members, held or rules())
