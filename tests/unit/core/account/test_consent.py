"""What an account remembers of its consent, and how it is taken back."""

from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from uuid import UUID

import pytest
from tests.support.given import given
from tests.support.refusals import reason_of

from grantlog.core.account.decide import (
    GiveConsent,
    consent_gate,
    consent_stamp,
    covers,
    give_consent,
    withdraw_consent,
)
from grantlog.core.account.events import ConsentGiven, ConsentWithdrawn, Created, Locked
from grantlog.core.account.state import DETAILS_LIMIT, AccountState, consent_to, evolve
from grantlog.core.decision import Decision, GateChange, Stamp
from grantlog.core.identifiers import ClientId, Micros

NOW = Micros(1_760_000_000_000_000)
ACCOUNT = UUID(int=1)
APP, OTHER = ClientId("app"), ClientId("other")
CREATED = Created(username_hash=b"\xff" * 32, profile=b"box", created_at=NOW)
WISH = GiveConsent(
    client_id=APP,
    scope=("openid", "api:read"),
    resources=("https://api.example/",),
    details_digest=None,
    client_digest=b"as it is",
)


def fact_of(wish: GiveConsent) -> ConsentGiven:
    return ConsentGiven(
        client_id=wish.client_id,
        scope=wish.scope,
        resources=wish.resources,
        details_digest=wish.details_digest,
        client_digest=wish.client_digest,
        given_at=NOW,
    )


def after_allowing(*wishes: GiveConsent) -> AccountState:
    state = given(evolve, CREATED, *(fact_of(wish) for wish in wishes))
    assert state is not None
    return state


def test_what_is_allowed_is_remembered_once() -> None:
    assert give_consent(given(evolve, CREATED), WISH, NOW) == Decision(fact_of(WISH), None)
    assert give_consent(after_allowing(WISH), WISH, NOW) == Decision(None, None)


def test_a_locked_account_and_an_unknown_one_allow_nothing() -> None:
    assert reason_of(give_consent(None, WISH, NOW)) == "account_unknown"
    assert reason_of(give_consent(given(evolve, CREATED, Locked(cause="x")), WISH, NOW)) == "account_locked"


@pytest.mark.parametrize(
    "asked",
    [
        WISH,
        replace(WISH, scope=("openid",)),
        replace(WISH, scope=(), resources=()),
    ],
)
def test_the_same_and_less_is_covered(asked: GiveConsent) -> None:
    assert covers(after_allowing(WISH), asked)


@pytest.mark.parametrize(
    "asked",
    [
        replace(WISH, scope=("openid", "api:write")),
        replace(WISH, scope=(*WISH.scope, "offline_access")),
        replace(WISH, resources=("https://billing.example/",)),
        replace(WISH, details_digest=b"a payment"),
        replace(WISH, client_digest=b"another name"),
        replace(WISH, client_id=OTHER),
    ],
)
def test_more_or_another_is_not(asked: GiveConsent) -> None:
    assert not covers(after_allowing(WISH), asked)


def test_consents_to_one_client_add_up_and_others_stand_beside() -> None:
    more = replace(WISH, scope=("api:write",), resources=("https://billing.example/",))
    state = after_allowing(WISH, replace(WISH, client_id=OTHER), more)
    assert covers(state, replace(WISH, scope=(*WISH.scope, "api:write")))
    assert covers(state, replace(WISH, client_id=OTHER))
    assert len(state.consents) == 2


def test_of_authorization_details_only_the_very_same_are_remembered_and_the_oldest_forgotten() -> None:
    wishes = [replace(WISH, details_digest=bytes([number])) for number in range(DETAILS_LIMIT + 1)]
    state = after_allowing(*wishes, wishes[-1])
    assert covers(state, wishes[-1])
    assert covers(state, wishes[1])
    assert not covers(state, wishes[0])
    consent = consent_to(state, APP)
    assert consent is not None
    assert len(consent.details_digests) == DETAILS_LIMIT


def test_a_client_that_has_become_another_begins_with_nothing() -> None:
    changed = replace(WISH, scope=("email",), client_digest=b"another name")
    state = after_allowing(WISH, changed)
    assert covers(state, changed)
    assert not covers(state, replace(WISH, client_digest=b"another name"))


def test_withdrawing_forgets_and_closes_the_gate_above_all_that_the_client_holds() -> None:
    gate = GateChange("consent", consent_gate(ACCOUNT, APP), closes=True)
    decision = withdraw_consent(after_allowing(WISH), ACCOUNT, APP)
    assert decision == Decision(ConsentWithdrawn(client_id=APP), None, gate=gate)
    # a client that was allowed once only has grants, and no remembered consent
    assert withdraw_consent(given(evolve, CREATED), ACCOUNT, APP) == decision
    assert reason_of(withdraw_consent(None, ACCOUNT, APP)) == "account_unknown"
    other = fact_of(replace(WISH, client_id=OTHER))
    state = given(evolve, CREATED, fact_of(WISH), other, ConsentWithdrawn(client_id=APP))
    assert state is not None
    assert [consent.client_id for consent in state.consents] == [OTHER]


def test_the_gate_tells_neither_account_nor_client_and_the_stamp_names_it() -> None:
    named = urlsafe_b64encode(sha256(f"{ACCOUNT}|app".encode()).digest()).decode().rstrip("=")
    assert consent_gate(ACCOUNT, APP) == named
    assert consent_stamp(ACCOUNT, APP, 3) == Stamp("consent", named, 3)
    assert consent_gate(ACCOUNT, OTHER) != named
