"""RFC 7591: a client registers itself, where somebody gave it the initial access token."""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from grantlog import metrics
from grantlog.core.decision import Origin
from grantlog.core.identifiers import seconds
from grantlog.core.protocol.errors import InvalidTokenError, ProtocolError, TooManyRequestsError
from grantlog.core.protocol.registration import read_registration, response_members
from grantlog.flows.authenticate import count_failure, refuse_throttled
from grantlog.flows.clients import known_scopes, metadata_of, register
from grantlog.flows.service import Service

RULE = "register"


async def register_client(
    service: Service, document: object, authorization: str | None, origin: Origin
) -> Mapping[str, Any]:
    """The members of RFC 7591 section 3.2.1, the secret among them, this once.

    ``document``: the parsed JSON. Raises ProtocolError (invalid_token, invalid_client_metadata, invalid_redirect_uri).
    """
    await refuse_throttled(service, RULE, origin.subscriber)
    try:
        _authorize(service, authorization)
    except InvalidTokenError:
        await count_failure(service, RULE, origin.subscriber)
        raise
    request = read_registration(document, known_scopes(service))
    # every registration writes to the log, so every one counts
    wait = await service.ports.throttle.hit(RULE, origin.subscriber)
    if wait:
        metrics.THROTTLED.labels(RULE).inc()
        raise TooManyRequestsError(wait)
    made = await register(service, metadata_of(request), origin)
    return response_members(
        request,
        client_id=made.state.client_id,
        client_secret=made.secret,
        issued_at=seconds(made.state.registered_at),
    )


def _authorize(service: Service, authorization: str | None) -> None:
    expected = service.initial_access_digest
    if expected is None:
        raise ProtocolError("access_denied", "registration is closed", "registration_closed")
    # RFC 7591 3: "an OAuth 2.0 access token ... Bearer Token Usage"
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidTokenError("initial_access_token_missing", presented=False)
    if not compare_digest(sha256(token.strip().encode("utf-8", "surrogateescape")).digest(), expected):
        raise InvalidTokenError("initial_access_token_wrong")
