"""Reading a refusal: which rule refused, and that nothing was to be appended."""

from grantlog.core.decision import Decision, Refused


def reason_of(decision: Decision[object]) -> str:
    """The private reason of a decision that refuses and appends nothing."""
    assert decision.event is None
    assert decision.gate is None
    assert isinstance(decision.answer, Refused)
    return decision.answer.reason
