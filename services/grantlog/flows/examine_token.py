"""What a token is, whether it is alive, and if not, why not: the question of an operator with a suspicion."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from grantlog.core.decision import Refused
from grantlog.core.grant.events import (
    AccessTokenIssued,
    AccessTokenRevoked,
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
from grantlog.core.grant.standing import Active, Inactive, closed_gate, family_of, standing
from grantlog.core.grant.state import GrantState, live_tokens
from grantlog.core.identifiers import Micros, StreamId, seconds
from grantlog.core.protocol.token_text import Kind, read
from grantlog.flows.locate import Located, locate
from grantlog.flows.operators import CommandRefusedError
from grantlog.flows.service import Service
from grantlog.ports import Recorded

NAMES = {Kind.ACCESS: "access_token", Kind.JWT: "access_token", Kind.REFRESH: "refresh_token", Kind.CODE: "code"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One event of the family."""

    position: int
    version: int
    type: str
    recorded_at: Micros
    actor: str
    cause: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A family as it stands, and how it came to."""

    stream: StreamId
    state: GrantState
    facts: tuple[Fact, ...]
    live: int
    """How many access tokens of the family have neither expired nor been revoked; a gate may be closed above them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One token of a family. ``dead_because`` is None where it is alive."""

    kind: str
    version: int
    expires_at: int
    scope: tuple[str, ...]
    audience: tuple[str, ...]
    dead_because: str | None
    family: Family


async def examine_token(service: Service, text: str) -> Examined:
    """A token by its text. Raises CommandRefusedError where it is none of ours, UnavailableError."""
    located = find(service, text)
    unknown = CommandRefusedError(Refused("invalid_request", "this is not a token that we issued", "token_unknown"))
    if located is None:
        raise unknown
    kind, stream, version = located.handle.kind, located.handle.stream, located.handle.version
    state, history = await _read(service, stream)
    issued = _hash_and_profile(history[version - 1].event, kind) if 0 < version <= len(history) else None
    # A MAC of 4 bytes alone proves nothing: the event that the token names must hold its hash.
    if state is None or issued is None or not compare_digest(issued[0], located.hash):
        raise unknown
    return Examined(
        kind=NAMES[kind],
        version=version,
        expires_at=located.handle.expires_at,
        scope=issued[1] or state.scope,
        audience=issued[2] or state.resources,
        dead_because=_dead_because(service, located, state, history),
        family=_family(service, stream, state, history),
    )


async def examine_family(service: Service, stream: StreamId) -> Family:
    """A family by its stream. Raises CommandRefusedError where there is none, UnavailableError."""
    state, history = await _read(service, stream)
    if state is None:
        raise CommandRefusedError(Refused("invalid_request", "there is no such family of tokens", "family_unknown"))
    return _family(service, stream, state, history)


async def _read(service: Service, stream: StreamId) -> tuple[GrantState | None, Sequence[Recorded]]:
    """The state, the gates that were closed by then, and a history that holds at least what made the state."""
    loaded = await service.ports.log.load(stream)
    if not isinstance(loaded.state, GrantState):
        return None, ()
    await service.gates.catch_up(loaded.head.gate_sequence)
    return loaded.state, await service.ports.log.history(stream)


def _family(service: Service, stream: StreamId, state: GrantState, history: Sequence[Recorded]) -> Family:
    facts = tuple(_fact(recorded) for recorded in history)
    return Family(stream=stream, state=state, facts=facts, live=len(live_tokens(state, service.ports.log.now())))


def find(service: Service, text: str) -> Located | None:
    """Where a token of any kind stands, by its own bytes."""
    found = locate(service, text)
    if found is not None:
        return found
    presented = read(text, Kind.CODE, service.ports.secrets.token_mac_keys(), service.policy.token_prefix)
    return None if presented is None else Located(presented.handle, sha256(presented.secret).digest())


def _fact(recorded: Recorded) -> Fact:
    event = recorded.event
    cause = event.cause if isinstance(event, ReuseDetected | Revoked) else None
    return Fact(
        recorded.position, recorded.version, recorded.type, recorded.recorded_at, recorded.envelope.actor, cause
    )


def _hash_and_profile(event: object, kind: Kind) -> tuple[bytes, tuple[str, ...], tuple[str, ...]] | None:
    """Hash, scope and audience of the token of this kind that an event issued; None where it issued none."""
    match kind, event:
        case Kind.CODE, Authorized():
            return event.code_hash, event.scope, event.resources
        case Kind.REFRESH, CodeRedeemed(refresh_token=RefreshToken() as token) | RefreshTokenRotated(
            refresh_token=token
        ):
            return token.hash, (), ()
        case (
            (Kind.ACCESS | Kind.JWT),
            (
                CodeRedeemed()
                | RefreshTokenRotated()
                | ClientCredentialsIssued()
                | AccessTokenIssued()
                | Exchanged()
                | Refreshed()
            ),
        ):
            return event.access_token.hash, event.access_token.profile.scope, event.access_token.profile.audience
        case _:
            return None


def _dead_because(service: Service, located: Located, state: GrantState, history: Sequence[Recorded]) -> str | None:
    """The private reason why the token is dead; None where it is alive."""
    now, gates = service.ports.log.now(), service.gates.map
    if state.revoked is not None:
        return f"family_revoked:{state.revoked}"
    if located.handle.kind in {Kind.ACCESS, Kind.JWT}:
        return _access_token_dead(located, state, standing(family_of(state), located.hash, now, gates), history, now)
    if now >= state.expires_at:
        return "family_expired"
    if located.handle.kind is Kind.REFRESH:
        if state.refresh is None or state.refresh.version != located.handle.version:
            return f"spent_at_version:{_spent_at(history, located.handle.version)}"
        if now >= state.refresh.expires_at:
            return "expired"
    elif state.code is not None and state.code.redeemed:
        return "redeemed"
    elif state.code is not None and now >= state.code.expires_at:
        return "expired"
    return closed_gate(state.stamps, now, gates)


def _access_token_dead(
    located: Located, state: GrantState, answer: Active | Inactive, history: Sequence[Recorded], now: Micros
) -> str | None:
    if isinstance(answer, Active):
        return None
    if any(token.hash == located.hash for token in state.tokens) or located.handle.expires_at <= seconds(now):
        return "expired" if located.handle.expires_at <= seconds(now) else answer.reason
    for recorded in history:
        if isinstance(recorded.event, AccessTokenRevoked) and recorded.event.hash == located.hash:
            return f"revoked_at_version:{recorded.version}"
    return "retired_by_newer_tokens"


def _spent_at(history: Sequence[Recorded], version: int) -> int:
    """The version of the event that spent the refresh token of ``version``."""
    return next(
        recorded.version
        for recorded in history
        if isinstance(recorded.event, RefreshTokenRotated) and recorded.event.spent_version == version
    )
