"""The fold of a grant's events."""

from typing import get_args

import pytest
from tests.support.given import given
from tests.support.grants import (
    ACCOUNT,
    CLIENT,
    NOW,
    SESSION,
    access,
    authorized,
    beside,
    for_itself,
    hashed,
    redeemed,
    rotated,
)

from grantlog.core.events import REGISTRY
from grantlog.core.grant.events import AccessTokenIssued, AccessTokenRevoked, ReuseDetected, Revoked
from grantlog.core.grant.state import LIVE_TOKENS_LIMIT, GrantEvent, GrantState, evolve, live_tokens
from grantlog.core.identifiers import after, seconds


def after_events(*events: object) -> GrantState:
    state = given(evolve, *events)
    assert state is not None
    return state


def secrets_of(state: GrantState) -> list[bytes]:
    return [token.hash for token in state.tokens]


def test_an_authorization_holds_a_code_and_no_token() -> None:
    state = after_events(authorized())
    assert (state.version, state.client_id, state.account, state.session) == (1, CLIENT, ACCOUNT, SESSION)
    assert state.code is not None
    assert not state.code.redeemed
    assert not state.tokens
    assert state.last_expiry == 0


def test_a_redeemed_code_is_kept_to_judge_replays() -> None:
    state = after_events(authorized(), redeemed())
    assert state.code is not None
    assert state.code.redeemed
    assert state.refresh is not None
    assert (state.refresh.version, state.refresh.hash) == (2, hashed("r1"))


def test_without_a_refresh_token_there_is_nothing_to_spend() -> None:
    assert after_events(authorized(), redeemed("a1", None)).refresh is None


def test_a_client_credentials_family_is_one_access_token_for_the_client_itself() -> None:
    state = after_events(for_itself())
    assert (state.subject, state.account, state.code, state.refresh) == (CLIENT, None, None, None)
    assert secrets_of(state) == [hashed("a1")]
    assert state.last_expiry == seconds(NOW) + 600


def test_rotation_spends_the_current_refresh_token_and_lets_access_tokens_run_out() -> None:
    state = after_events(authorized(), redeemed(), rotated())
    assert state.refresh is not None
    assert state.spent is not None
    assert (state.refresh.version, state.refresh.hash) == (3, hashed("r2"))
    assert (state.spent.version, state.spent.hash, state.spent.at) == (2, hashed("r1"), NOW)
    assert secrets_of(state) == [hashed("a1"), hashed("a2")]


def test_a_token_issued_beside_adds_an_answer_and_keeps_the_successor() -> None:
    state = after_events(authorized(), redeemed(), rotated(), beside("b1", b"other"))
    assert state.refresh is not None
    assert state.spent is not None
    assert state.refresh.version == 3
    assert [answered.version for answered in state.spent.answers] == [3, 4]
    assert secrets_of(state) == [hashed("a1"), hashed("a2"), hashed("b1")]


def test_revoking_one_access_token_leaves_the_others() -> None:
    state = after_events(authorized(), redeemed(), rotated(), AccessTokenRevoked(hash=hashed("a1")))
    assert secrets_of(state) == [hashed("a2")]
    assert state.revoked is None


@pytest.mark.parametrize(
    "end",
    [Revoked(cause="gone"), ReuseDetected(credential="refresh_token", presented_version=2, cause="gone")],
    ids=["revoked", "reuse"],
)
def test_a_dead_family_holds_nothing_but_how_long_its_tombstone_must_live(end: object) -> None:
    before = after_events(authorized(), redeemed(), rotated())
    state = after_events(authorized(), redeemed(), rotated(), end)
    assert state.revoked == "gone"
    assert (state.tokens, state.refresh, state.spent) == ((), None, None)
    assert state.last_expiry == before.last_expiry == seconds(NOW) + 600


def test_issuing_drops_tokens_that_have_expired() -> None:
    later = after(NOW, 600)
    state = after_events(authorized(), redeemed(), rotated(at=later))
    assert secrets_of(state) == [hashed("a2")]
    assert state.last_expiry == seconds(later) + 600


def test_one_token_above_the_limit_retires_the_oldest() -> None:
    more = [beside(f"b{number}", b"%d" % number) for number in range(LIVE_TOKENS_LIMIT)]
    state = after_events(authorized(), redeemed("a1"), rotated("a2"), *more)
    assert len(state.tokens) == LIVE_TOKENS_LIMIT
    assert secrets_of(state) == [hashed(f"b{number}") for number in range(LIVE_TOKENS_LIMIT)]


def test_the_last_expiry_never_comes_closer() -> None:
    long = access("long", lifetime=3600)
    state = after_events(authorized(), redeemed(), rotated())
    with_long = evolve(state, AccessTokenIssued(request_digest=b"", access_token=long), 4)
    assert evolve(with_long, beside("short", b"more"), 5).last_expiry == long.expires_at


def test_live_tokens_are_those_before_their_expiry() -> None:
    state = after_events(authorized(), redeemed())
    assert [token.hash for token in live_tokens(state, after(NOW, 599))] == [hashed("a1")]
    assert live_tokens(state, after(NOW, 600)) == ()


@pytest.mark.parametrize("event", [redeemed(), rotated(), Revoked(cause="x")])
def test_only_an_authorization_or_a_client_can_begin_a_grant(event: GrantEvent) -> None:
    with pytest.raises(ValueError, match="cannot begin a grant"):
        evolve(None, event, 1)


def test_every_event_of_a_grant_is_registered_as_one() -> None:
    assert {REGISTRY.of(object.__new__(cls)).stream for cls in get_args(GrantEvent)} == {"grant"}
