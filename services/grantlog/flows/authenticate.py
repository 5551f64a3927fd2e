"""Who is the client (RFC 6749 section 2.3)?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from grantlog import metrics
from grantlog.core.client.state import live_secret_hashes
from grantlog.core.decision import Origin
from grantlog.core.identifiers import MICROS, ClientId, Micros
from grantlog.core.protocol.client_assertion import assertion_algs, assertion_audiences, check_assertion
from grantlog.core.protocol.client_auth import ClientCredentials, matches, read_credentials
from grantlog.core.protocol.errors import InvalidClientError, ProtocolError, TooManyRequestsError
from grantlog.core.protocol.jwk import Jwk, secret_jwk, select, thumbprint
from grantlog.core.protocol.jwt_text import MalformedJwtError
from grantlog.core.protocol.mtls import certificate_thumbprint, identifies, is_registered
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.supported import FAPI_METHODS
from grantlog.flows import client_keys
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.service import Service
from grantlog.ports import Replay, UnavailableError

SEALED = "client_secret_jwt"
"""The purpose under which such a client's secret is kept (``ports.kept``), by the client's stream: ``clients`` keeps it."""
_PRESENTED = {
    # RFC 6749 2.3.1: a secret may come either way
    "client_secret_post": "client_secret_basic",
    # a certificate comes with the connection; the request itself only names the client (RFC 8705 section 2)
    "tls_client_auth": "none",
    "self_signed_tls_client_auth": "none",
}
_FOR_RESOURCE_SERVERS = frozenset({"introspect"})
"""FAPI 2.0 is about clients: who only introspects is none."""
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


async def authenticate(
    service: Service, rule: str, parameters: Parameters, proofs: Proofs, origin: Origin
) -> Authenticated:
    """Proves the client. Failures count against ``rule`` per client and address; all made-up clients of an address together.

    Raises InvalidClientError, invalid_request where it proves itself in several ways, TooManyRequestsError (429) after too
    many failures, UnavailableError. What came with the proof and counts once is still to be claimed (``one_time``).
    """
    credentials = read_credentials(proofs.authorization, parameters)
    client_id = credentials.client_id
    await refuse_throttled(service, rule, client_id, origin.subscriber)
    if service.clients.remembered(client_id) is None:
        await refuse_throttled(service, rule, _NOBODY, origin.subscriber)
    client = await service.clients.find(client_id)
    held = rule not in _FOR_RESOURCE_SERVERS
    try:
        return await prove(service, client, credentials, proofs, held=held)
    except InvalidClientError:
        changed = await _changed(service, client, client_id)
        try:
            if changed is None:
                raise
            return await prove(service, changed, credentials, proofs, held=held)
        except InvalidClientError:
            await count_failure(service, rule, _NOBODY if client is None else client_id, origin.subscriber)
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


async def prove(
    service: Service, client: KnownClient | None, credentials: ClientCredentials, proofs: Proofs, *, held: bool = True
) -> Authenticated:
    """Compares what was presented with what is registered. Raises InvalidClientError, the same for every cause.

    ``held``: whether FAPI 2.0 counts here, where the server or the client is held to it.
    """
    basic = credentials.method == "client_secret_basic"
    if client is None:
        # an unknown client costs the same comparison as a wrong secret
        matches(credentials.secret or "", (bytes(32),))
        raise InvalidClientError("client_unknown", basic=basic)
    method = client.state.metadata.token_endpoint_auth_method
    fapi2 = held and service.policy.fapi2_for(client.state.metadata.profile)
    # FAPI 2.0 Security Profile 5.3.2.1: "shall authenticate clients using one of the following methods: MTLS [...],
    # private_key_jwt"
    if _PRESENTED.get(method, method) != _PRESENTED.get(credentials.method, credentials.method) or (
        fapi2 and method not in FAPI_METHODS
    ):
        raise InvalidClientError("client_auth_method", basic=basic)
    match method:
        case "client_secret_basic" | "client_secret_post":
            proven = _by_secret(service, client, credentials, basic=basic)
        case "private_key_jwt" | "client_secret_jwt":
            proven = await _by_assertion(service, client, credentials, proofs, fapi2=fapi2)
        case "tls_client_auth" | "self_signed_tls_client_auth":
            proven = await _by_certificate(service, client, proofs)
        case "none":
            proven = Authenticated(client, "none")
        case _:
            assert_never(method)
    if client.state.suspended:
        raise InvalidClientError("client_suspended", basic=basic)
    return proven


def _by_secret(service: Service, client: KnownClient, credentials: ClientCredentials, *, basic: bool) -> Authenticated:
    hashes = live_secret_hashes(client.state, service.ports.log.now())
    found = matches(credentials.secret or "", hashes)
    if found is None:
        raise InvalidClientError("client_secret_wrong", basic=basic)
    return Authenticated(client, f"secret:{hashes[found][:4].hex()}")


async def _by_assertion(
    service: Service, client: KnownClient, credentials: ClientCredentials, proofs: Proofs, *, fapi2: bool
) -> Authenticated:
    """RFC 7523 section 3. The signature is the last thing that is looked at: it alone costs something."""
    metadata, jwt = client.state.metadata, credentials.assertion
    method, registered = metadata.token_endpoint_auth_method, metadata.token_endpoint_auth_signing_alg
    if jwt is None or jwt.alg not in assertion_algs(method, registered, fapi2=fapi2):
        raise InvalidClientError("client_assertion_alg")
    audiences = assertion_audiences(service.policy.issuer, proofs.url, fapi2=fapi2)
    try:
        once = check_assertion(jwt.claims, audiences, service.ports.log.now() / MICROS)
    except MalformedJwtError as wrong:
        raise InvalidClientError(f"client_assertion_{wrong.reason}") from None
    keys: Sequence[Jwk]
    if method == "client_secret_jwt":
        keys = await _shared_secret(service, client)
    else:
        try:
            keys = await client_keys.keys_of(service, client.state, jwt.kid)
        except UnavailableError:
            # the client's own server does not answer: that is nobody's outage but the client's
            raise InvalidClientError("client_keys_unavailable") from None
    key = await service.ports.verifier.verify(jwt, select(keys, jwt.alg, jwt.kid))
    if key is None:
        raise InvalidClientError("client_assertion_signature")
    how = "secret:jwt" if method == "client_secret_jwt" else f"key:{thumbprint(key)}"
    replay = Replay(
        f"assertion {client.state.client_id} {once.jti}".encode(), Micros(int(once.expires_at * MICROS) + 1)
    )
    return Authenticated(client, how, (replay,))


async def _shared_secret(service: Service, client: KnownClient) -> tuple[Jwk, ...]:
    """The secret of a ``client_secret_jwt`` client: the only one it has, and the only kind that is not hashed."""
    secret = await service.ports.kept.recall(client.stream, SEALED)
    return () if secret is None else (secret_jwk(secret),)


async def _by_certificate(service: Service, client: KnownClient, proofs: Proofs) -> Authenticated:
    """RFC 8705 section 2."""
    metadata = client.state.metadata
    if proofs.certificate is None or service.policy.mtls_base_url is None:
        raise InvalidClientError("client_certificate_missing")
    certificate = service.ports.verifier.certificate(proofs.certificate)
    if certificate is None:
        raise InvalidClientError("client_certificate_malformed")
    if metadata.token_endpoint_auth_method == "tls_client_auth":
        registered, now = metadata.tls_client_auth, service.ports.log.now() / MICROS
        known = registered is not None and identifies(certificate, registered, now)
    else:
        try:
            known = is_registered(certificate, await client_keys.keys_of(service, client.state, None))
        except UnavailableError:
            raise InvalidClientError("client_keys_unavailable") from None
    if not known:
        raise InvalidClientError("client_certificate_unknown")
    return Authenticated(client, f"certificate:{certificate_thumbprint(certificate.der)}")


def may_use(client: KnownClient, grant_type: str) -> None:
    """RFC 6749 section 5.2: raises unauthorized_client when the client is not registered for the grant type."""
    if grant_type not in client.state.metadata.grant_types:
        raise ProtocolError(
            "unauthorized_client", "the client is not registered for this grant_type", "grant_type_not_registered"
        )
