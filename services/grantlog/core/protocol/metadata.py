"""What the server says about itself (RFC 8414, OpenID Connect Discovery 1.0).

Every member whose default would be wrong is stated, and nothing is advertised that does not work: all of it follows from
the policy, by the same functions that registrations and endpoints go by.
"""

from typing import Any

from grantlog.core.protocol import supported
from grantlog.core.protocol.acr import SUPPORTED as ACR_VALUES
from grantlog.core.protocol.claims import STANDARD
from grantlog.core.protocol.jwk import ENCRYPTION_ALGS
from grantlog.core.protocol.policy import Policy
from grantlog.core.protocol.prompt import DISPLAYS, PROMPTS
from grantlog.core.protocol.response import RESPONSE_MODES, RESPONSE_TYPES
from grantlog.core.protocol.scope import OIDC_SCOPES
from grantlog.core.protocol.supported import ENCRYPTION_ENCS, SECRET_ALGS, SIGNING_ALGS

__all__ = ["SIGNING_ALGS", "authorization_server_metadata", "openid_configuration"]

CLAIMS = (
    *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "acr", "amr", "azp", "sid"),
    *STANDARD,
)
_ALIASED = (
    "token_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "userinfo_endpoint",
    "pushed_authorization_request_endpoint",
    "device_authorization_endpoint",
)
"""RFC 8705 section 5: endpoints that a client reaches with its certificate."""


def authorization_server_metadata(policy: Policy) -> dict[str, Any]:
    """RFC 8414 section 2: ``/.well-known/oauth-authorization-server``."""
    fapi2 = policy.profile == "fapi2"
    algs = list(supported.signing_algs(fapi2=fapi2))
    document: dict[str, Any] = {
        "issuer": policy.issuer,
        **_endpoints(policy),
        "scopes_supported": list(dict.fromkeys((*OIDC_SCOPES, *policy.catalog.scopes))),
        "response_types_supported": list(RESPONSE_TYPES),
        # default: ["query", "fragment"]
        "response_modes_supported": list(RESPONSE_MODES),
        # default: ["authorization_code", "implicit"]
        "grant_types_supported": list(supported.grant_types(policy)),
        **_authentication(policy, fapi2=fapi2),
        # RFC 8414 2: "If omitted, the authorization server does not support PKCE."
        "code_challenge_methods_supported": ["S256"],
        # RFC 9207 3: "If omitted, the default value is false."
        "authorization_response_iss_parameter_supported": True,
        # RFC 9449 5.1
        "dpop_signing_alg_values_supported": algs,
        # RFC 9126 5: "If omitted, the default value is false."
        "require_pushed_authorization_requests": policy.par_required or fapi2,
        # RFC 9101 10.5, OIDC Discovery 3: request_uri_parameter_supported "If omitted, the default value is true.": it means
        # URIs of clients, which are never fetched
        "request_parameter_supported": True,
        "request_uri_parameter_supported": False,
        "require_request_uri_registration": False,
        "require_signed_request_object": False,
        "request_object_signing_alg_values_supported": algs,
        "request_object_encryption_alg_values_supported": list(ENCRYPTION_ALGS),
        "request_object_encryption_enc_values_supported": list(ENCRYPTION_ENCS),
        # JARM 4, RFC 9701 7
        **_signed_and_encrypted("authorization", algs),
        **_signed_and_encrypted("introspection", algs),
        "claims_parameter_supported": True,
        "ui_locales_supported": ["en"],
        # RFC 9728 4
        "protected_resources": [policy.issuer],
    }
    if policy.details_types:
        # RFC 9396 10: "REQUIRED if the authorization server supports authorization_details"
        document["authorization_details_types_supported"] = [known.type for known in policy.details_types]
    if policy.client_id_documents:
        document["client_id_metadata_document_supported"] = True
    if policy.mtls_base_url is not None:
        document["tls_client_certificate_bound_access_tokens"] = True
        document["mtls_endpoint_aliases"] = {
            name: policy.mtls_base_url.rstrip("/") + document[name].removeprefix(_origin(policy.issuer))
            for name in _ALIASED
        }
    return document


def openid_configuration(policy: Policy) -> dict[str, Any]:
    """OpenID Connect Discovery section 3: ``/.well-known/openid-configuration``."""
    algs = list(supported.signing_algs(fapi2=policy.profile == "fapi2"))
    return authorization_server_metadata(policy) | {
        "subject_types_supported": ["public", "pairwise"],
        # OIDC Discovery 3: "The algorithm RS256 MUST be included."; FAPI 2.0 5.4.1 leaves it out
        **_signed_and_encrypted("id_token", algs),
        **_signed_and_encrypted("userinfo", algs),
        "acr_values_supported": list(ACR_VALUES),
        "claim_types_supported": ["normal"],
        "claims_supported": list(CLAIMS),
        "display_values_supported": list(DISPLAYS),
        "prompt_values_supported": list(PROMPTS),
        # OIDC Back-Channel Logout 2.1
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }


def _endpoints(policy: Policy) -> dict[str, str]:
    issuer = policy.issuer
    endpoints = {
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "device_authorization_endpoint": f"{issuer}/device_authorization",
        "end_session_endpoint": f"{issuer}/logout",
    }
    if supported.registers(policy):
        endpoints["registration_endpoint"] = f"{issuer}/register"
    return endpoints


def _authentication(policy: Policy, *, fapi2: bool) -> dict[str, list[str]]:
    """RFC 8414 section 2, for each endpoint that authenticates clients. The algorithms are those of assertions."""
    methods = supported.auth_methods(policy, fapi2=fapi2)
    algs = [*supported.signing_algs(fapi2=fapi2), *(SECRET_ALGS if "client_secret_jwt" in methods else ())]
    told: dict[str, list[str]] = {}
    for endpoint in ("token", "revocation", "introspection"):
        # RFC 7662 2.1: "To prevent token scanning attacks, the endpoint MUST also require some form of authorization"
        named = [method for method in methods if method != "none" or endpoint != "introspection"]
        # default: ["client_secret_basic"]
        told[f"{endpoint}_endpoint_auth_methods_supported"] = named
        told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = algs
    return told


def _signed_and_encrypted(answer: str, algs: list[str]) -> dict[str, list[str]]:
    return {
        f"{answer}_signing_alg_values_supported": algs,
        f"{answer}_encryption_alg_values_supported": list(ENCRYPTION_ALGS),
        f"{answer}_encryption_enc_values_supported": list(ENCRYPTION_ENCS),
    }


def _origin(url: str) -> str:
    """Scheme and authority of a URL."""
    return "/".join(url.split("/", 3)[:3])
