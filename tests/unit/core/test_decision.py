"""Decisions are values: frozen, comparable, and quiet unless told otherwise."""

from dataclasses import FrozenInstanceError

import pytest

from grantlog.core.decision import NEVER, Decision, Envelope, GateChange, Origin, Refused


def test_a_decision_claims_nothing_unless_it_says_so() -> None:
    decision = Decision(None, "answer")
    assert decision.gate is None
    assert decision.names == ()


def test_a_gate_change_only_makes_readers_forget_unless_it_says_so() -> None:
    assert GateChange("client", "id") == GateChange("client", "id", closes=False, quarantined_until=NEVER)


def test_an_envelope_belongs_to_the_one_tenant_and_needs_no_cause() -> None:
    envelope = Envelope(actor="server", request_id="r")
    assert (envelope.cause, envelope.tenant) == (None, 0)


def test_an_origin_may_be_anonymous() -> None:
    origin = Origin(request_id="r", address="192.0.2.1")
    assert (origin.client_id, origin.account) == (None, None)


def test_a_refusal_cannot_be_changed_on_its_way() -> None:
    refusal = Refused("invalid_grant", "public", "private")
    with pytest.raises(FrozenInstanceError):
        refusal.error = "server_error"  # type: ignore[misc]  # the point of the test
