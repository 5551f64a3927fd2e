"""The service on stores that keep nothing: the token endpoint's own work, and no store's.

Everything but the log's append and the projection's put is the port in memory. Those two do nothing at all, so the ratio
against this service flatters nobody: not even a dictionary is written.
"""

from typing import cast

from grantlog.adapters.crypto.rewrap import RootKeyWrapping
from grantlog.adapters.memory.clock import MachineClock
from grantlog.adapters.memory.data_keys import MemoryDataKeys, MemoryVault
from grantlog.adapters.memory.event_log import MemoryEventLog
from grantlog.adapters.memory.kept_secrets import MemoryKeptRows, MemoryKeptSecrets
from grantlog.adapters.memory.leases import MemoryLeases
from grantlog.adapters.memory.log_tail import MemoryLogTail
from grantlog.adapters.memory.outbox import MemoryOutbox
from grantlog.adapters.memory.passwords import MemoryPasswords
from grantlog.adapters.memory.queries import MemoryDeadLetters, MemoryPartitions, MemoryQueries
from grantlog.adapters.memory.read_model import MemoryProjection
from grantlog.adapters.memory.secrets import MemorySecrets, memory_root_keys
from grantlog.adapters.memory.signer import MemorySigner, MemoryWrappedKeys
from grantlog.adapters.memory.throttle import MemoryThrottle
from grantlog.adapters.memory.transactions import MemoryTransactions
from grantlog.adapters.memory.verifier import MemoryVerifier
from grantlog.core.client import decide
from grantlog.core.client.events import ClientMetadata
from grantlog.core.client.state import evolve
from grantlog.core.grant.standing import Family
from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import ClientId, StreamId
from grantlog.core.protocol.client_auth import secret_digest
from grantlog.flows.handle import begin
from grantlog.flows.operators import birth, operator_origin
from grantlog.flows.service import Service
from grantlog.ports import Append, Appended, Egress, Head, Ports, Projection, Verdict
from grantlog.settings import Settings
from grantlog.wiring import compose, rules_of


class ForgetfulLog(MemoryEventLog):
    """Keeps clients and keys, and says of every grant that it stands."""

    _head: Head | None = None

    async def append(self, row: Append) -> Verdict:
        """Keeps nothing of a grant."""
        if not isinstance(row.state, GrantState):
            return await super().append(row)
        if self._head is None:
            self._head = await self.head()
        return Appended(1, self._head.recorded_at, self._head)


class ForgetfulProjection(MemoryProjection):
    """Acknowledges, and keeps nothing."""

    async def put(self, projection: Projection, stream: StreamId, family: Family, last_expiry: int) -> bool:  # noqa: ARG002  # the port's signature
        """See the port."""
        return True


async def forgetful_service(
    settings: Settings, client_id: ClientId, client_secret: str, metadata: ClientMetadata
) -> Service:
    """The service, with one client."""
    clock, root = MachineClock(), memory_root_keys()
    log = ForgetfulLog(clock)
    projection, vault, keys, kept = ForgetfulProjection(clock), MemoryVault(), MemoryWrappedKeys(), MemoryKeptRows()
    ports = Ports(
        log=log,
        tail=MemoryLogTail(log),
        leases=MemoryLeases(clock),
        read_model=projection,
        keeper=projection,
        transactions=MemoryTransactions(),
        throttle=MemoryThrottle(rules_of(settings)),
        signer=MemorySigner(log, keys, root),
        secrets=MemorySecrets(root, bytes(32)),
        kept=MemoryKeptSecrets(kept, root),
        verifier=MemoryVerifier(),
        data_keys=MemoryDataKeys(vault, root),
        passwords=MemoryPasswords(log),
        key_wrapping=RootKeyWrapping(root, keys, vault, kept),
        queries=MemoryQueries(),
        dead_letters=MemoryDeadLetters(),
        outbox=MemoryOutbox(),
        partitions=MemoryPartitions(),
        egress=cast("Egress", None),  # nothing here calls anybody
    )
    service = await compose(ports, settings)
    command = decide.Register(client_id=client_id, metadata=metadata, secret_hash=secret_digest(client_secret))
    decision = decide.register(None, command, log.now())
    await begin(service, log.mint(), evolve, birth(decision), operator_origin(service, "operator:bench"))
    return service
