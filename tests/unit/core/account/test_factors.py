"""Second factors: enrolled, used once, removed, and what each change ends."""

from dataclasses import replace
from uuid import UUID

import pytest
from tests.support.given import given
from tests.support.refusals import reason_of

from grantlog.core.account.events import (
    Created,
    FactorAdded,
    FactorRemoved,
    FactorUsed,
    Locked,
    RecoveryCodesMade,
    RecoveryCodeUsed,
)
from grantlog.core.account.factors import (
    PASSKEY_LIMIT,
    Add,
    add,
    make_recovery_codes,
    of_kind,
    passkey,
    remove,
    use,
    use_recovery_code,
    void_recovery_codes,
)
from grantlog.core.account.state import evolve
from grantlog.core.decision import Decision, GateChange
from grantlog.core.identifiers import Micros

NOW = Micros(1_760_000_000_000_000)
ACCOUNT, APP, KEY = UUID(int=1), UUID(int=2), UUID(int=3)
CREATED = Created(username_hash=b"h" * 32, profile=b"box", created_at=NOW)
LOCKED = Locked(cause="operator")
CLOSE = GateChange("account", str(ACCOUNT), closes=True)
TOTP = FactorAdded(factor=APP, kind="totp", credential_id=None, public_key=None, sign_count=100, added_at=NOW)
PASSKEY = FactorAdded(
    factor=KEY, kind="passkey", credential_id=b"credential", public_key=b"cose", sign_count=7, added_at=NOW
)
UNCOUNTED = replace(PASSKEY, sign_count=0)


def test_enrolling_a_factor_ends_what_was_begun_without_it() -> None:
    decision = add(given(evolve, CREATED), ACCOUNT, Add(factor=APP, kind="totp", counter=100), NOW)
    assert decision == Decision(TOTP, None, gate=CLOSE)
    command = Add(factor=KEY, kind="passkey", counter=7, credential_id=b"credential", public_key=b"cose")
    assert add(given(evolve, CREATED, TOTP), ACCOUNT, command, NOW) == Decision(PASSKEY, None, gate=CLOSE)


def test_there_is_one_app_and_a_number_of_passkeys() -> None:
    second = Add(factor=UUID(int=9), kind="totp", counter=1)
    assert reason_of(add(given(evolve, CREATED, TOTP), ACCOUNT, second, NOW)) == "factor_limit"
    many = [replace(PASSKEY, factor=UUID(int=number), credential_id=bytes([number])) for number in range(PASSKEY_LIMIT)]
    more = Add(factor=UUID(int=99), kind="passkey", counter=0, credential_id=b"new", public_key=b"cose")
    assert reason_of(add(given(evolve, CREATED, *many), ACCOUNT, more, NOW)) == "factor_limit"
    assert add(given(evolve, CREATED, *many[1:]), ACCOUNT, more, NOW).answer is None


def test_one_passkey_is_enrolled_once() -> None:
    again = Add(factor=UUID(int=9), kind="passkey", counter=8, credential_id=b"credential", public_key=b"other")
    assert reason_of(add(given(evolve, CREATED, PASSKEY), ACCOUNT, again, NOW)) == "factor_known"


@pytest.mark.parametrize("history", [(), (CREATED, TOTP, LOCKED)], ids=["unknown", "locked"])
def test_an_account_that_nobody_may_log_in_to_has_no_use_for_factors(history: tuple[object, ...]) -> None:
    state = given(evolve, *history)
    assert reason_of(add(state, ACCOUNT, Add(factor=APP, kind="totp", counter=1), NOW)) == "account_closed"
    assert reason_of(use(state, APP, 101, NOW)) == "account_closed"
    assert reason_of(make_recovery_codes(state, ACCOUNT, (b"1",))) == "account_closed"
    assert reason_of(use_recovery_code(state, b"1")) == "account_closed"


