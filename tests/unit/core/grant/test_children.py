"""RFC 8693: families that were exchanged for tokens of others, and how they die with them."""

import pytest
from tests.support.given import given
from tests.support.grants import (
    ACCOUNT,
    CLIENT,
    NOW,
    SESSION,
    STAMPS,
    access,
    approved,
    authorized,
    child_of,
    exchanged,
    for_itself,
    hashed,
    redeemed,
    renewed,
    rotated,
)

from grantlog.core.decision import Decision, GateChange, Refused, Stamp
from grantlog.core.grant.children import closes, family_gate, generation, issue_child, token_gate
from grantlog.core.grant.events import AccessTokenRevoked, ChildIssued, ReuseDetected, Revoked
from grantlog.core.grant.standing import Gate
from grantlog.core.grant.state import LIVE_TOKENS_LIMIT, evolve
from grantlog.core.identifiers import Micros, after

PARENT = ACCOUNT
ALIVE = (authorized(), redeemed())
WITH_CHILD = (*ALIVE, child_of("a1"))
REUSE = ReuseDetected(credential="refresh_token", presented_version=2, cause="theft")


def test_a_child_is_a_family_of_one_token_that_knows_its_parent() -> None:
    state = given(evolve, exchanged())
    assert state is not None
    assert (state.parent, state.subject, state.account, state.session) == (PARENT, str(ACCOUNT), ACCOUNT, SESSION)
    assert [token.hash for token in state.tokens] == [hashed("c1")]
    assert (state.code, state.refresh) == (None, None)
    assert state.last_expiry == access("c1").expires_at


def test_a_parent_that_is_alive_points_at_its_child() -> None:
    decision = issue_child(given(evolve, *ALIVE), SESSION, hashed("a1"), NOW, {})
    assert decision == Decision(ChildIssued(child=SESSION, token_hash=hashed("a1")), None)


@pytest.mark.parametrize(
    ("history", "now", "closed"),
    [
        ((), NOW, False),
        ((*ALIVE, Revoked(cause="wish")), NOW, False),
        ((*ALIVE, AccessTokenRevoked(hash=hashed("a1"))), NOW, False),
        (ALIVE, after(NOW, 600), False),
        (ALIVE, NOW, True),
    ],
    ids=["unknown", "family revoked", "token revoked", "expired", "gate closed"],
)
def test_a_token_that_died_meanwhile_gets_no_child(history: tuple[object, ...], now: Micros, closed: bool) -> None:
    gates = {("client", CLIENT): Gate("client", CLIENT, 9, Micros(0))} if closed else {}
    decision = issue_child(given(evolve, *history), SESSION, hashed("a1"), now, gates)  # type: ignore[arg-type]  # a literal
    assert decision.event is None
    assert isinstance(decision.answer, Refused)
    assert decision.answer.error == "invalid_request"


@pytest.mark.parametrize("event", [Revoked(cause="wish"), REUSE], ids=["revoked", "reuse"])
def test_the_death_of_a_family_closes_one_gate_above_all_its_children(event: object) -> None:
    assert closes(PARENT, given(evolve, *WITH_CHILD), event) == GateChange("family", str(PARENT), closes=True)


def test_the_death_of_one_token_closes_the_gate_above_its_own_children_alone() -> None:
    state = given(evolve, *WITH_CHILD, rotated())
    mine = closes(PARENT, state, AccessTokenRevoked(hash=hashed("a1")))
    assert mine == GateChange("family", hashed("a1").hex(), closes=True)
    assert closes(PARENT, state, AccessTokenRevoked(hash=hashed("a2"))) is None


@pytest.mark.parametrize(
    ("history", "event"),
    [
        ((), authorized()),
        (ALIVE, Revoked(cause="wish")),
        (ALIVE, AccessTokenRevoked(hash=hashed("a1"))),
        (WITH_CHILD, rotated()),
    ],
    ids=["birth", "no children", "no child of the token", "nothing dies"],
)
def test_no_gate_is_touched_where_no_child_could_be_alive(history: tuple[object, ...], event: object) -> None:
    assert closes(PARENT, given(evolve, *history), event) is None


def test_the_gates_of_a_family_and_of_a_token_never_share_a_name() -> None:
    assert family_gate(PARENT) == ("family", str(PARENT))
    assert token_gate(hashed("a1")) == ("family", hashed("a1").hex())


def test_every_exchange_adds_a_generation() -> None:
    assert generation(STAMPS) == 0
    first = exchanged().stamps
    assert generation(first) == 1
    assert generation((*first, Stamp("family", str(SESSION), 0), Stamp("family", "00", 0))) == 2


def test_a_token_is_named_once_however_often_it_is_exchanged() -> None:
    state = given(evolve, *WITH_CHILD, child_of("a1"))
    assert state is not None
    assert state.children == (hashed("a1").hex(),)


def test_what_has_expired_is_forgotten_together_with_its_children_because_none_outlives_it() -> None:
    state = given(evolve, *WITH_CHILD, rotated(at=after(NOW, 300)), child_of("a2"))
    assert state is not None
    assert state.children == (hashed("a1").hex(), hashed("a2").hex())
    later = evolve(state, rotated("a3", "r3", spent=3, at=after(NOW, 600)), state.version + 1)
    assert later.children == (hashed("a2").hex(),)


def test_a_retired_token_is_still_known_as_a_parent() -> None:
    state = given(evolve, *WITH_CHILD)
    assert state is not None
    for number in range(LIVE_TOKENS_LIMIT + 1):
        state = evolve(state, renewed(f"n{number}"), state.version + 1)
    assert hashed("a1") not in [token.hash for token in state.tokens]
    assert state.children == (hashed("a1").hex(),)


def test_families_of_every_kind_may_have_children() -> None:
    for birth in (for_itself(), exchanged()):
        assert given(evolve, birth, child_of("a1")) is not None
    device = given(evolve, approved(), redeemed(), child_of("a1"))
    assert device is not None
    assert device.code is not None
    assert device.code.credential == "device_code"
