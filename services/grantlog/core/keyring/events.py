"""Facts of the keyring: which signing keys were published, and until when. Public parts only.

The keyring is one stream, found by ``Name('keyring', 'signing')``.
"""

from dataclasses import dataclass

from grantlog.core.events import event
from grantlog.core.identifiers import Micros


@event("keyring.key_published", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPublished:
    """A key entered the JWK Set (RFC 7517 section 5); it signs from ``activates_at``."""

    kid: str
    alg: str
    jwk: tuple[tuple[str, str], ...]
    """The public members of the JWK, as pairs sorted by name."""
    published_at: Micros
    activates_at: Micros


@event("keyring.key_retired", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRetired:
    """A key that has a successor leaves the JWK Set at ``retires_at``, when the last token it signed has expired."""

    kid: str
    retires_at: Micros


@event("keyring.key_compromised", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCompromised:
    """Somebody else may hold the private key: it is gone from the JWK Set at once, and its tokens are dead."""

    kid: str