@pytest.mark.parametrize("event", [TOTP, PASSKEY])
def test_what_a_factor_has_proven_it_cannot_prove_again(event: FactorAdded) -> None:
    state = given(evolve, CREATED, event)
    for spent in (event.sign_count, event.sign_count - 1, 0):
        assert reason_of(use(state, event.factor, spent, NOW)) == "factor_replayed"
    counter = event.sign_count + 1
    used = FactorUsed(factor=event.factor, counter=counter, used_at=NOW)
    assert use(state, event.factor, counter, NOW) == Decision(used, None)
    after = given(evolve, CREATED, event, used)
    assert after is not None
    assert (after.factors[0].counter, after.factors[0].used_at) == (counter, NOW)
    assert reason_of(use(after, event.factor, counter, NOW)) == "factor_replayed"


def test_an_authenticator_without_a_counter_always_says_zero() -> None:
    state = given(evolve, CREATED, UNCOUNTED)
    assert use(state, KEY, 0, NOW).answer is None
    counting = given(evolve, CREATED, UNCOUNTED, FactorUsed(factor=KEY, counter=5, used_at=NOW))
    assert reason_of(use(counting, KEY, 0, NOW)) == "factor_replayed"


def test_a_time_step_of_zero_is_no_such_exception() -> None:
    state = given(evolve, CREATED, replace(TOTP, sign_count=0))
    assert reason_of(use(state, APP, 0, NOW)) == "factor_replayed"


def test_a_factor_that_is_not_enrolled_proves_nothing() -> None:
    assert reason_of(use(given(evolve, CREATED, TOTP), KEY, 1, NOW)) == "factor_unknown"


def test_removing_a_factor_ends_what_it_has_proven() -> None:
    decision = remove(given(evolve, CREATED, TOTP, PASSKEY), ACCOUNT, APP)
    assert decision == Decision(FactorRemoved(factor=APP), None, gate=CLOSE)
    left = given(evolve, CREATED, TOTP, PASSKEY, FactorRemoved(factor=APP))
    assert left is not None
    assert of_kind(left, "totp") == ()
    assert [factor.id for factor in of_kind(left, "passkey")] == [KEY]
    assert reason_of(remove(left, ACCOUNT, APP)) == "factor_unknown"
    assert reason_of(remove(None, ACCOUNT, APP)) == "factor_unknown"


def test_a_passkey_is_found_by_its_credential() -> None:
    state = given(evolve, CREATED, TOTP, PASSKEY)
    assert state is not None
    found = passkey(state, b"credential")
    assert found is not None
    assert found.id == KEY
    assert passkey(state, b"another") is None


def test_recovery_codes_stand_in_for_a_factor_and_replace_those_before() -> None:
    assert reason_of(make_recovery_codes(given(evolve, CREATED), ACCOUNT, (b"1",))) == "factor_missing"
    state = given(evolve, CREATED, TOTP, RecoveryCodesMade(hashes=(b"1", b"2")))
    decision = make_recovery_codes(state, ACCOUNT, (b"3",))
    assert decision == Decision(RecoveryCodesMade(hashes=(b"3",)), None, gate=CLOSE)


def test_a_recovery_code_is_spent_once() -> None:
    state = given(evolve, CREATED, TOTP, RecoveryCodesMade(hashes=(b"1", b"2")))
    assert use_recovery_code(state, b"2") == Decision(RecoveryCodeUsed(hash=b"2"), None)
    after = given(evolve, CREATED, TOTP, RecoveryCodesMade(hashes=(b"1", b"2")), RecoveryCodeUsed(hash=b"2"))
    assert reason_of(use_recovery_code(after, b"2")) == "recovery_code_wrong"
    assert use_recovery_code(after, b"1").answer is None


def test_voiding_codes_says_nothing_where_there_are_none() -> None:
    state = given(evolve, CREATED, TOTP, RecoveryCodesMade(hashes=(b"1",)))
    assert void_recovery_codes(state, ACCOUNT) == Decision(RecoveryCodesMade(hashes=()), None, gate=CLOSE)
    assert void_recovery_codes(given(evolve, CREATED), ACCOUNT) == Decision(None, None)
    assert reason_of(void_recovery_codes(None, ACCOUNT)) == "account_closed"
