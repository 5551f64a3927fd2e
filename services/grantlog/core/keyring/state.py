"""What the keyring is now: the fold of its events, and which keys sign and verify at a moment."""

from dataclasses import dataclass, replace
from typing import assert_never

from grantlog.core.identifiers import Micros
from grantlog.core.keyring.events import KeyCompromised, KeyPublished, KeyRetired

KeyringEvent = KeyPublished | KeyRetired | KeyCompromised


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One key, without its private part. ``retires_at`` None: it has no successor yet."""

    kid: str
    alg: str
    jwk: tuple[tuple[str, str], ...]
    published_at: Micros
    activates_at: Micros
    retires_at: Micros | None = None
    compromised: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyringState:
    """The keyring as it stands, every key it ever held included, in order of publication."""

    version: int
    keys: tuple[SigningKey, ...]


def evolve(state: KeyringState | None, event: KeyringEvent, version: int) -> KeyringState:
    """The state after ``event``, which takes ``version``. Only the publication of a key can begin a keyring."""
    if isinstance(event, KeyPublished):
        key = SigningKey(
            kid=event.kid,
            alg=event.alg,
            jwk=event.jwk,
            published_at=event.published_at,
            activates_at=event.activates_at,
        )
        return KeyringState(version=version, keys=(*(() if state is None else state.keys), key))
    if state is None:
        raise ValueError(f"{type(event).__name__} cannot begin a keyring")
    match event:
        case KeyRetired():
            keys = tuple(
                replace(key, retires_at=event.retires_at) if key.kid == event.kid else key for key in state.keys
            )
        case KeyCompromised():
            keys = tuple(replace(key, compromised=True) if key.kid == event.kid else key for key in state.keys)
        case _:
            assert_never(event)
    return KeyringState(version=version, keys=keys)


def published_keys(state: KeyringState | None, now: Micros) -> tuple[SigningKey, ...]:
    """What the JWK Set shows at ``now``: next, current and retiring keys, by the moment they begin to sign."""
    if state is None:
        return ()
    usable = (key for key in state.keys if not key.compromised and (key.retires_at is None or now < key.retires_at))
    return tuple(sorted(usable, key=lambda key: key.activates_at))


def signing_key(state: KeyringState | None, alg: str, now: Micros) -> SigningKey | None:
    """The key of ``alg`` that signs at ``now``: the newest that is published and activated. None: nothing can sign."""
    activated = [key for key in published_keys(state, now) if key.alg == alg and key.activates_at <= now]
    return activated[-1] if activated else None
