"""What came with a request and counts once: assertions (RFC 7523 section 3) and DPoP proofs (RFC 9449 section 11.1).

Where a request appends an event they are claimed inside the append; everywhere else here.
"""

from grantlog.core.protocol.dpop import invalid_proof
from grantlog.core.protocol.errors import InvalidClientError, ProtocolError
from grantlog.flows.authenticate import Authenticated
from grantlog.flows.sender import Sender
from grantlog.flows.service import Service

_NOBODY = Sender()


async def claim_once(service: Service, client: Authenticated | None, sender: Sender = _NOBODY) -> None:
    """Claims what came with a request where nothing is appended, or what the request was refused for does not matter.

    Raises InvalidClientError for an assertion that was used before, invalid_dpop_proof for a proof, UnavailableError.
    """
    mine = () if client is None else client.replays
    if not (mine or sender.replays) or await service.ports.log.claim((*mine, *sender.replays)):
        return
    raise await replayed(service, client)


async def replayed(service: Service, client: Authenticated | None) -> ProtocolError:
    """Which of a request's one-time values it was that had been used before, after none of them could be claimed."""
    if client is not None and client.replays and not await service.ports.log.claim(client.replays):
        return InvalidClientError("client_assertion_replayed")
    return invalid_proof("dpop_replayed")
