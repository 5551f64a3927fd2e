"""One token request, after its client and its sender have proven themselves: what every grant file is given."""

from dataclasses import dataclass

from grantlog.core.decision import Origin
from grantlog.core.protocol.requests import Parameters
from grantlog.flows.authenticate import Authenticated
from grantlog.flows.sender import Sender
from grantlog.ports import Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """``parameters`` holds only those that the grant has named."""

    client: Authenticated
    parameters: Parameters
    sender: Sender
    origin: Origin

    @property
    def replays(self) -> tuple[Replay, ...]:
        """What the append has to claim: every assertion and proof that came with the request counts once."""
        return (*self.client.replays, *self.sender.replays)
