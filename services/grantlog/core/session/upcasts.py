"""How facts of a session that were written by earlier versions are read: ``dict -> dict`` steps."""

from grantlog.core.events import Payload, upcast


@upcast("session.started", from_version=1)
def more_kinds_of_gates(payload: Payload) -> Payload:
    """Version 2: a stamp may name more kinds of gates than there were."""
    return payload
