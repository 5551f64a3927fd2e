"""RFC 7009: a family or one access token, at the wish of its client; nobody else's."""

from dataclasses import replace

import pytest
from tests.support.given import given
from tests.support.grants import CLIENT, STRANGER, authorized, child_of, hashed, redeemed

from grantlog.core.decision import Decision, Refused
from grantlog.core.grant.decide import revoke_access_token, revoke_family
from grantlog.core.grant.events import AccessTokenRevoked, Revoked
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import ClientId

ALIVE = (authorized(), redeemed())
DEAD = (*ALIVE, Revoked(cause="operator"))


@pytest.mark.parametrize("asker", [CLIENT, None], ids=["its client", "an operator"])
def test_a_family_is_revoked_by_its_client_or_an_operator(asker: ClientId | None) -> None:
    assert revoke_family(given(evolve, *ALIVE), asker, "wish") == Decision(Revoked(cause="wish"), None)


@pytest.mark.parametrize("history", [(), DEAD], ids=["unknown", "dead already"])
def test_nothing_to_revoke_is_no_event_and_no_error(history: tuple[object, ...]) -> None:
    state = given(evolve, *history)
    assert revoke_family(state, CLIENT, "wish") == Decision(None, None)
    assert revoke_access_token(state, CLIENT, hashed("a1")) == Decision(None, None)


def test_another_clients_tokens_stay_untouched() -> None:
    state = given(evolve, *ALIVE)
    for decision in (revoke_family(state, STRANGER, "wish"), revoke_access_token(state, STRANGER, hashed("a1"))):
        assert decision.event is None
        assert isinstance(decision.answer, Refused)
        assert decision.answer.reason == "revoke_other_client"


@pytest.mark.parametrize("asker", [CLIENT, None], ids=["its client", "an operator"])
def test_one_access_token_is_revoked_alone(asker: ClientId | None) -> None:
    decision = revoke_access_token(given(evolve, *ALIVE), asker, hashed("a1"))
    assert decision == Decision(AccessTokenRevoked(hash=hashed("a1")), None)


def test_an_access_token_that_the_family_does_not_hold_is_no_event() -> None:
    assert revoke_access_token(given(evolve, *ALIVE), CLIENT, hashed("a9")) == Decision(None, None)


def test_an_exchanged_token_is_revoked_once_even_when_the_family_holds_it_no_more() -> None:
    """A hundred younger ones have retired it, and its children live."""
    state = given(evolve, authorized(), redeemed(), child_of("a1"))
    assert state is not None
    retired = replace(state, tokens=())
    decision = revoke_access_token(retired, CLIENT, hashed("a1"))
    assert decision == Decision(AccessTokenRevoked(hash=hashed("a1")), None)
    again = evolve(retired, AccessTokenRevoked(hash=hashed("a1")), 4)
    assert revoke_access_token(again, CLIENT, hashed("a1")) == Decision(None, None)
    assert revoke_access_token(replace(retired, revoked="wish"), CLIENT, hashed("a1")) == Decision(None, None)
