"""What a grant is now: the fold of its events."""

from dataclasses import dataclass, replace
from typing import Literal, assert_never
from uuid import UUID

from grantlog.core.decision import Stamp
from grantlog.core.grant.events import (
    AccessToken,
    AccessTokenIssued,
    AccessTokenRevoked,
    Authentication,
    Authorized,
    ChildIssued,
    ClientCredentialsIssued,
    CodeRedeemed,
    Confirmation,
    Exchanged,
    Refreshed,
    RefreshToken,
    RefreshTokenRotated,
    ReuseDetected,
    Revoked,
)
from grantlog.core.identifiers import ClientId, Micros, seconds

LIVE_TOKENS_LIMIT = 100
"""A family keeps at most this many live access tokens; one more retires the oldest."""

Birth = Authorized | ClientCredentialsIssued | Exchanged
Growth = (
    CodeRedeemed
    | ChildIssued
    | Refreshed
    | RefreshTokenRotated
    | AccessTokenIssued
    | AccessTokenRevoked
    | ReuseDetected
    | Revoked
)
GrantEvent = Birth | Growth


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The authorization code of the family. Kept when redeemed: a replay is judged by the same proofs."""

    hash: bytes
    expires_at: Micros
    redirect_uri: str
    challenge: str
    redeemed: bool = False
    credential: Literal["authorization_code", "device_code"] = "authorization_code"
    dpop_jkt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentRefresh:
    """The one refresh token that may be spent, and the version of the event that issued it."""

    hash: bytes
    version: int
    expires_at: Micros
    confirmation: Confirmation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One distinct request that a spent refresh token has answered, and the version whose seal holds the answer."""

    request_digest: bytes
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """The directly preceding refresh token: what a retry is judged by."""

    hash: bytes
    version: int
    at: Micros
    client_authentication: str
    answers: tuple[Answered, ...]
    confirmation: Confirmation | None = None
    """Of a public client's: who retries, or reuses it, has to prove the same key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantState:
    """A token family as it stands."""

    version: int
    client_id: ClientId
    subject: str
    stamps: tuple[Stamp, ...]
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    born: Micros
    expires_at: Micros
    account: UUID | None = None
    session: UUID | None = None
    authentication: Authentication | None = None
    code: Code | None = None
    refresh: CurrentRefresh | None = None
    spent: Spent | None = None
    tokens: tuple[AccessToken, ...] = ()
    revoked: str | None = None
    details: str = ""
    """The granted ``authorization_details`` (RFC 9396), compact JSON."""
    parent: UUID | None = None
    issuer: str | None = None
    children: tuple[str, ...] = ()
    """Hashes (hex) of those access tokens of the family that were exchanged: revoking one closes its children's gate.

    They are forgotten with the token: no child outlives it.
    """
    last_expiry: int = 0
    """The latest ``exp`` of any access token of the family, revoked and retired ones too: how long a tombstone must live."""


def evolve(state: GrantState | None, event: GrantEvent, version: int) -> GrantState:
    """The state after ``event``, which takes ``version``. A birth needs no state; everything else does."""
    match event:
        case Authorized():
            return _authorized(event, version)
        case ClientCredentialsIssued():
            return _client_credentials(event, version)
        case Exchanged():
            return _exchanged(event, version)
    if state is None:
        raise ValueError(f"{type(event).__name__} cannot begin a grant")
    return replace(_grown(state, event, version), version=version)


def _grown(state: GrantState, event: Growth, version: int) -> GrantState:
    match event:
        case CodeRedeemed():
            return _redeemed(state, event, version)
        case ChildIssued():
            return replace(state, children=tuple(dict.fromkeys((*state.children, event.token_hash.hex()))))
        case Refreshed():
            return _refreshed(state, event)
        case RefreshTokenRotated():
            return _rotated(state, event, version)
        case AccessTokenIssued():
            return _issued_beside(state, event, version)
        case AccessTokenRevoked():
            return replace(
                state,
                tokens=tuple(token for token in state.tokens if token.hash != event.hash),
                children=tuple(parent for parent in state.children if parent != event.hash.hex()),
            )
        case ReuseDetected() | Revoked():
            return replace(state, revoked=event.cause, tokens=(), refresh=None, spent=None)
        case _:
            assert_never(event)


def _authorized(event: Authorized, version: int) -> GrantState:
    return GrantState(
        version=version,
        client_id=event.client_id,
        subject=event.subject,
        stamps=event.stamps,
        scope=event.scope,
        resources=event.resources,
        born=event.authorized_at,
        expires_at=event.expires_at,
        account=event.account,
        session=event.session,
        authentication=event.authentication,
        code=Code(
            hash=event.code_hash,
            expires_at=event.code_expires_at,
            redirect_uri=event.redirect_uri,
            challenge=event.code_challenge,
            credential=event.credential,
            dpop_jkt=event.dpop_jkt,
        ),
        details=event.details,
    )


def _client_credentials(event: ClientCredentialsIssued, version: int) -> GrantState:
    return GrantState(
        version=version,
        client_id=event.client_id,
        subject=event.client_id,
        stamps=event.stamps,
        scope=event.access_token.profile.scope,
        resources=event.access_token.profile.audience,
        born=event.issued_at,
        expires_at=event.expires_at,
        tokens=(event.access_token,),
        last_expiry=event.access_token.expires_at,
    )


def _exchanged(event: Exchanged, version: int) -> GrantState:
    return GrantState(
        version=version,
        client_id=event.client_id,
        subject=event.subject,
        stamps=event.stamps,
        scope=event.access_token.profile.scope,
        resources=event.access_token.profile.audience,
        born=event.issued_at,
        expires_at=event.expires_at,
        account=event.account,
        session=event.session,
        authentication=event.authentication,
        details=event.access_token.profile.details,
        parent=event.parent,
        issuer=event.issuer,
        tokens=(event.access_token,),
        last_expiry=event.access_token.expires_at,
    )


def _redeemed(state: GrantState, event: CodeRedeemed, version: int) -> GrantState:
    assert state.code is not None
    code = replace(state.code, redeemed=True)
    return _with_token(replace(state, code=code, refresh=_current(event.refresh_token, version)), event.access_token)


def _refreshed(state: GrantState, event: Refreshed) -> GrantState:
    assert state.refresh is not None
    kept = replace(state.refresh, expires_at=event.refresh_expires_at)
    return _with_token(replace(state, refresh=kept), event.access_token)


def _rotated(state: GrantState, event: RefreshTokenRotated, version: int) -> GrantState:
    assert state.refresh is not None
    spent = Spent(
        hash=state.refresh.hash,
        version=event.spent_version,
        at=event.rotated_at,
        client_authentication=event.client_authentication,
        answers=(Answered(request_digest=event.request_digest, version=version),),
        confirmation=state.refresh.confirmation,
    )
    return _with_token(replace(state, refresh=_current(event.refresh_token, version), spent=spent), event.access_token)


def _issued_beside(state: GrantState, event: AccessTokenIssued, version: int) -> GrantState:
    assert state.spent is not None
    answered = Answered(request_digest=event.request_digest, version=version)
    spent = replace(state.spent, answers=(*state.spent.answers, answered))
    return _with_token(replace(state, spent=spent), event.access_token)


def _current(token: RefreshToken | None, version: int) -> CurrentRefresh | None:
    if token is None:
        return None
    return CurrentRefresh(
        hash=token.hash, version=version, expires_at=token.expires_at, confirmation=token.confirmation
    )


def _with_token(state: GrantState, token: AccessToken) -> GrantState:
    """Adds a token; drops those that expired before it was issued, and the oldest above the limit."""
    live = tuple(known for known in state.tokens if known.expires_at > token.issued_at)
    children = state.children
    if children:
        expired = {known.hash.hex() for known in state.tokens if known.expires_at <= token.issued_at}
        children = tuple(parent for parent in children if parent not in expired)
    return replace(
        state,
        tokens=(*live, token)[-LIVE_TOKENS_LIMIT:],
        children=children,
        last_expiry=max(state.last_expiry, token.expires_at),
    )


def live_tokens(state: GrantState, now: Micros) -> tuple[AccessToken, ...]:
    """The access tokens that are alive at ``now``, as far as the family itself decides it."""
    return tuple(token for token in state.tokens if token.expires_at > seconds(now))
