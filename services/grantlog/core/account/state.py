"""What an account is now: the fold of its events."""

from dataclasses import dataclass, replace
from typing import Literal, assert_never
from uuid import UUID

from grantlog.core.account.events import (
    ConsentGiven,
    ConsentWithdrawn,
    Created,
    FactorAdded,
    FactorRemoved,
    FactorUsed,
    Locked,
    PasswordChanged,
    ProfileChanged,
    RecoveryCodesMade,
    RecoveryCodeUsed,
    Unlocked,
    UpstreamLinked,
)
from grantlog.core.identifiers import ClientId, Micros

AccountEvent = (
    Created
    | PasswordChanged
    | ProfileChanged
    | ConsentGiven
    | ConsentWithdrawn
    | FactorAdded
    | FactorUsed
    | FactorRemoved
    | RecoveryCodesMade
    | RecoveryCodeUsed
    | UpstreamLinked
    | Locked
    | Unlocked
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What the person allowed one client, remembered."""

    client_id: ClientId
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    details_digests: tuple[bytes, ...]
    client_digest: bytes
    given_at: Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One enrolled second factor."""

    id: UUID
    kind: Literal["totp", "passkey"]
    credential_id: bytes | None
    public_key: bytes | None
    counter: int
    """The last TOTP time step, or signature counter, that was used."""
    added_at: Micros
    used_at: Micros | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """An account as it stands."""

    version: int
    username_hash: bytes
    profile: bytes
    created_at: Micros
    locked: bool = False
    consents: tuple[Consent, ...] = ()
    factors: tuple[Factor, ...] = ()
    recovery_codes: tuple[bytes, ...] = ()
    """Keyed hashes of those that are unspent."""
    upstream: tuple[str, ...] = ()
    """Issuers of linked identities."""


DETAILS_LIMIT = 20
"""Of so many different authorization details a client's consent is remembered."""


def evolve(state: AccountState | None, event: AccountEvent, version: int) -> AccountState:  # noqa: C901, PLR0912  # a line a fact
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
        case ProfileChanged():
            return replace(state, version=version, profile=event.profile)
        case ConsentGiven():
            return replace(state, version=version, consents=_with_consent(state, event))
        case ConsentWithdrawn():
            kept = tuple(consent for consent in state.consents if consent.client_id != event.client_id)
            return replace(state, version=version, consents=kept)
        case FactorAdded():
            return replace(state, version=version, factors=(*state.factors, _factor(event)))
        case FactorUsed():
            return replace(state, version=version, factors=_with_use(state, event))
        case FactorRemoved():
            left = tuple(factor for factor in state.factors if factor.id != event.factor)
            return replace(state, version=version, factors=left)
        case RecoveryCodesMade():
            return replace(state, version=version, recovery_codes=event.hashes)
        case RecoveryCodeUsed():
            unspent = tuple(code for code in state.recovery_codes if code != event.hash)
            return replace(state, version=version, recovery_codes=unspent)
        case UpstreamLinked():
            return replace(state, version=version, upstream=tuple(dict.fromkeys((*state.upstream, event.issuer))))
        case Locked():
            return replace(state, version=version, locked=True)
        case Unlocked():
            return replace(state, version=version, locked=False)
        case _:
            assert_never(event)


def consent_to(state: AccountState, client_id: ClientId) -> Consent | None:
    """What is remembered of this client."""
    return next((consent for consent in state.consents if consent.client_id == client_id), None)


def _with_consent(state: AccountState, event: ConsentGiven) -> tuple[Consent, ...]:
    before = consent_to(state, event.client_id)
    if before is not None and before.client_digest != event.client_digest:
        before = None
    digests = () if before is None else before.details_digests
    if event.details_digest is not None:
        digests = tuple(dict.fromkeys((*digests, event.details_digest)))[-DETAILS_LIMIT:]
    now = Consent(
        client_id=event.client_id,
        scope=tuple(dict.fromkeys((*(before.scope if before else ()), *event.scope))),
        resources=tuple(dict.fromkeys((*(before.resources if before else ()), *event.resources))),
        details_digests=digests,
        client_digest=event.client_digest,
        given_at=event.given_at,
    )
    others = tuple(consent for consent in state.consents if consent.client_id != event.client_id)
    return (*others, now)


def _factor(event: FactorAdded) -> Factor:
    return Factor(
        id=event.factor,
        kind=event.kind,
        credential_id=event.credential_id,
        public_key=event.public_key,
        counter=event.sign_count,
        added_at=event.added_at,
    )


def _with_use(state: AccountState, event: FactorUsed) -> tuple[Factor, ...]:
    return tuple(
        replace(factor, counter=event.counter, used_at=event.used_at) if factor.id == event.factor else factor
        for factor in state.factors
    )
