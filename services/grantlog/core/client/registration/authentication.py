"""How a client proves itself, and what its tokens are bound to (RFC 7591 section 2, RFC 8705, RFC 9449, FAPI 2.0)."""

from json import dumps
from typing import Any, cast

from grantlog.core.client.events import AuthMethod
from grantlog.core.client.registration.rules import Rules
from grantlog.core.protocol import supported
from grantlog.core.protocol.jwk import MalformedKeyError, fits, read_jwks
from grantlog.core.protocol.members import Document, flag, invalid, one_of, optional_one_of, printable, text
from grantlog.core.protocol.mtls import IDENTIFIERS
from grantlog.core.protocol.supported import SECRET_ALGS, signing_algs

KEYED = frozenset({"private_key_jwt", "self_signed_tls_client_auth"})
SHARED = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})


def read_method(document: Document, rules: Rules) -> AuthMethod:
    """How it authenticates. Raises invalid_client_metadata."""
    known = supported.auth_methods(rules.policy, fapi2=rules.held_to_fapi2)
    if not rules.shared_secrets:
        known = tuple(method for method in known if method not in SHARED)
    # RFC 7591 2: "If unspecified or omitted, the default is 'client_secret_basic'"
    value = one_of(document, "token_endpoint_auth_method", known, rules.default_method)
    if value not in known:
        raise invalid("token_endpoint_auth_method is required", "registration_token_endpoint_auth_method")
    return cast("AuthMethod", value)


def read_authentication(document: Document, rules: Rules, method: AuthMethod) -> dict[str, Any]:
    """The members of ClientMetadata about keys, proofs and bound tokens. Raises invalid_client_metadata."""
    jwks, jwks_uri = _keys(document, rules)
    if method in KEYED and not jwks and jwks_uri is None:
        raise invalid("this token_endpoint_auth_method needs jwks or jwks_uri", "registration_keys_missing")
    algs = signing_algs(fapi2=rules.held_to_fapi2)
    if method == "private_key_jwt" and jwks and not any(fits(key, alg) for key in read_jwks(jwks) for alg in algs):
        raise invalid("jwks has no key that signs", "registration_jwks_signing")
    alg = optional_one_of(document, "token_endpoint_auth_signing_alg", (*algs, *SECRET_ALGS))
    asserted = {"client_secret_jwt": SECRET_ALGS, "private_key_jwt": algs}.get(method)
    if alg is not None and asserted is not None and alg not in asserted:
        raise invalid("token_endpoint_auth_signing_alg does not fit the method", "registration_auth_alg")
    return {
        "token_endpoint_auth_method": method,
        "jwks": jwks,
        "jwks_uri": jwks_uri,
        # of no meaning for a method without assertions
        "token_endpoint_auth_signing_alg": None if asserted is None else alg,
        "tls_client_auth": _subject(document) if method == "tls_client_auth" else None,
        **_bound(document, rules),
    }


def _keys(document: Document, rules: Rules) -> tuple[str, str | None]:
    uri, value = text(document, "jwks_uri"), document.get("jwks")
    # RFC 7591 2: "The 'jwks_uri' and 'jwks' parameters MUST NOT both be present in the same request or response."
    if uri is not None and value is not None:
        raise invalid("jwks and jwks_uri must not both be present", "registration_keys_twice")
    if uri is not None and not rules.is_outside(uri):
        raise invalid("jwks_uri must be an https URL", "registration_jwks_uri")
    return "" if value is None else _set(value), uri


def _set(value: object) -> str:
    """The usable keys of a set by value (RFC 7517 section 5), as compact JSON."""
    try:
        keys = read_jwks(dumps(value))
    except MalformedKeyError as wrong:
        raise invalid("jwks must be a set of public keys", f"registration_{wrong.reason}") from wrong
    if not keys:
        raise invalid("jwks has no key that can be used here", "registration_jwks_empty")
    return dumps({"keys": keys}, separators=(",", ":"))


def _subject(document: Document) -> tuple[str, str]:
    given = [
        (name, value)
        for name in IDENTIFIERS
        if (value := printable(document, f"tls_client_auth_{name}")) is not None and value
    ]
    # RFC 8705 2.1.2: "A client using the 'tls_client_auth' authentication method MUST use exactly one of the below metadata
    # parameters to indicate the certificate subject value"
    if len(given) != 1:
        raise invalid("exactly one of the tls_client_auth members is needed", "registration_tls_client_auth")
    return given[0]


def _bound(document: Document, rules: Rules) -> dict[str, bool]:
    tls = flag(document, "tls_client_certificate_bound_access_tokens")
    dpop = flag(document, "dpop_bound_access_tokens")
    if tls and rules.policy.mtls_base_url is None:
        raise invalid("certificate-bound access tokens are not supported", "registration_tls_bound")
    # FAPI 2.0 Security Profile 5.3.2.1: "shall only issue sender-constrained access tokens"; who does not say how gets DPoP
    dpop = dpop or (rules.held_to_fapi2 and not tls)
    return {"tls_client_certificate_bound_access_tokens": tls, "dpop_bound_access_tokens": dpop}
