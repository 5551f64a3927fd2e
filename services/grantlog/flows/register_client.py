"""RFC 7591: a client registers itself, where somebody gave it the initial access token or vouches for it."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from grantlog import metrics
from grantlog.core.client.events import ClientMetadata
from grantlog.core.client.registration import Rules, audiences, read_registration
from grantlog.core.decision import Origin
from grantlog.core.protocol.errors import InvalidTokenError, ProtocolError, TooManyRequestsError
from grantlog.core.protocol.members import invalid
from grantlog.core.protocol.supported import registers, takes_statements
from grantlog.flows.authenticate import count_failure, refuse_throttled
from grantlog.flows.clients import register
from grantlog.flows.registration_answer import registration_answer
from grantlog.flows.sector_identifier import check_sector
from grantlog.flows.service import Service
from grantlog.flows.software_statements import MEMBER, Vouched, decided, read_vouched

RULE = "register"


async def register_client(
    service: Service, document: object, authorization: str | None, origin: Origin
) -> Mapping[str, Any]:
    """The members of RFC 7591 section 3.2.1, the secret and the registration access token among them, this once.

    ``document``: the parsed JSON. Raises ProtocolError (invalid_token, invalid_client_metadata, invalid_redirect_uri,
    invalid_software_statement, unapproved_software_statement), UnavailableError.
    """
    await refuse_throttled(service, RULE, origin.subscriber)
    try:
        invited = _invited(service, document, authorization)
        members = read_object(document)
        vouched = await read_vouched(service, members)
    except ProtocolError as refused:
        # junk of somebody who may register is a mistake; anything else is somebody who tries doors
        if refused.error != "invalid_client_metadata":
            await count_failure(service, RULE, origin.subscriber)
        raise
    if not invited and vouched is not None:
        _vouched_for_all(members, vouched)
    rules = Rules(policy=service.policy, resource_servers=audiences(service.policy) if invited else ())
    metadata = read_registration(decided(members, vouched), rules)
    if vouched is not None:
        metadata = with_statement(metadata, vouched)
    # every registration writes to the log, so every one counts
    await count_registration(service, origin)
    await check_sector(service, metadata)
    made = await register(service, metadata, origin, managed=True)
    told = registration_answer(service, made.state, secret=made.secret, token=made.registration_token)
    return told if vouched is None else {**told, MEMBER: vouched.text}


def read_object(document: object) -> Mapping[str, Any]:
    """The body of a registration. Raises invalid_client_metadata."""
    if not isinstance(document, Mapping):
        raise invalid("the body must be a JSON object", "registration_not_an_object")
    return document


def with_statement(metadata: ClientMetadata, vouched: Vouched) -> ClientMetadata:
    """A client of whom somebody trusted says what people see of it: its name, and where it is answered."""
    shown = "client_name" in vouched.members and ("redirect_uris" in vouched.members or not metadata.redirect_uris)
    return replace(metadata, software_statement_issuer=vouched.issuer, verified=shown)


async def count_registration(service: Service, origin: Origin) -> None:
    """Raises TooManyRequestsError where this subscriber has written enough."""
    wait = await service.ports.throttle.hit(RULE, origin.subscriber)
    if wait:
        metrics.THROTTLED.labels(RULE).inc()
        raise TooManyRequestsError(wait)


def token_digest(authorization: str | None) -> bytes:
    """SHA-256 of the bearer token (RFC 6750 section 2.1). Raises InvalidTokenError."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidTokenError("registration_token_missing", presented=False)
    return sha256(token.strip().encode("utf-8", "surrogateescape")).digest()


def _invited(service: Service, document: object, authorization: str | None) -> bool:
    """True: by the initial access token. False: somebody vouches for the client, which is still to be proven."""
    if not registers(service.policy):
        raise ProtocolError("access_denied", "registration is closed", "registration_closed")
    stated = isinstance(document, Mapping) and document.get(MEMBER) is not None
    if authorization is None and stated and takes_statements(service.policy):
        return False
    # RFC 7591 3: "an OAuth 2.0 access token ... Bearer Token Usage"
    if not compare_digest(token_digest(authorization), service.initial_access_digest or bytes(32)):
        raise InvalidTokenError("initial_access_token_wrong")
    return True


def _vouched_for_all(members: Mapping[str, Any], vouched: Vouched) -> None:
    """Without the initial access token the statement says what hurts if it is wrong; an installation adds its keys."""
    for name in ("redirect_uris", "client_name", "scope", "grant_types"):
        if members.get(name) is not None and name not in vouched.members:
            raise ProtocolError(
                "unapproved_software_statement", f"the software statement does not say {name}", "statement_incomplete"
            )
