"""Software statements (RFC 7591 section 2.3): verified, they decide what the metadata beside them only claims."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grantlog.core.identifiers import seconds
from grantlog.core.protocol.jwk import Jwk, MalformedKeyError, read_jwks, select
from grantlog.core.protocol.jwt_text import ReadJwt
from grantlog.core.protocol.policy import TrustedIssuer
from grantlog.core.protocol.software_statement import claims_of, invalid_statement, read_statement
from grantlog.flows.client_keys import fetched_keys
from grantlog.flows.service import Service
from grantlog.ports import UnavailableError

MEMBER = "software_statement"


@dataclass(frozen=True, slots=True)
class Vouched:
    """What somebody who is trusted says of a client."""

    issuer: str
    text: str
    members: Mapping[str, Any]


async def read_vouched(service: Service, document: Mapping[str, Any]) -> Vouched | None:
    """The statement in a registration, verified; None where there is none.

    Raises invalid_software_statement, unapproved_software_statement, UnavailableError.
    """
    text = document.get(MEMBER)
    if text is None:
        return None
    jwt, issuer = read_statement(text, service.policy)
    keys = await _keys(service, issuer, jwt)
    # RFC 7591 2.3: "the software statement MUST be digitally signed or MACed using JWS"
    if not keys or await service.ports.verifier.verify(jwt, keys) is None:
        raise invalid_statement("statement_signature")
    return Vouched(issuer.issuer, str(text), claims_of(jwt, service.policy, seconds(service.ports.log.now())))


def decided(document: Mapping[str, Any], vouched: Vouched | None) -> Mapping[str, Any]:
    """The metadata to register."""
    if vouched is None:
        return document
    # RFC 7591 2.3: "Client metadata values conveyed in the software statement MUST take precedence over those conveyed
    # using plain JSON elements."
    return {**document, **vouched.members}


async def _keys(service: Service, issuer: TrustedIssuer, jwt: ReadJwt) -> Sequence[Jwk]:
    """The keys that may have signed, by value or from their URL."""
    try:
        if issuer.jwks_uri is None:
            return select(read_jwks(issuer.jwks), jwt.alg, jwt.kid)
        return select(await fetched_keys(service, issuer.jwks_uri, jwt.kid), jwt.alg, jwt.kid)
    except (UnavailableError, MalformedKeyError) as wrong:
        raise invalid_statement("statement_keys") from wrong
