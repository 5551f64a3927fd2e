"""When keys follow each other: the next is published one JWKS max-age before it signs, the old outlives its tokens."""

from dataclasses import dataclass
from itertools import pairwise

from grantlog.core.identifiers import Micros, after
from grantlog.core.keyring.state import KeyringState, published_keys, signing_key


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishNext:
    """Generate a key of ``alg`` and publish it, to sign from ``activates_at``."""

    alg: str
    activates_at: Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireOld:
    """A key has a successor: take it out of the JWK Set at ``retires_at``."""

    kid: str
    retires_at: Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRules:
    """Spans in seconds."""

    lifetime: int
    """How long a key signs."""
    max_age: int
    """How long others may answer from a JWK Set they fetched."""
    token_lifetime: int
    """How long the longest-lived token of a key is valid."""


def next_activation(state: KeyringState | None, alg: str, now: Micros, max_age: int) -> Micros:
    """When a key published at ``now`` may sign: when every cached JWK Set shows it; at once where nothing else can."""
    return now if signing_key(state, alg, now) is None else after(now, max_age)


def plan_rotation(
    state: KeyringState | None, alg: str, now: Micros, rules: RotationRules
) -> PublishNext | RetireOld | None:
    """The one thing to do next for the keys of ``alg``; None where all is well. Do it, and ask again."""
    if signing_key(state, alg, now) is None:
        return PublishNext(alg=alg, activates_at=now)
    keys = [key for key in published_keys(state, now) if key.alg == alg]
    newest, soonest = keys[-1], after(now, rules.max_age)
    # A newest key that retires has lost its successor to a compromise.
    if newest.retires_at is not None or after(newest.activates_at, rules.lifetime) <= soonest:
        return PublishNext(alg=alg, activates_at=max(soonest, Micros(newest.activates_at + 1)))
    for old, successor in pairwise(keys):
        retires_at = after(successor.activates_at, rules.token_lifetime)
        if old.retires_at is None or old.retires_at < retires_at:
            return RetireOld(kid=old.kid, retires_at=retires_at)
    return None
