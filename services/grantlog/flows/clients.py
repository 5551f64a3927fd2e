"""What operators do with clients, and how any client comes to be: registered, given secrets, suspended, resumed."""

from asyncio import gather
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from grantlog.core.client import decide
from grantlog.core.client.events import ClientMetadata
from grantlog.core.client.state import ClientState, evolve
from grantlog.core.decision import Decision, Origin, Refused
from grantlog.core.identifiers import ClientId, Micros, StreamId
from grantlog.core.protocol.client_auth import CLIENT_ID_LIMIT, secret_digest
from grantlog.core.protocol.client_secret import SECRET_BYTES, write_client_secret
from grantlog.core.protocol.registration import RegistrationRequest
from grantlog.core.protocol.scope import OIDC_SCOPES
from grantlog.flows.handle import RejectedError, begin, handle, plain
from grantlog.flows.operators import CommandRefusedError, birth, settle
from grantlog.flows.service import Service

_Rule = Callable[[ClientState | None], Decision[Refused | None]]


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client that was just registered; its secret is told this once."""

    stream: StreamId
    state: ClientState
    secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that was just made, told this once; until when the one before it works (None: there was none)."""

    text: str = field(repr=False)
    previous_until: Micros | None


def metadata_of(request: RegistrationRequest) -> ClientMetadata:
    """What a registration makes of a client."""
    return ClientMetadata(
        name=request.name,
        token_endpoint_auth_method=request.token_endpoint_auth_method,
        redirect_uris=request.redirect_uris,
        grant_types=request.grant_types,
        response_types=request.response_types,
        scope=request.scope,
        application_type=request.application_type,
        id_token_signed_response_alg=request.id_token_signed_response_alg,
        origins=request.origins,
        client_uri=request.client_uri,
        logo_uri=request.logo_uri,
        policy_uri=request.policy_uri,
        tos_uri=request.tos_uri,
    )


def known_scopes(service: Service) -> tuple[str, ...]:
    """Every scope that a client may be registered for."""
    return (*service.policy.catalog.scopes, *OIDC_SCOPES)


async def register(
    service: Service, metadata: ClientMetadata, origin: Origin, client_id: ClientId | None = None
) -> NewClient:
    """RFC 7591 section 3: a new client, with a secret unless it is public, and an id unless it has one already.

    Raises CommandRefusedError (``client_id_taken``, ``client_id_malformed``), UnavailableError.
    """
    log, secrets = service.ports.log, service.ports.secrets
    wanted = client_id or ClientId(urlsafe_b64encode(secrets.random(16)).rstrip(b"=").decode())
    # RFC 6749 A.1: client-id = *VSCHAR, the printable characters of ASCII
    if len(wanted) > CLIENT_ID_LIMIT or not (wanted.isascii() and wanted.isprintable()):
        raise CommandRefusedError(
            Refused("invalid_client_metadata", "a client_id is printable ASCII", "client_id_malformed")
        )
    secret = None if metadata.token_endpoint_auth_method == "none" else _new_secret(service)
    command = decide.Register(
        client_id=wanted, metadata=metadata, secret_hash=None if secret is None else secret_digest(secret)
    )
    stream = log.mint()
    try:
        begun = await begin(service, stream, evolve, birth(decide.register(None, command, log.now())), origin)
    except RejectedError:
        taken = Refused("invalid_client_metadata", "the client_id is taken", "client_id_taken")
        raise CommandRefusedError(taken) from None
    return NewClient(stream, begun.state, secret)


async def rotate_secret(service: Service, client_id: ClientId, origin: Origin, overlap: int | None = None) -> NewSecret:
    """Gives a client another secret; the newest before it works on for ``overlap`` seconds, and no other.

    Raises CommandRefusedError (``client_unknown``, ``client_public``), UnavailableError.
    """
    text = _new_secret(service)
    span = service.policy.secret_overlap if overlap is None else overlap
    command = decide.AddSecret(secret_hash=secret_digest(text), overlap=span)
    state = await _command(
        service, client_id, lambda known: decide.add_secret(known, command, service.ports.log.now()), origin
    )
    return NewSecret(text, state.secrets[0].expires_at if len(state.secrets) > 1 else None)


async def suspend(service: Service, client_id: ClientId, cause: str, origin: Origin) -> ClientState:
    """Stops a client and everything issued to it. Returns when every reader knows.

    Raises CommandRefusedError (``client_unknown``), UnavailableError while a reader may not know yet: try again.
    """
    return await _command(service, client_id, lambda state: decide.suspend(state, cause), origin)


async def resume(service: Service, client_id: ClientId, origin: Origin) -> ClientState:
    """Lets a suspended client act again. Raises CommandRefusedError (``client_unknown``), UnavailableError."""
    return await _command(service, client_id, decide.resume, origin)


async def update(service: Service, client_id: ClientId, metadata: ClientMetadata, origin: Origin) -> ClientState:
    """Replaces a client's registration (RFC 7592 section 2.2). Raises CommandRefusedError, UnavailableError."""
    return await _command(
        service, client_id, lambda state: decide.update(state, metadata, service.ports.log.now()), origin
    )


async def listing(service: Service, limit: int = 1000) -> Sequence[ClientState]:
    """Registered clients, newest first, as they stand. One registered a moment ago may be missing still."""
    rows = await service.ports.queries.clients(limit)
    loaded = await gather(*(service.ports.log.load(stream) for stream, _ in rows))
    return [each.state for each in loaded if isinstance(each.state, ClientState)]


async def _command(service: Service, client_id: ClientId, rule: _Rule, origin: Origin) -> ClientState:
    stream = await service.ports.log.bearer(decide.client_name(client_id))
    if stream is None:
        raise CommandRefusedError(Refused("invalid_client", "the client is not known", "client_unknown"))
    done = await handle(service, stream, evolve, plain(rule, denies=True), origin)
    settle(done.answer)
    state: ClientState = done.state
    return state


def _new_secret(service: Service) -> str:
    return write_client_secret(service.ports.secrets.random(SECRET_BYTES), service.policy.token_prefix)
