"""What is on: what metadata advertises, registrations may name, and nothing else works. All of it follows from the policy."""

from grantlog.core.protocol.jwt_text import FAPI_ALGS
from grantlog.core.protocol.policy import Policy

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANT_TYPES = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    DEVICE_CODE,
    TOKEN_EXCHANGE,
    JWT_BEARER,
)
AUTH_METHODS = (
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "none",
)
TLS_METHODS = frozenset({"tls_client_auth", "self_signed_tls_client_auth"})
FAPI_METHODS = frozenset({"private_key_jwt"}) | TLS_METHODS
"""FAPI 2.0 Security Profile section 5.3.2.1: mTLS or ``private_key_jwt``."""
SIGNING_ALGS = ("RS256", "ES256", "PS256", "EdDSA")
"""By which this server signs, and accepts what others sign."""
SECRET_ALGS = ("HS256",)
"""Of ``client_secret_jwt`` assertions."""
ENCRYPTION_ENCS = ("A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM")
"""RFC 7518 section 5.1; the first is the default of OpenID Connect Registration section 2."""


def signing_algs(*, fapi2: bool) -> tuple[str, ...]:
    """Those that may be chosen; FAPI 2.0 leaves RS256 out."""
    return FAPI_ALGS if fapi2 else SIGNING_ALGS


def grant_types(policy: Policy) -> tuple[str, ...]:
    """Grants that this server knows. Assertions need somebody whose assertions count."""
    trusted = any("assertion" in issuer.purposes for issuer in policy.trusted_issuers)
    return tuple(name for name in GRANT_TYPES if name != JWT_BEARER or trusted)


def auth_methods(policy: Policy, *, fapi2: bool) -> tuple[str, ...]:
    """How clients may authenticate at the token endpoint (RFC 8414 section 2)."""
    return tuple(
        method
        for method in AUTH_METHODS
        if (method not in TLS_METHODS or policy.mtls_base_url is not None)
        and (method != "tls_client_auth" or policy.certificate_authorities)
        and (not fapi2 or method in FAPI_METHODS)
    )


def takes_statements(policy: Policy) -> bool:
    """Whether software statements of anybody count (RFC 7591 section 2.3)."""
    return any("software_statement" in issuer.purposes for issuer in policy.trusted_issuers)


def registers(policy: Policy) -> bool:
    """Whether there is any way to register by HTTP."""
    return policy.registration_open or takes_statements(policy)
