"""What a client is now: the fold of its events."""

from dataclasses import dataclass, replace
from typing import assert_never

from grantlog.core.client.events import (
    ClientMetadata,
    Deregistered,
    Registered,
    RegistrationTokenReplaced,
    Resumed,
    SecretAdded,
    Suspended,
    Updated,
)
from grantlog.core.identifiers import ClientId, Micros

ClientEvent = Registered | SecretAdded | Suspended | Resumed | Updated | RegistrationTokenReplaced | Deregistered


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSecret:
    """One secret, as its SHA-256. ``expires_at`` None: until it is replaced."""

    hash: bytes
    created_at: Micros
    expires_at: Micros | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientState:
    """A client as it stands."""

    version: int
    client_id: ClientId
    metadata: ClientMetadata
    secrets: tuple[ClientSecret, ...]
    """Oldest first; at most two of them live."""
    registered_at: Micros
    suspended: bool = False
    registration_token_hash: bytes | None = None
    deregistered: bool = False
    """Removed for good: it is suspended as well, and cannot be resumed."""


def evolve(state: ClientState | None, event: ClientEvent, version: int) -> ClientState:
    """The state after ``event``, which takes ``version``. A birth needs no state; everything else does."""
    if isinstance(event, Registered):
        return _registered(event, version)
    if state is None:
        raise ValueError(f"{type(event).__name__} cannot begin a client")
    match event:
        case SecretAdded():
            return replace(state, version=version, secrets=_with_secret(state, event))
        case Suspended():
            return replace(state, version=version, suspended=True)
        case Resumed():
            return replace(state, version=version, suspended=False)
        case Updated():
            return replace(state, version=version, metadata=event.metadata)
        case RegistrationTokenReplaced():
            return replace(state, version=version, registration_token_hash=event.registration_token_hash)
        case Deregistered():
            return replace(
                state, version=version, suspended=True, deregistered=True, secrets=(), registration_token_hash=None
            )
        case _:
            assert_never(event)


def live_secrets(state: ClientState, now: Micros) -> tuple[ClientSecret, ...]:
    """The secrets that have not expired at ``now``, oldest first."""
    return tuple(secret for secret in state.secrets if secret.expires_at is None or now < secret.expires_at)


def live_secret_hashes(state: ClientState, now: Micros) -> tuple[bytes, ...]:
    """SHA-256 of every secret by which the client may prove itself at ``now``.

    Whether it is suspended is asked after the proof, so that nobody else learns it.
    """
    return tuple(secret.hash for secret in live_secrets(state, now))


def _registered(event: Registered, version: int) -> ClientState:
    secrets: tuple[ClientSecret, ...] = ()
    if event.secret_hash is not None:
        first = ClientSecret(hash=event.secret_hash, created_at=event.registered_at, expires_at=event.secret_expires_at)
        secrets = (first,)
    return ClientState(
        version=version,
        client_id=event.client_id,
        metadata=event.metadata,
        secrets=secrets,
        registered_at=event.registered_at,
        registration_token_hash=event.registration_token_hash,
    )


def _with_secret(state: ClientState, event: SecretAdded) -> tuple[ClientSecret, ...]:
    """The newest live secret, until the overlap ends (or sooner, where it was to expire sooner), and the new one."""
    added = ClientSecret(hash=event.secret_hash, created_at=event.added_at, expires_at=event.secret_expires_at)
    before = tuple(
        replace(secret, expires_at=min(event.overlap_ends_at, secret.expires_at or event.overlap_ends_at))
        for secret in live_secrets(state, event.added_at)[-1:]
        if event.overlap_ends_at > event.added_at
    )
    return (*before, added)
