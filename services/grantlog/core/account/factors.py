"""The rules of second factors: what is enrolled, what proves something, and that nothing proves it twice.

A change of factors ends every session and grant of the account, as a new password does: who enrolled a factor of his own with
a stolen session is out, and so is who got in before there was one.
"""

from dataclasses import dataclass
from hmac import compare_digest
from typing import Literal
from uuid import UUID

from grantlog.core.account.events import (
    FactorAdded,
    FactorRemoved,
    FactorUsed,
    RecoveryCodesMade,
    RecoveryCodeUsed,
)
from grantlog.core.account.state import AccountState, Factor
from grantlog.core.decision import Decision, GateChange, Refused
from grantlog.core.identifiers import Micros

TOTP_LIMIT = 1
PASSKEY_LIMIT = 10
RECOVERY_CODES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """A factor that has just proven that it works. ``counter``: the TOTP time step or signature counter it did that with."""

    factor: UUID
    kind: Literal["totp", "passkey"]
    counter: int
    credential_id: bytes | None = None
    public_key: bytes | None = None


def add(state: AccountState | None, account: UUID, command: Add, now: Micros) -> Decision[Refused | None]:
    """Enrols a factor."""
    if state is None or state.locked:
        return _refused("account_closed")
    if len(of_kind(state, command.kind)) >= (TOTP_LIMIT if command.kind == "totp" else PASSKEY_LIMIT):
        return _refused("factor_limit")
    if command.credential_id is not None and passkey(state, command.credential_id) is not None:
        return _refused("factor_known")
    event = FactorAdded(
        factor=command.factor,
        kind=command.kind,
        credential_id=command.credential_id,
        public_key=command.public_key,
        sign_count=command.counter,
        added_at=now,
    )
    return Decision(event, None, gate=_ends_everything(account))


def use(state: AccountState | None, factor: UUID, counter: int, now: Micros) -> Decision[Refused | None]:
    """Lets a factor prove something, once: what it has proven with ``counter`` it cannot prove again."""
    if state is None or state.locked:
        return _refused("account_closed")
    known = next((each for each in state.factors if each.id == factor), None)
    if known is None:
        return _refused("factor_unknown")
    # RFC 6238 5.2: "The verifier MUST NOT accept the second attempt of the OTP after the successful validation has been issued
    # for the first OTP".
    # WebAuthn 7.2 step 21: a signature counter that is not greater than the stored one is "a signal that the authenticator may
    # be cloned"; both are zero where an authenticator has none.
    without_counter = known.kind == "passkey" and counter == known.counter == 0
    if counter <= known.counter and not without_counter:
        return _refused("factor_replayed")
    return Decision(FactorUsed(factor=factor, counter=counter, used_at=now), None)


def remove(state: AccountState | None, account: UUID, factor: UUID) -> Decision[Refused | None]:
    """Removes a factor."""
    if state is None or all(each.id != factor for each in state.factors):
        return _refused("factor_unknown")
    return Decision(FactorRemoved(factor=factor), None, gate=_ends_everything(account))


def make_recovery_codes(
    state: AccountState | None, account: UUID, hashes: tuple[bytes, ...]
) -> Decision[Refused | None]:
    """New recovery codes, as keyed hashes; those before are void. There is nothing to recover without a factor."""
    if state is None or state.locked:
        return _refused("account_closed")
    if not state.factors:
        return _refused("factor_missing")
    return Decision(RecoveryCodesMade(hashes=hashes), None, gate=_ends_everything(account))


def void_recovery_codes(state: AccountState | None, account: UUID) -> Decision[Refused | None]:
    """Makes unspent recovery codes void; where there are none, nothing is to be said."""
    if state is None:
        return _refused("account_closed")
    if not state.recovery_codes:
        return Decision(None, None)
    return Decision(RecoveryCodesMade(hashes=()), None, gate=_ends_everything(account))


def use_recovery_code(state: AccountState | None, presented: bytes) -> Decision[Refused | None]:
    """Spends the recovery code with this keyed hash."""
    if state is None or state.locked:
        return _refused("account_closed")
    known = [code for code in state.recovery_codes if compare_digest(code, presented)]
    if not known:
        return _refused("recovery_code_wrong")
    return Decision(RecoveryCodeUsed(hash=known[0]), None)


def of_kind(state: AccountState, kind: Literal["totp", "passkey"]) -> tuple[Factor, ...]:
    """The enrolled factors of one kind, in the order they came."""
    return tuple(factor for factor in state.factors if factor.kind == kind)


def passkey(state: AccountState, credential_id: bytes) -> Factor | None:
    """The passkey with this id."""
    return next((factor for factor in state.factors if factor.credential_id == credential_id), None)


def _ends_everything(account: UUID) -> GateChange:
    return GateChange("account", str(account), closes=True)


def _refused(reason: str) -> Decision[Refused | None]:
    return Decision(None, Refused("invalid_request", "the factor cannot be used or changed", reason))
