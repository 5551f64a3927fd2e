"""RFC 8628 section 3.4: who may exchange a device code, and that crossing polls harm nobody."""

import pytest
from tests.support.given import given
from tests.support.grants import CLIENT, NOW, STRANGER, approved, authorized, for_itself, hashed, redeemed

from grantlog.core.decision import Decision, Refused
from grantlog.core.grant.decide import Issue, RedeemDeviceCode, redeem_device_code
from grantlog.core.grant.events import Revoked
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import ClientId, Micros, after


def poll(code: str = "code", client: ClientId = CLIENT) -> RedeemDeviceCode:
    return RedeemDeviceCode(client_id=client, code_hash=hashed(code))


def when(history: tuple[object, ...], command: RedeemDeviceCode, now: Micros = NOW) -> Decision[object]:
    return redeem_device_code(given(evolve, *history), command, now)


def test_the_device_that_was_let_in_gets_its_tokens_until_the_code_expires() -> None:
    assert when((approved(),), poll(), Micros(after(NOW, 60) - 1)) == Decision(None, Issue())


@pytest.mark.parametrize(
    ("history", "command", "now", "error", "reason"),
    [
        ((), poll(), NOW, "invalid_grant", "device_code_unknown"),
        ((for_itself(),), poll(), NOW, "invalid_grant", "device_code_unknown"),
        ((authorized(),), poll(), NOW, "invalid_grant", "device_code_unknown"),
        ((approved(),), poll("guess"), NOW, "invalid_grant", "device_code_unknown"),
        ((approved(),), poll(client=STRANGER), NOW, "invalid_grant", "device_code_other_client"),
        ((approved(), Revoked(cause="operator")), poll(), NOW, "invalid_grant", "grant_revoked"),
        ((approved(),), poll(), after(NOW, 60), "expired_token", "device_code_expired"),
        ((approved(), redeemed()), poll(), NOW, "invalid_grant", "device_code_used"),
    ],
)
def test_every_other_poll_is_refused_and_kills_nothing(
    history: tuple[object, ...], command: RedeemDeviceCode, now: Micros, error: str, reason: str
) -> None:
    decision = when(history, command, now)
    assert decision.event is None
    assert isinstance(decision.answer, Refused)
    assert (decision.answer.error, decision.answer.reason) == (error, reason)
