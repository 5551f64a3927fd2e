"""The client that a request names, before it has proven anything."""

from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.errors import ProtocolError
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.service import Service


async def known_client(service: Service, client_id: str) -> KnownClient:
    """The client. Raises ProtocolError, UnavailableError."""
    client = await service.clients.find(ClientId(client_id))
    if client is None:
        raise ProtocolError("invalid_request", "client_id is not known", "client_unknown")
    return client
