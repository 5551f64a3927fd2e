"""OAuth 2.1 section 4.3 and RFC 9700 section 4.14.2: rotation, the grace window, and reuse."""

import pytest
from tests.support.given import given
from tests.support.grants import (
    KEY,
    NOW,
    OTHER_KEY,
    STRANGER,
    authorized,
    beside,
    redeemed,
    renewed,
    rotated,
    spend,
)

from grantlog.core.decision import Decision, Refused
from grantlog.core.grant.decide import GraceRules, Issue, IssueBeside, Refresh, Renew, Repeat, refresh
from grantlog.core.grant.events import Confirmation, ReuseDetected, Revoked
from grantlog.core.grant.state import GrantState, evolve
from grantlog.core.identifiers import Micros, after

RULES = GraceRules(window=10)
LATER = after(NOW, 10)
IN_TIME = Micros(LATER - 1)
FIRST = (authorized(), redeemed())
ONCE = (*FIRST, rotated())
TWICE = (*ONCE, rotated("a3", "r3", spent=3, digest=b"next"))


def when(history: tuple[object, ...], command: Refresh, now: Micros = IN_TIME) -> Decision[object]:
    return refresh(given(evolve, *history), command, now, RULES)


def refusal(decision: Decision[object]) -> str:
    assert isinstance(decision.answer, Refused)
    assert decision.answer.error == "invalid_grant"
    return decision.answer.reason


def cause(decision: Decision[object]) -> str:
    assert refusal(decision) == "refresh_reused"
    assert isinstance(decision.event, ReuseDetected)
    assert decision.event.credential == "refresh_token"
    return decision.event.cause


def test_the_current_refresh_token_may_be_spent() -> None:
    assert when(FIRST, spend("r1", 2)) == Decision(None, Issue())
    assert when(ONCE, spend("r2", 3)) == Decision(None, Issue())


@pytest.mark.parametrize(
    ("history", "command", "reason"),
    [
        ((), spend("r1", 2), "refresh_unknown"),
        ((authorized(), redeemed("a1", None)), spend("r1", 2), "refresh_unknown"),
        (FIRST, spend("r1", 2, client=STRANGER), "refresh_other_client"),
        ((*FIRST, Revoked(cause="operator")), spend("r1", 2), "grant_revoked"),
        (FIRST, spend("guess", 2), "refresh_forged"),
        (ONCE, spend("guess", 2), "refresh_forged"),
        (TWICE, spend("guess", 2, issued="r1"), "refresh_forged"),
        (TWICE, spend("r1", 2, issued=None), "refresh_forged"),
    ],
)
def test_what_is_not_proven_genuine_and_current_is_refused_and_kills_nothing(
    history: tuple[object, ...], command: Refresh, reason: str
) -> None:
    decision = when(history, command)
    assert refusal(decision) == reason
    assert decision.event is None


def test_a_refresh_token_lives_until_it_has_idled_too_long() -> None:
    assert when(FIRST, spend("r1", 2), Micros(after(NOW, 86_400) - 1)).answer == Issue()
    assert refusal(when(FIRST, spend("r1", 2), after(NOW, 86_400))) == "refresh_expired"


def test_no_rotation_outlives_the_grant() -> None:
    history = (authorized(lifetime=60), redeemed())
    assert refusal(when(history, spend("r1", 2), after(NOW, 60))) == "grant_expired"


def test_a_retry_in_the_grace_window_gets_the_sealed_answer_again() -> None:
    assert when(ONCE, spend("r1", 2)) == Decision(None, Repeat(version=3))


def test_another_request_in_the_grace_window_gets_a_token_beside_under_the_same_successor() -> None:
    assert when(ONCE, spend("r1", 2, digest=b"other")) == Decision(None, IssueBeside(sealed_at=3))


def test_each_of_two_tabs_gets_its_own_answer_again() -> None:
    both = (*ONCE, beside("b1", b"other"))
    assert when(both, spend("r1", 2)).answer == Repeat(version=3)
    assert when(both, spend("r1", 2, digest=b"other")).answer == Repeat(version=4)
    assert when(both, spend("r1", 2, digest=b"third")).answer == IssueBeside(sealed_at=3)
    assert when(both, spend("r2", 3)).answer == Issue()


def test_one_spent_token_answers_a_bounded_number_of_different_requests() -> None:
    many = (*ONCE, *(beside(f"b{number}", b"digest %d" % number) for number in range(15)))
    assert when(many[:-1], spend("r1", 2, digest=b"one more")).answer == IssueBeside(sealed_at=3)
    assert refusal(when(many, spend("r1", 2, digest=b"one more"))) == "refresh_answers_limit"
    assert when(many, spend("r1", 2, digest=b"digest 14")).answer == Repeat(version=18)


