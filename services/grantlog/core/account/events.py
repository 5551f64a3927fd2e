"""Facts of one account: a person who can log in.

No personal data in clear: the username stands here as a keyed hash, the profile as a box under the account's own data
key. The password hash is in a mutable table, never on the log.
"""

from dataclasses import dataclass

from grantlog.core.events import event
from grantlog.core.identifiers import Micros


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
