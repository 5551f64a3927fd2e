"""Software statements (RFC 7591 section 2.3): a JWT in which somebody who is trusted says what a piece of software is."""

from collections.abc import Mapping
from typing import Any

from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.jwt_text import MalformedJwtError, ReadJwt, read_jwt
from grantlog.core.protocol.jwt_time import AHEAD, numeric_date
from grantlog.core.protocol.policy import Policy, TrustedIssuer
from grantlog.core.protocol.supported import SIGNING_ALGS

TYPES = (None, "JWT", "software-statement+jwt")
REGISTERED = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})
"""RFC 7519 section 4.1: about the statement, not about the software."""
FORBIDDEN = frozenset({"software_statement", "resource_server_for"})
"""Members that a statement does not decide: itself, and what only the operator's token gives."""


def read_statement(text: object, policy: Policy) -> tuple[ReadJwt, TrustedIssuer]:
    """A statement as it was read, and whose keys have to verify it. Nothing is proven yet.

    Raises invalid_software_statement, unapproved_software_statement.
    """
    if not isinstance(text, str):
        raise invalid_statement("statement_not_text")
    try:
        jwt = read_jwt(text, algs=SIGNING_ALGS, typ=TYPES)
    except MalformedJwtError as wrong:
        raise invalid_statement(wrong.reason) from wrong
    named = jwt.claims.get("iss")
    # RFC 7591 2.3: "If the authorization server does not trust the issuer [...]": section 3.2.2,
    # "unapproved_software_statement: The software statement presented is not approved for use by this authorization server."
    for known in policy.trusted_issuers:
        if "software_statement" in known.purposes and known.issuer == named:
            return jwt, known
    raise ProtocolError(
        "unapproved_software_statement", "the issuer of the software statement is not trusted", "statement_issuer"
    )


def claims_of(jwt: ReadJwt, policy: Policy, now: int) -> Mapping[str, Any]:
    """The metadata that a verified statement decides. Raises invalid_software_statement."""
    claims = jwt.claims
    # A JWT about somebody is an assertion or an ID token, whoever signed it (RFC 8725 section 3.12: "Use Mutually Exclusive
    # Validation Rules for Different Kinds of JWTs").
    if "sub" in claims or "nonce" in claims:
        raise invalid_statement("statement_about_a_subject")
    audience = claims.get("aud", policy.issuer)
    if policy.issuer not in (audience if isinstance(audience, list) else [audience]):
        raise invalid_statement("statement_audience")
    expires = _moment(claims, "exp")
    if expires is not None and expires <= now:
        raise invalid_statement("statement_expired")
    if any(begins is not None and begins > now + AHEAD for begins in (_moment(claims, "nbf"), _moment(claims, "iat"))):
        raise invalid_statement("statement_not_yet_valid")
    if FORBIDDEN & claims.keys():
        raise invalid_statement("statement_member")
    return {name: value for name, value in claims.items() if name not in REGISTERED}


def invalid_statement(reason: str) -> ProtocolError:
    """RFC 7591 section 3.2.2: "The software statement presented is invalid"."""
    return ProtocolError("invalid_software_statement", "the software statement is not valid", reason)


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    try:
        return numeric_date(claims, name)
    except MalformedJwtError:
        raise invalid_statement(f"statement_{name}") from None
