"""What an account is now: the fold of its events."""

from dataclasses import dataclass, replace
from typing import assert_never

from grantlog.core.account.events import Created, Locked, PasswordChanged, Unlocked
from grantlog.core.identifiers import Micros

AccountEvent = Created | PasswordChanged | Locked | Unlocked


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """An account as it stands."""

    version: int
    username_hash: bytes
    profile: bytes
    created_at: Micros
    locked: bool = False


def evolve(state: AccountState | None, event: AccountEvent, version: int) -> AccountState:
    """The state after ``event``, which takes ``version``. A birth needs no state; everything else does."""
    if isinstance(event, Created):
        return AccountState(
            version=version,
            username_hash=event.username_hash,
            profile=event.profile,
            created_at=event.created_at,
        )
    if state is None:
        raise ValueError(f"{type(event).__name__} cannot begin an account")
    match event:
        case PasswordChanged():
            return replace(state, version=version)
        case Locked():
            return replace(state, version=version, locked=True)
        case Unlocked():
            return replace(state, version=version, locked=False)
        case _:
            assert_never(event)
