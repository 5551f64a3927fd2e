"""An account: creation, locking, and what a new password ends."""

from uuid import UUID

import pytest
from tests.support.given import given
from tests.support.refusals import reason_of

from grantlog.core.account.decide import Create, change_password, change_profile, create, lock, unlock, username_name
from grantlog.core.account.events import Created, Locked, PasswordChanged, ProfileChanged, Unlocked
from grantlog.core.account.state import AccountEvent, AccountState, evolve
from grantlog.core.decision import Decision, GateChange, Name
from grantlog.core.identifiers import Micros

NOW = Micros(1_760_000_000_000_000)
ACCOUNT = UUID(int=1)
CREATED = Created(username_hash=b"\xff" * 32, profile=b"box", created_at=NOW)
LOCKED = Locked(cause="operator")
CLOSE = GateChange("account", str(ACCOUNT), closes=True)


def test_creating_claims_the_keyed_hash_of_the_username() -> None:
    decision = create(None, Create(username_hash=b"\xff" * 32, profile=b"box"), NOW)
    assert decision == Decision(CREATED, None, names=(Name("username", "_" * 42 + "8"),))
    assert username_name(b"\xff" * 32) == decision.names[0]


def test_a_stream_holds_one_account() -> None:
    assert reason_of(create(given(evolve, CREATED), Create(username_hash=b"h", profile=b""), NOW)) == "account_exists"


def test_a_new_password_ends_everything_from_before_even_when_locked() -> None:
    for history in ((CREATED,), (CREATED, LOCKED)):
        decision = change_password(given(evolve, *history), ACCOUNT, "operator")
        assert decision == Decision(PasswordChanged(cause="operator"), None, gate=CLOSE)
    changed = given(evolve, CREATED, PasswordChanged(cause="operator"))
    assert changed == AccountState(version=2, username_hash=b"\xff" * 32, profile=b"box", created_at=NOW)


def test_locking_closes_the_accounts_gate_once() -> None:
    assert lock(given(evolve, CREATED), ACCOUNT, "operator") == Decision(LOCKED, None, gate=CLOSE)
    assert lock(given(evolve, CREATED, LOCKED), ACCOUNT, "again") == Decision(None, None)


def test_unlocking_opens_nothing_that_was_issued_before() -> None:
    decision = unlock(given(evolve, CREATED, LOCKED), ACCOUNT, "operator")
    assert decision == Decision(Unlocked(cause="operator"), None, gate=GateChange("account", str(ACCOUNT)))
    opened = given(evolve, CREATED, LOCKED, Unlocked(cause="operator"))
    assert opened is not None
    assert not opened.locked
    assert unlock(opened, ACCOUNT, "again") == Decision(None, None)


def test_an_unknown_account_has_nothing_to_change() -> None:
    for rule in (change_password, lock, unlock):
        assert reason_of(rule(None, ACCOUNT, "x")) == "account_unknown"


@pytest.mark.parametrize("event", [PasswordChanged(cause="x"), LOCKED, Unlocked(cause="x")])
def test_only_a_creation_begins_an_account(event: AccountEvent) -> None:
    with pytest.raises(ValueError, match="cannot begin an account"):
        evolve(None, event, 1)


def test_another_profile_closes_no_gate() -> None:
    decision = change_profile(given(evolve, CREATED), b"another box")
    changed = given(evolve, CREATED, ProfileChanged(profile=b"another box"))
    assert changed == AccountState(version=2, username_hash=b"\xff" * 32, profile=b"another box", created_at=NOW)
    assert decision == Decision(ProfileChanged(profile=b"another box"), None)
    assert reason_of(change_profile(None, b"box")) == "account_unknown"
