"""Who is the client (RFC 6749 section 2.3)?"""

from dataclasses import dataclass

from grantlog import metrics
from grantlog.core.client.state import live_secret_hashes
from grantlog.core.decision import Origin
from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.client_auth import ClientCredentials, matches
from grantlog.core.protocol.errors import InvalidClientError, ProtocolError, TooManyRequestsError
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.service import Service
from grantlog.ports import Replay

_NOBODY = ""
"""Stands for every client that does not exist: who makes up a new one each time has one bucket, not one each."""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A client that has proven itself, or a public one that has named itself."""

    client: KnownClient
    how: str
    """Stable name of the proof: ``none``, or which of the client's secrets or keys. No secret itself."""
    replays: tuple[Replay, ...] = ()
    """The ``jti`` of its assertion, which the append (or ``EventLog.claim``) has to claim."""


async def authenticate(service: Service, rule: str, credentials: ClientCredentials, origin: Origin) -> Authenticated:
    """Proves the client. Failures count against ``rule`` per client and address; all made-up clients of an address together.

    Raises InvalidClientError, TooManyRequestsError (429) after too many failures, UnavailableError.
    """
    await refuse_throttled(service, rule, credentials.client_id, origin.subscriber)
    if service.clients.remembered(credentials.client_id) is None:
        await refuse_throttled(service, rule, _NOBODY, origin.subscriber)
    client = await service.clients.find(credentials.client_id)
    try:
        return prove(service, client, credentials)
    except InvalidClientError:
        changed = await _changed(service, client, credentials.client_id)
        try:
            if changed is None:
                raise
            return prove(service, changed, credentials)
        except InvalidClientError:
            named = _NOBODY if client is None else credentials.client_id
            await count_failure(service, rule, named, origin.subscriber)
            raise


async def _changed(service: Service, known: KnownClient | None, client_id: ClientId) -> KnownClient | None:
    """The client as the log's head knows it, where that is not how it was remembered.

    A process that issues nothing hears of no change: a secret that an operator made a moment ago must not be refused.
    """
    if known is None:
        return None
    await service.gates.catch_up((await service.ports.log.head()).gate_sequence)
    current = await service.clients.find(client_id)
    return None if current is known else current


async def refuse_throttled(service: Service, rule: str, *subjects: str) -> None:
    """Raises TooManyRequestsError while the bucket of these subjects is empty. No I/O."""
    wait = await service.ports.throttle.peek(rule, *subjects)
    if wait:
        metrics.THROTTLED.labels(rule).inc()
        raise TooManyRequestsError(wait)


async def count_failure(service: Service, rule: str, *subjects: str) -> None:
    """Takes one from the bucket of these subjects."""
    await service.ports.throttle.hit(rule, *subjects)


def prove(service: Service, client: KnownClient | None, credentials: ClientCredentials) -> Authenticated:
    """Compares what was presented with what is registered. Raises InvalidClientError, the same for every cause."""
    basic = credentials.method == "client_secret_basic"
    if client is None:
        # an unknown client costs the same comparison as a wrong secret
        matches(credentials.secret or "", (bytes(32),))
        raise InvalidClientError("client_unknown", basic=basic)
    public = client.state.metadata.token_endpoint_auth_method == "none"
    if public != (credentials.method == "none"):
        raise InvalidClientError("client_auth_method", basic=basic)
    how = "none"
    if not public:
        hashes = live_secret_hashes(client.state, service.ports.log.now())
        found = matches(credentials.secret or "", hashes)
        if found is None:
            raise InvalidClientError("client_secret_wrong", basic=basic)
        how = f"secret:{hashes[found][:4].hex()}"
    if client.state.suspended:
        raise InvalidClientError("client_suspended", basic=basic)
    return Authenticated(client, how)


def may_use(client: KnownClient, grant_type: str) -> None:
    """RFC 6749 section 5.2: raises unauthorized_client when the client is not registered for the grant type."""
    if grant_type not in client.state.metadata.grant_types:
        raise ProtocolError(
            "unauthorized_client", "the client is not registered for this grant_type", "grant_type_not_registered"
        )
