"""Facts of one account: a person who can log in.

No personal data in clear: the username stands here as a keyed hash, the profile as a box under the account's own data
key. The password hash is in a mutable table, never on the log.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from grantlog.core.events import event
from grantlog.core.identifiers import ClientId, Micros


@event("account.created", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """An account was created."""

    username_hash: bytes
    """Keyed hash of the normalised username."""
    profile: bytes
    """The profile, encrypted under the account's data key."""
    created_at: Micros


@event("account.password_changed", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged:
    """The password was replaced; every session and grant from before is dead."""

    cause: str


@event("account.profile_changed", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChanged:
    """The profile was replaced as a whole."""

    profile: bytes
    """Encrypted under the account's data key."""


@event("account.consent_given", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGiven:
    """The person allowed a client something that is remembered; it adds to what was remembered before."""

    client_id: ClientId
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    details_digest: bytes | None
    """SHA-256 of the authorization details that were shown; only the very same are remembered."""
    client_digest: bytes
    """SHA-256 of what the client was then (its name, its kind, where it is answered): one that has become another is asked
    for anew, and what was remembered of the former is forgotten.
    """
    given_at: Micros


@event("account.consent_withdrawn", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWithdrawn:
    """What a client was allowed is forgotten, and everything that it holds for this account is dead (a ``consent`` gate)."""

    client_id: ClientId


@event("account.factor_added", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class FactorAdded:
    """A second factor was enrolled. A TOTP key is kept sealed in a mutable table under ``factor``, never here."""

    factor: UUID
    kind: Literal["totp", "passkey"]
    credential_id: bytes | None
    """Of a passkey (WebAuthn section 4)."""
    public_key: bytes | None
    """Of a passkey, in COSE."""
    sign_count: int
    added_at: Micros


@event("account.factor_used", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class FactorUsed:
    """A factor proved something, and cannot prove it again: a TOTP time step, or a passkey's signature counter."""

    factor: UUID
    counter: int
    used_at: Micros


@event("account.factor_removed", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRemoved:
    """A factor was removed; every session and grant from before is dead."""

    factor: UUID


@event("account.recovery_codes_made", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodesMade:
    """New recovery codes, as keyed hashes; the ones before are void, and every session and grant from before is dead."""

    hashes: tuple[bytes, ...]


@event("account.recovery_code_used", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodeUsed:
    """One recovery code was spent."""

    hash: bytes


@event("account.upstream_linked", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamLinked:
    """An identity of another OpenID provider belongs to this account. E-mail alone never links."""

    identity_hash: bytes
    """Keyed hash of issuer and ``sub``."""
    issuer: str


@event("account.locked", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """The account may not log in, and every session and grant of it is dead."""

    cause: str


@event("account.unlocked", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked:
    """The account may log in again. What was issued before it was locked stays dead."""

    cause: str
