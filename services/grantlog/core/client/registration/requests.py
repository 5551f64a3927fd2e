"""How a client asks: what it pushes and signs, and how its users are to log in by default."""

from typing import Any

from grantlog.core.client.registration.rules import Rules
from grantlog.core.protocol.members import Document, flag, invalid, number, optional_one_of, texts
from grantlog.core.protocol.supported import signing_algs


def read_requests(document: Document, rules: Rules, *, keyed: bool) -> dict[str, Any]:
    """The members of ClientMetadata about authorization requests. Raises invalid_client_metadata."""
    fapi2 = rules.held_to_fapi2
    signed = flag(document, "require_signed_request_object")
    alg = optional_one_of(document, "request_object_signing_alg", signing_algs(fapi2=fapi2))
    if (signed or alg is not None) and not keyed:
        raise invalid("signed request objects need jwks or jwks_uri", "registration_request_object_keys")
    return {
        # FAPI 2.0 Security Profile 5.3.2.2: "shall reject authorization requests sent without [RFC9126]"
        "require_pushed_authorization_requests": flag(document, "require_pushed_authorization_requests") or fapi2,
        # RFC 9101 10.5
        "require_signed_request_object": signed,
        "request_object_signing_alg": alg,
        "default_max_age": number(document, "default_max_age"),
        "default_acr_values": texts(document, "default_acr_values"),
        "require_auth_time": flag(document, "require_auth_time"),
    }
