"""Events to operations on the query tables: questions that nobody asks on the hot path.

An adapter applies the operations of a run of events in one transaction together with its cursor, so each counts once.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from grantlog.core.client.events import Registered
from grantlog.core.events import REGISTRY
from grantlog.core.grant.events import (
    AccessToken,
    AccessTokenIssued,
    Authorized,
    ClientCredentialsIssued,
    CodeRedeemed,
    Exchanged,
    Refreshed,
    RefreshToken,
    RefreshTokenRotated,
    ReuseDetected,
    Revoked,
)
from grantlog.core.identifiers import MICROS, ClientId, Micros, StreamId

TokenKind = Literal["code", "access", "refresh"]


@dataclass(frozen=True, slots=True)
class Counted:
    """One more event on streams of ``kind``; ``begins``: and one more stream."""

    kind: str
    begins: bool


@dataclass(frozen=True, slots=True)
class FamilyBorn:
    """Insert a family. ``account`` and ``session`` are None for client credentials."""

    stream: StreamId
    version: int
    client_id: ClientId
    account: UUID | None
    session: UUID | None
    born: Micros
    expires_at: Micros


@dataclass(frozen=True, slots=True)
class FamilyMoved:
    """The family stands at ``version`` now."""

    stream: StreamId
    version: int


@dataclass(frozen=True, slots=True)
class FamilyRevoked:
    """The family stands at ``version`` now and is dead, for this cause."""

    stream: StreamId
    version: int
    cause: str


@dataclass(frozen=True, slots=True)
class TokenIssued:
    """Insert a token: SHA-256 as the log holds it, the stream and version that issued it."""

    hash: bytes
    stream: StreamId
    version: int
    kind: TokenKind
    expires_at: Micros


@dataclass(frozen=True, slots=True)
class ClientNamed:
    """Insert a registered client."""

    stream: StreamId
    client_id: ClientId
    registered_at: Micros


Operation = Counted | FamilyBorn | FamilyMoved | FamilyRevoked | TokenIssued | ClientNamed


def operations(stream: StreamId, version: int, event: object) -> tuple[Operation, ...]:
    """What the query tables must learn from one event, in the order to apply it. Raises UnknownEventError."""
    kind = REGISTRY.of(event).stream
    counted = Counted(kind, begins=version == 1)
    if kind == "grant":
        return (counted, *_family(stream, version, event), *_tokens(stream, version, event))
    if isinstance(event, Registered):
        return (counted, ClientNamed(stream, event.client_id, event.registered_at))
    return (counted,)


def _family(stream: StreamId, version: int, event: object) -> tuple[Operation, ...]:
    match event:
        case Authorized():
            return (
                FamilyBorn(
                    stream,
                    version,
                    event.client_id,
                    event.account,
                    event.session,
                    event.authorized_at,
                    event.expires_at,
                ),
            )
        case ClientCredentialsIssued():
            return (FamilyBorn(stream, version, event.client_id, None, None, event.issued_at, event.expires_at),)
        case Exchanged():
            return (
                FamilyBorn(
                    stream, version, event.client_id, event.account, event.session, event.issued_at, event.expires_at
                ),
            )
        case ReuseDetected() | Revoked():
            return (FamilyRevoked(stream, version, event.cause),)
        case _:
            return (FamilyMoved(stream, version),)


def _tokens(stream: StreamId, version: int, event: object) -> tuple[Operation, ...]:
    def issued(token: AccessToken) -> TokenIssued:
        return TokenIssued(token.hash, stream, version, "access", Micros(token.expires_at * MICROS))

    def refresh(token: RefreshToken) -> TokenIssued:
        return TokenIssued(token.hash, stream, version, "refresh", token.expires_at)

    match event:
        case Authorized():
            return (TokenIssued(event.code_hash, stream, version, "code", event.code_expires_at),)
        case CodeRedeemed(access_token=access, refresh_token=None):
            return (issued(access),)
        case CodeRedeemed(access_token=access, refresh_token=RefreshToken() as successor):
            return (issued(access), refresh(successor))
        case RefreshTokenRotated():
            return (issued(event.access_token), refresh(event.refresh_token))
        case ClientCredentialsIssued() | AccessTokenIssued() | Exchanged() | Refreshed():
            return (issued(event.access_token),)
        case _:
            return ()
