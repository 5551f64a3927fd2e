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
from grantlog.core.protocol.client_document import looks_like_url
from grantlog.core.protocol.client_secret import SECRET_BYTES, write_client_secret, write_registration_token
from grantlog.flows.authenticate import SEALED
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
    registration_token: str | None = field(default=None, repr=False)
    """By which it manages its registration (RFC 7592), where it may."""


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that was just made, told this once; until when the one before it works (None: there was none)."""

    text: str = field(repr=False)
    previous_until: Micros | None


async def register(
    service: Service,
    metadata: ClientMetadata,
    origin: Origin,
    client_id: ClientId | None = None,
    *,
    managed: bool = False,
    by_document: bool = False,
) -> NewClient:
    """RFC 7591 section 3: a new client, with a secret where it proves itself by one, and an id unless it has one already.

    ``managed``: it gets a registration access token (RFC 7592). ``by_document``: its id is the URL of its document. Raises
    CommandRefusedError (``client_id_taken``, ``client_id_malformed``), UnavailableError.
    """
    log, secrets = service.ports.log, service.ports.secrets
    wanted = client_id or _new_id(service)
    # RFC 6749 A.1: client-id = *VSCHAR, the printable characters of ASCII. What looks like a URL is a document's.
    sound = len(wanted) <= CLIENT_ID_LIMIT and wanted.isascii() and wanted.isprintable()
    if not sound or looks_like_url(wanted) != by_document:
        raise CommandRefusedError(
            Refused("invalid_client_metadata", "a client_id is printable ASCII, and no URL", "client_id_malformed")
        )
    method = metadata.token_endpoint_auth_method
    stream = log.mint()
    secret = _new_secret(service) if method in decide.HASHED or method == SEALED else None
    token = write_registration_token(secrets.random(SECRET_BYTES), service.policy.token_prefix) if managed else None
    command = decide.Register(
        client_id=wanted,
        metadata=metadata,
        secret_hash=secret_digest(secret) if secret is not None and method in decide.HASHED else None,
        registration_token_hash=None if token is None else secret_digest(token),
    )
    prepared = birth(decide.register(None, command, log.now()))
    if secret is not None and method == SEALED:
        await service.ports.kept.keep(stream, SEALED, secret.encode())
    try:
        begun = await begin(service, stream, evolve, prepared, origin)
    except RejectedError:
        # never born: its secret is nobody's. After an UnavailableError it may have been born after all.
        await service.ports.kept.forget(stream, SEALED)
        taken = Refused("invalid_client_metadata", "the client_id is taken", "client_id_taken")
        raise CommandRefusedError(taken) from None
    return NewClient(stream, begun.state, secret, token)


async def rotate_secret(service: Service, client_id: ClientId, origin: Origin, overlap: int | None = None) -> NewSecret:
    """Gives a client another secret; the newest before it works on for ``overlap`` seconds, and no other.

    A ``client_secret_jwt`` client has one secret only: the one before it is dead at once. Raises CommandRefusedError
    (``client_unknown``, ``client_public``), UnavailableError.
    """
    text = _new_secret(service)
    known = await service.clients.find(client_id)
    if known is not None and known.state.metadata.token_endpoint_auth_method == SEALED and not known.state.deregistered:
        await service.ports.kept.keep(known.stream, SEALED, text.encode())
        return NewSecret(text, None)
    span = service.policy.secret_overlap if overlap is None else overlap
    command = decide.AddSecret(secret_hash=secret_digest(text), overlap=span)
    state = await _command(
        service, client_id, lambda known: decide.add_secret(known, command, service.ports.log.now()), origin
    )
    return NewSecret(text, state.secrets[0].expires_at if len(state.secrets) > 1 else None)


async def replace_registration_token(service: Service, client_id: ClientId, origin: Origin) -> str:
    """Another registration access token for a client (RFC 7592 section 3), told this once; the one before it is dead.

    A client that had none manages its registration from now on. Raises CommandRefusedError (``client_unknown``),
    UnavailableError.
    """
    text = write_registration_token(service.ports.secrets.random(SECRET_BYTES), service.policy.token_prefix)
    digest = secret_digest(text)
    await _command(service, client_id, lambda known: decide.replace_registration_token(known, digest), origin)
    return text


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


async def remove(service: Service, client_id: ClientId, origin: Origin) -> ClientState:
    """Removes a client for ever (RFC 7592 section 2.3). Returns when every reader knows that all it had is dead.

    Raises CommandRefusedError (``client_unknown``), UnavailableError: try again.
    """
    state = await _command(service, client_id, decide.deregister, origin)
    stream = await service.ports.log.bearer(decide.client_name(client_id))
    if stream is not None:
        await service.ports.kept.forget(stream, SEALED)
    return state


async def find(service: Service, client_id: ClientId) -> ClientState:
    """A client as it stands. Raises CommandRefusedError (``client_unknown``), UnavailableError."""
    stream = await service.ports.log.bearer(decide.client_name(client_id))
    state = None if stream is None else (await service.ports.log.load(stream)).state
    if not isinstance(state, ClientState):
        raise CommandRefusedError(Refused("invalid_client", "the client is not known", "client_unknown"))
    return state


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


def _new_id(service: Service) -> ClientId:
    """120 random bits. It begins with a letter, so that no command takes it for an option."""
    return ClientId("c" + urlsafe_b64encode(service.ports.secrets.random(15)).decode())


def _new_secret(service: Service) -> str:
    return write_client_secret(service.ports.secrets.random(SECRET_BYTES), service.policy.token_prefix)
