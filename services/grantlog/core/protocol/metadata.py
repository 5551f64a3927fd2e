"""What the server says about itself (RFC 8414, OpenID Connect Discovery 1.0).

Every member whose default would be wrong is stated, and nothing is advertised that does not work.
"""

from dataclasses import dataclass
from typing import Any

from grantlog.core.protocol.client_auth import METHODS
from grantlog.core.protocol.prompt import PROMPTS
from grantlog.core.protocol.response import RESPONSE_MODES, RESPONSE_TYPES
from grantlog.core.protocol.scope import OIDC_SCOPES

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")
SIGNING_ALGS = ("RS256", "ES256", "PS256", "EdDSA")
CLAIMS = ("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "amr")
CONFIDENTIAL_METHODS = tuple(method for method in METHODS if method != "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What the documents depend on."""

    issuer: str
    """Without a trailing slash."""
    scopes: tuple[str, ...]
    """Those of the resources; OpenID Connect's own are added."""
    registration_open: bool


def authorization_server_metadata(published: Published) -> dict[str, Any]:
    """RFC 8414 section 2: ``/.well-known/oauth-authorization-server``."""
    issuer = published.issuer
    document: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "scopes_supported": list(dict.fromkeys((*OIDC_SCOPES, *published.scopes))),
        "response_types_supported": list(RESPONSE_TYPES),
        # default: ["query", "fragment"]
        "response_modes_supported": list(RESPONSE_MODES),
        # default: ["authorization_code", "implicit"]
        "grant_types_supported": list(GRANT_TYPES),
        # default: ["client_secret_basic"]
        "token_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "introspection_endpoint_auth_methods_supported": list(CONFIDENTIAL_METHODS),
        # RFC 8414 2: "If omitted, the authorization server does not support PKCE."
        "code_challenge_methods_supported": ["S256"],
        # RFC 9207 3: "If omitted, the default value is false."
        "authorization_response_iss_parameter_supported": True,
        # OIDC Discovery 3: request_uri_parameter_supported "If omitted, the default value is true."
        "request_uri_parameter_supported": False,
        "request_parameter_supported": False,
        "claims_parameter_supported": False,
        "ui_locales_supported": ["en"],
    }
    if published.registration_open:
        document["registration_endpoint"] = f"{issuer}/register"
    return document


def openid_configuration(published: Published) -> dict[str, Any]:
    """OpenID Connect Discovery section 3: ``/.well-known/openid-configuration``."""
    return authorization_server_metadata(published) | {
        "subject_types_supported": ["public"],
        # OIDC Discovery 3: "The algorithm RS256 MUST be included."
        "id_token_signing_alg_values_supported": list(SIGNING_ALGS),
        "claim_types_supported": ["normal"],
        "claims_supported": list(CLAIMS),
        "prompt_values_supported": list(PROMPTS),
    }
