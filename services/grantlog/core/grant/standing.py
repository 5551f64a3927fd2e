"""The one predicate that every reader of a token uses: is this access token alive, and if not, why not?

It is asked of the projection and of PostgreSQL alike, so no reader can forget a gate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import NamedTuple

from grantlog.core.decision import GateKind, Stamp
from grantlog.core.grant.events import AccessToken
from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import ClientId, Micros, seconds


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate above families. What is stamped below ``epoch`` is dead; until ``quarantined_until`` all of it is inactive."""

    kind: GateKind
    id: str
    epoch: int
    quarantined_until: Micros


Gates = Mapping[tuple[GateKind, str], Gate]


class Login(NamedTuple):
    """How and when the end user authenticated, as far as resource servers are told (RFC 9470 section 6.2).

    A tuple, so that the projection's reader makes it as cheaply as any other part of a family.
    """

    auth_time: int
    acr: str | None
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """As much of a grant as answers for its access tokens: what the projection holds."""

    version: int
    client_id: ClientId
    subject: str
    stamps: tuple[Stamp, ...]
    tokens: tuple[AccessToken, ...]
    """Hashes may be truncated to 16 bytes."""
    login: Login | None = None
    """None where nobody authenticated: a client asked for itself."""


@dataclass(frozen=True, slots=True)
class Active:
    """The token is alive, and this is what it may do."""

    family: Family
    token: AccessToken


@dataclass(frozen=True, slots=True)
class Inactive:
    """The token is not alive; ``reason`` is private."""

    reason: str


def family_of(state: GrantState) -> Family:
    """The part of a grant that answers for its access tokens."""
    known = state.authentication
    login = None if known is None else Login(known.auth_time, known.acr, known.amr)
    return Family(state.version, state.client_id, state.subject, state.stamps, state.tokens, login)


def standing(family: Family | None, token_hash: bytes, now: Micros, gates: Gates) -> Active | Inactive:
    """Whether the access token with this (full) hash is alive at ``now``, below these gates."""
    if family is None:
        return Inactive("unknown")
    for token in family.tokens:
        if compare_digest(token.hash, token_hash[: len(token.hash)]):
            break
    else:
        return Inactive("revoked_or_unknown")
    if token.expires_at <= seconds(now):
        return Inactive("expired")
    if token.kid is not None and closed_gate((Stamp("key", token.kid, 0),), now, gates) is not None:
        return Inactive("key_compromised")
    closed = closed_gate(family.stamps, now, gates)
    if closed is not None:
        return Inactive(closed)
    return Active(family, token)


def closed_gate(stamps: tuple[Stamp, ...], now: Micros, gates: Gates) -> str | None:
    """The private reason why something with these stamps is dead or quarantined; None where every gate is open."""
    for stamp in stamps:
        gate = gates.get((stamp.kind, stamp.id))
        if gate is None:
            continue
        if stamp.epoch < gate.epoch:
            return f"{stamp.kind}_revoked"
        if now < gate.quarantined_until:
            return f"{stamp.kind}_quarantined"
    return None