def test_without_a_window_every_repetition_is_reuse() -> None:
    decision = refresh(given(evolve, *ONCE), spend("r1", 2), NOW, GraceRules(window=0))
    assert cause(decision) == "lost_response"


def test_the_window_closes_when_the_successor_is_spent() -> None:
    assert cause(when(TWICE, spend("r1", 2, issued="r1"))) == "out_of_order"


@pytest.mark.parametrize(
    ("history", "command", "now", "expected"),
    [
        (ONCE, spend("r1", 2), LATER, "lost_response"),
        (ONCE, spend("r1", 2, digest=b"other"), LATER, "two_tabs"),
        (ONCE, spend("r1", 2, same_address=None), LATER, "theft"),
        (ONCE, spend("r1", 2, same_address=False), LATER, "other_device"),
        (ONCE, spend("r1", 2, authentication="client_secret_basic:1"), IN_TIME, "theft"),
        (ONCE, spend("r1", 2, authentication="none", same_address=False), IN_TIME, "other_device"),
        (TWICE, spend("r1", 2, issued="r1"), LATER, "out_of_order"),
        (TWICE, spend("r1", 2, issued="r1", same_address=None), LATER, "theft"),
        (TWICE, spend("r1", 2, issued="r1", same_address=False), LATER, "other_device"),
        (FIRST, spend("r0", 1, issued="r0"), LATER, "out_of_order"),
    ],
)
def test_reuse_kills_the_family_and_the_cause_is_recorded(
    history: tuple[object, ...], command: Refresh, now: Micros, expected: str
) -> None:
    decision = when(history, command, now)
    assert cause(decision) == expected
    after_it = evolve(given(evolve, *history), decision.event, len(history) + 1)  # type: ignore[arg-type]  # an event
    assert_dead(after_it)


def assert_dead(state: GrantState) -> None:
    assert state.revoked is not None
    assert not state.tokens
    assert state.refresh is None
    assert state.spent is None


BOUND = (authorized(), redeemed(confirmation=KEY))
BOUND_ONCE = (*BOUND, rotated(confirmation=KEY))
BOUND_TWICE = (*BOUND_ONCE, rotated("a3", "r3", spent=3, digest=b"next", confirmation=KEY))


@pytest.mark.parametrize("proven", [None, OTHER_KEY], ids=["no proof", "another key"])
@pytest.mark.parametrize(
    ("history", "secret", "version", "now"),
    [
        (BOUND, "r1", 2, IN_TIME),
        (BOUND_ONCE, "r1", 2, IN_TIME),
        (BOUND_ONCE, "r1", 2, LATER),
        (BOUND_TWICE, "r1", 2, LATER),
    ],
    ids=["current", "spent, in the window", "spent, after it", "long spent"],
)
def test_a_bound_refresh_token_in_other_hands_is_refused_and_neither_used_up_nor_the_end_of_its_family(
    history: tuple[object, ...], secret: str, version: int, now: Micros, proven: Confirmation | None
) -> None:
    command = spend(secret, version, issued="r1", issued_confirmation=KEY, confirmation=proven)
    decision = when(history, command, now)
    assert refusal(decision) == "refresh_not_proven"
    assert decision.event is None


def test_with_its_key_a_bound_refresh_token_is_judged_like_any_other() -> None:
    assert when(BOUND, spend("r1", 2, confirmation=KEY)) == Decision(None, Issue())
    assert when(BOUND_ONCE, spend("r1", 2, confirmation=KEY)) == Decision(None, Repeat(version=3))
    assert cause(when(BOUND_ONCE, spend("r1", 2, confirmation=KEY), LATER)) == "lost_response"
    again = spend("r1", 2, issued="r1", issued_confirmation=KEY, confirmation=KEY)
    assert cause(when(BOUND_TWICE, again, LATER)) == "out_of_order"


def test_a_thief_who_binds_a_stolen_token_to_his_own_key_is_found_out_by_its_owner() -> None:
    stolen = (authorized(), redeemed(), rotated(confirmation=OTHER_KEY))
    assert cause(when(stolen, spend("r1", 2), LATER)) == "lost_response"


def test_an_unbound_refresh_token_takes_any_key() -> None:
    assert when(FIRST, spend("r1", 2, confirmation=KEY)) == Decision(None, Issue())


def test_a_refresh_token_that_stays_is_spent_by_nothing_and_idles_out_later_with_each_use() -> None:
    assert when(FIRST, spend("r1", 2, rotates=False)) == Decision(None, Renew())
    used = (*FIRST, renewed(at=after(NOW, 80_000)))
    assert when(used, spend("r1", 2, rotates=False), after(NOW, 90_000)) == Decision(None, Renew())
    assert refusal(when(used, spend("r1", 2, rotates=False), after(NOW, 80_000 + 86_400))) == "refresh_expired"
