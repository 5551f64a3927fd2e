"""RFC 6749 section 4.1.3 and RFC 7636 section 4.6: who may exchange a code, and what a replay means."""

import pytest
from tests.support.given import given
from tests.support.grants import KEY, NOW, OTHER_KEY, STRANGER, approved, authorized, for_itself, redeem, redeemed

from grantlog.core.decision import Refused
from grantlog.core.grant.decide import Issue, RedeemCode, redeem_code
from grantlog.core.grant.events import ReuseDetected, Revoked
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import Micros, after

JUST_IN_TIME = Micros(after(NOW, 60) - 1)


def refusal(answer: object, error: str = "invalid_grant") -> str:
    assert isinstance(answer, Refused)
    assert answer.error == error
    return answer.reason


def test_a_proven_code_may_be_exchanged_until_it_expires() -> None:
    decision = redeem_code(given(evolve, authorized()), redeem(), JUST_IN_TIME)
    assert decision.answer == Issue()
    assert decision.event is None


def test_a_redirect_uri_need_not_be_sent_because_pkce_binds_the_code() -> None:
    assert redeem_code(given(evolve, authorized()), redeem(redirect_uri=None), NOW).answer == Issue()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (redeem("guess"), "code_unknown"),
        (redeem(client=STRANGER), "code_other_client"),
        (redeem(redirect_uri="https://evil.example/"), "code_redirect_uri"),
        (redeem(challenge="x" * 43), "pkce_mismatch"),
    ],
)
@pytest.mark.parametrize("history", [(authorized(),), (authorized(), redeemed())], ids=["fresh", "redeemed"])
def test_an_unproven_code_is_refused_and_never_kills_the_family(
    history: tuple[object, ...], command: RedeemCode, reason: str
) -> None:
    decision = redeem_code(given(evolve, *history), command, NOW)
    assert refusal(decision.answer) == reason
    assert decision.event is None


@pytest.mark.parametrize("history", [(), (for_itself(),), (approved(),)], ids=["no stream", "no code", "a device's"])
def test_a_code_that_nobody_issued_is_unknown(history: tuple[object, ...]) -> None:
    assert refusal(redeem_code(given(evolve, *history), redeem(), NOW).answer) == "code_unknown"


def test_an_expired_code_is_refused() -> None:
    assert refusal(redeem_code(given(evolve, authorized()), redeem(), after(NOW, 60)).answer) == "code_expired"


def test_the_code_of_a_revoked_grant_is_refused() -> None:
    state = given(evolve, authorized(), Revoked(cause="operator"))
    assert refusal(redeem_code(state, redeem(), NOW).answer) == "grant_revoked"


def test_a_proven_replay_is_refused_and_kills_the_family_in_one_append() -> None:
    decision = redeem_code(given(evolve, authorized(), redeemed()), redeem(), after(NOW, 3600))
    assert refusal(decision.answer) == "code_replayed"
    assert decision.event == ReuseDetected(credential="authorization_code", presented_version=1, cause="code_replay")


@pytest.mark.parametrize(
    ("history", "now"),
    [
        ((authorized(), redeemed(), Revoked(cause="client_request")), NOW),
        ((authorized(lifetime=100), redeemed()), after(NOW, 100)),
    ],
    ids=["revoked", "expired"],
)
def test_a_replay_in_a_dead_family_says_nothing_new(history: tuple[object, ...], now: Micros) -> None:
    decision = redeem_code(given(evolve, *history), redeem(), now)
    assert refusal(decision.answer) == "code_replayed_dead"
    assert decision.event is None


WITHOUT_PKCE = authorized(challenge="")


@pytest.mark.parametrize("history", [(WITHOUT_PKCE,), (WITHOUT_PKCE, redeemed())], ids=["fresh", "redeemed"])
def test_without_pkce_the_redirect_uri_has_to_be_sent(history: tuple[object, ...]) -> None:
    decision = redeem_code(given(evolve, *history), redeem(challenge=None, redirect_uri=None), NOW)
    assert refusal(decision.answer, "invalid_request") == "code_redirect_uri_missing"
    assert decision.event is None


def test_without_pkce_the_same_redirect_uri_is_proof_enough_of_a_client_that_proved_itself() -> None:
    assert redeem_code(given(evolve, WITHOUT_PKCE), redeem(challenge=None), NOW).answer == Issue()


@pytest.mark.parametrize("history", [(WITHOUT_PKCE,), (WITHOUT_PKCE, redeemed())], ids=["fresh", "redeemed"])
def test_a_verifier_without_a_challenge_is_always_refused(history: tuple[object, ...]) -> None:
    decision = redeem_code(given(evolve, *history), redeem(), NOW)
    assert refusal(decision.answer) == "pkce_unasked"
    assert decision.event is None


@pytest.mark.parametrize("history", [(authorized(),), (authorized(), redeemed())], ids=["fresh", "redeemed"])
def test_a_challenge_without_a_verifier_is_always_refused(history: tuple[object, ...]) -> None:
    decision = redeem_code(given(evolve, *history), redeem(challenge=None), NOW)
    assert refusal(decision.answer, "invalid_grant") == "code_verifier_missing"
    assert decision.event is None


BOUND = authorized(jkt=KEY.thumbprint)


@pytest.mark.parametrize("jkt", [None, OTHER_KEY.thumbprint], ids=["no proof", "another key"])
@pytest.mark.parametrize("history", [(BOUND,), (BOUND, redeemed())], ids=["fresh", "redeemed"])
def test_a_bound_code_is_refused_without_its_key_and_never_kills_the_family(
    history: tuple[object, ...], jkt: str | None
) -> None:
    decision = redeem_code(given(evolve, *history), redeem(jkt=jkt), NOW)
    assert refusal(decision.answer) == "code_dpop_jkt"
    assert decision.event is None


def test_a_bound_code_may_be_exchanged_with_its_key_and_an_unbound_one_with_any() -> None:
    assert redeem_code(given(evolve, BOUND), redeem(jkt=KEY.thumbprint), NOW).answer == Issue()
    assert redeem_code(given(evolve, authorized()), redeem(jkt=KEY.thumbprint), NOW).answer == Issue()
