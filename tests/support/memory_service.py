"""A service whose every port is in memory, for tests of flows. Its clock stands still until a test moves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from grantlog.adapters.crypto.rewrap import RootKeyWrapping
from grantlog.adapters.memory.clock import ManualClock
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
from grantlog.core.protocol.policy import Policy
from grantlog.core.protocol.resource import Catalog, ResourceRule
from grantlog.flows.callers import Callers
from grantlog.flows.client_directory import ClientDirectory
from grantlog.flows.fallback import Fallback
from grantlog.flows.gate_watch import GateWatch
from grantlog.flows.key_watch import KeyWatch
from grantlog.flows.service import Service
from grantlog.ports import Ports, Projection

API = ResourceRule(uri="https://api.example.com/", scopes=("api:read",), token_format="opaque", signing_alg="ES256")


@dataclass(frozen=True, slots=True)
class MemoryProcess:
    """One process: its service, and what a test moves, breaks or looks into behind its back."""

    service: Service
    clock: ManualClock
    log: MemoryEventLog
    projection: MemoryProjection
    wrapped_keys: MemoryWrappedKeys
    vault: MemoryVault
    signer: MemorySigner


@dataclass(frozen=True, slots=True)
class Stores:
    """What several processes share."""

    clock: ManualClock
    log: MemoryEventLog
    projection: MemoryProjection
    wrapped_keys: MemoryWrappedKeys
    vault: MemoryVault
    kept: MemoryKeptRows


async def memory_stores() -> Stores:
    """Empty stores; the head row names the projection, which trusts itself."""
    clock = ManualClock()
    log, projection = MemoryEventLog(clock), MemoryProjection(clock)
    log.projection = Projection(1, await projection.runs(), clock.now())
    await projection.begin(log.projection, 0, 0, clock.now())
    return Stores(clock, log, projection, MemoryWrappedKeys(), MemoryVault(), MemoryKeptRows())


@asynccontextmanager
async def memory_process(stores: Stores | None = None, **policy: Any) -> AsyncIterator[MemoryProcess]:
    """A process on stores of its own, or beside others on the same. ``policy``: members of Policy."""
    shared = stores or await memory_stores()
    log, projection, root = shared.log, shared.projection, _ROOT
    signer = MemorySigner(log, shared.wrapped_keys, root)
    ports = Ports(
        log=log,
        tail=MemoryLogTail(log),
        leases=MemoryLeases(shared.clock),
        read_model=projection,
        keeper=projection,
        transactions=MemoryTransactions(),
        throttle=MemoryThrottle(
            dict.fromkeys(("token", "revoke", "introspect", "authorize", "finding"), "1000/minute")
        ),
        signer=signer,
        secrets=MemorySecrets(root, _INDEX_KEY),
        kept=MemoryKeptSecrets(shared.kept, root),
        verifier=MemoryVerifier(),
        data_keys=MemoryDataKeys(shared.vault, root),
        passwords=MemoryPasswords(log),
        key_wrapping=RootKeyWrapping(root, shared.wrapped_keys, shared.vault, shared.kept),
        queries=MemoryQueries(),
        dead_letters=MemoryDeadLetters(),
        outbox=MemoryOutbox(),
        partitions=MemoryPartitions(),
        egress=cast("Any", None),
    )
    watch = GateWatch(log)
    clients = ClientDirectory(log, watch)
    KeyWatch(signer, watch)
    service = Service(
        ports=ports,
        policy=Policy(issuer="https://issuer.example", catalog=Catalog((API,)), **policy),
        gates=watch,
        clients=clients,
        callers=Callers(clients),
        fallback=Fallback(log, 32),
    )
    yield MemoryProcess(service, shared.clock, log, projection, shared.wrapped_keys, shared.vault, signer)


_ROOT = memory_root_keys()
_INDEX_KEY = bytes(32)
