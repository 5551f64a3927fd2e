"""Clients known by a document: fetched at first use, written down, looked at again when its time has passed.

What such a client may do hangs on a gate, as with every client, so it stands on the log as a client of its own; a document
that has changed is an update there, and one that is gone no longer lets anybody in. Who makes up URLs is bounded by the
host that they lead to, and all of them together.
"""

from asyncio import Lock
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from structlog import get_logger

from grantlog.core.client.decide import client_name
from grantlog.core.client.events import ClientMetadata
from grantlog.core.client.registration import Rules, read_registration
from grantlog.core.client.registration.rules import host_of
from grantlog.core.identifiers import MICROS, ClientId, Micros
from grantlog.core.protocol.client_document import DocumentError, is_document_id, read_document
from grantlog.core.protocol.errors import ProtocolError
from grantlog.flows import clients
from grantlog.flows.operators import CommandRefusedError, operator_origin
from grantlog.flows.sector_identifier import check_sector
from grantlog.flows.service import Service
from grantlog.ports import UnavailableError

LIFETIME = 300
"""Seconds for which a document is not fetched again."""
STALE = 86_400
"""Seconds for which a client is still let in while its document's server does not answer."""
REMEMBERED = 10_000
HOST_RULE, ALL_RULE = "client_document_host", "client_document"
ACTOR = "server"
_log = get_logger(__name__)


@dataclass(slots=True)
class ClientDocuments:
    """What this process knows of documents. One of a client is fetched once at a time."""

    service: Service
    _good: dict[ClientId, Micros] = field(default_factory=dict)
    """When each document was found good."""
    _locks: "WeakValueDictionary[ClientId, Lock]" = field(default_factory=WeakValueDictionary)

    async def admits(self, client_id: ClientId) -> bool:
        """Whether a client_id that is a URL is that of a client, which then stands on the log. Raises UnavailableError."""
        policy = self.service.policy
        if not policy.client_id_documents:
            return False
        if not is_document_id(client_id, loopback=policy.issuer.startswith("http://")):
            return False
        if self._age(client_id) < LIFETIME:
            return True
        lock = self._locks.setdefault(client_id, Lock())
        async with lock:
            return self._age(client_id) < LIFETIME or await self._look(client_id)

    async def _look(self, client_id: ClientId) -> bool:
        try:
            await self._fetch(client_id)
        except UnavailableError as gone:
            _log.info("client_document", reason="unavailable", client_id=client_id, error=str(gone))
            return self._age(client_id) < STALE
        except (DocumentError, ProtocolError, CommandRefusedError) as wrong:
            reason = wrong.refused.reason if isinstance(wrong, CommandRefusedError) else wrong.reason
            _log.info("client_document", reason=reason, client_id=client_id)
            self._good.pop(client_id, None)
            return False
        if len(self._good) >= REMEMBERED:
            self._good.pop(next(iter(self._good)))
        self._good[client_id] = self.service.ports.log.now()
        return True

    async def _fetch(self, client_id: ClientId) -> None:
        service = self.service
        for rule, subject in ((HOST_RULE, host_of(client_id) or ""), (ALL_RULE, "")):
            wait = await service.ports.throttle.hit(rule, subject)
            if wait:
                raise UnavailableError("too many client documents", wait)
        fetched = await service.ports.egress.get(client_id)
        document = read_document(client_id, fetched.status, fetched.media_type, fetched.body)
        # A client whose document nobody signs has no secret, so the default of RFC 7591 cannot be meant.
        metadata = read_registration(
            document, Rules(policy=service.policy, shared_secrets=False, default_method="none")
        )
        await check_sector(service, metadata)
        await self._write_down(client_id, metadata)

    async def _write_down(self, client_id: ClientId, metadata: ClientMetadata) -> None:
        service, origin = self.service, operator_origin(self.service, ACTOR)
        if await service.ports.log.bearer(client_name(client_id)) is None:
            try:
                await clients.register(service, metadata, origin, client_id, by_document=True)
            except CommandRefusedError as refused:
                # another process was faster
                if refused.refused.reason != "client_id_taken":
                    raise
            else:
                return
        await clients.update(service, client_id, metadata, origin)

    def _age(self, client_id: ClientId) -> float:
        """Seconds since the document was good; of one never seen more than any limit."""
        seen = self._good.get(client_id)
        return float("inf") if seen is None else (self.service.ports.log.now() - seen) / MICROS
