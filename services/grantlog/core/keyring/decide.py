"""The rules of the keyring: what may be published, retired, and dropped because it was stolen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from grantlog.core.decision import Decision, GateChange, Name, Refused
from grantlog.core.identifiers import Micros
from grantlog.core.keyring.events import KeyCompromised, KeyPublished, KeyRetired
from grantlog.core.keyring.state import KeyringState, SigningKey

KEYRING_NAME: Final = Name("keyring", "signing")
"""The name by which the log finds the keyring's stream; its first event claims it."""

_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """A new key, its private part already stored. It signs from ``activates_at``."""

    kid: str
    alg: str
    jwk: Mapping[str, str]
    activates_at: Micros


def publish(state: KeyringState | None, command: Publish, now: Micros) -> Decision[Refused | None]:
    """Puts a key into the JWK Set. The first begins the keyring."""
    # RFC 7517 9.2: "Private and symmetric keys MUST be protected from disclosure to unintended parties."
    if not _PRIVATE_MEMBERS.isdisjoint(command.jwk):
        return _refused("a published key has public members only", "key_private")
    if _find(state, command.kid) is not None:
        return _refused("the key is published already", "key_known")
    event = KeyPublished(
        kid=command.kid,
        alg=command.alg,
        jwk=tuple(sorted(command.jwk.items())),
        published_at=now,
        activates_at=max(command.activates_at, now),
    )
    return Decision(event, None, names=(KEYRING_NAME,) if state is None else ())


def retire(state: KeyringState | None, kid: str, retires_at: Micros) -> Decision[Refused | None]:
    """Says when a key leaves the JWK Set. Never sooner than was said before; never without a successor."""
    key = _find(state, kid)
    if state is None or key is None:
        return _unknown()
    if key.compromised or (key.retires_at is not None and retires_at <= key.retires_at):
        return Decision(None, None)
    successors = (other for other in state.keys if other.alg == key.alg and other.activates_at > key.activates_at)
    if all(other.compromised for other in successors):
        return _refused("the key has no successor", "key_without_successor")
    return Decision(KeyRetired(kid=kid, retires_at=retires_at), None)


def compromise(state: KeyringState | None, kid: str) -> Decision[Refused | None]:
    """Drops a stolen key at once, with every token that it signed. Again: nothing new to say."""
    key = _find(state, kid)
    if key is None:
        return _unknown()
    if key.compromised:
        return Decision(None, None)
    return Decision(KeyCompromised(kid=kid), None, gate=GateChange("key", kid, closes=True))


def _find(state: KeyringState | None, kid: str) -> SigningKey | None:
    keys = () if state is None else state.keys
    return next((key for key in keys if key.kid == kid), None)


def _unknown() -> Decision[Refused | None]:
    return _refused("the key is not known", "key_unknown")


def _refused(description: str, reason: str) -> Decision[Refused | None]:
    return Decision(None, Refused("invalid_request", description, reason))
