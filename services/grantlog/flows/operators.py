"""Commands that no client and no person in a browser gave: by an operator, a worker, or the server itself."""

from grantlog.core.decision import Decision, Origin, Refused
from grantlog.flows.handle import Prepared
from grantlog.flows.service import Service


class CommandRefusedError(Exception):
    """A rule refused a command; ``refused`` says which and why. The text is fit for an operator."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.description)
        self.refused = refused


def operator_origin(service: Service, actor: str) -> Origin:
    """Where a command of ``actor`` (``operator:<name>``, ``worker:<job>`` or ``server``) comes from.

    Its request id is fresh: two commands that share one would be taken for one attempt to append.
    """
    return Origin(request_id=service.ports.secrets.random(16).hex(), address="", actor=actor)


def settle(answer: Refused | None) -> None:
    """Raises CommandRefusedError where a rule refused."""
    if answer is not None:
        raise CommandRefusedError(answer)


def birth(decision: Decision[Refused | None]) -> Prepared[None]:
    """The first event of a stream, ready to append. It denies nobody anything. Raises CommandRefusedError."""
    settle(decision.answer)
    return Prepared(event=decision.event, answer=None, gate=decision.gate, names=decision.names)
