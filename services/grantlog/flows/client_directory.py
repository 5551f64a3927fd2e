"""Registered clients by ``client_id``, remembered until a gate says that one has changed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from grantlog.core.client.state import ClientState
from grantlog.core.decision import Name, Stamp
from grantlog.core.grant.standing import Gate
from grantlog.core.identifiers import ClientId, StreamId
from grantlog.core.protocol.client_document import looks_like_url
from grantlog.flows.gate_watch import GateWatch
from grantlog.ports import EventLog

REMEMBERED = 10_000
Admits = Callable[[ClientId], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class KnownClient:
    """A client with the stream it lives in and the epoch of its gate, read together."""

    stream: StreamId
    state: ClientState
    stamp: Stamp


class ClientDirectory:
    """Reads clients from the log and remembers them; never staler than the gates that ``watch`` has seen."""

    def __init__(self, log: EventLog, watch: GateWatch) -> None:
        self._log = log
        self._watch = watch
        self._known: dict[ClientId, KnownClient] = {}
        self._admits: Admits | None = None
        watch.on_change(self._forget)

    def by_document(self, admits: Admits) -> None:
        """From now on an id that is a URL is asked about first: the document there may be new, or gone."""
        self._admits = admits

    def _forget(self, gate: Gate) -> None:
        if gate.kind == "client":
            self._known.pop(ClientId(gate.id), None)

    def remembered(self, client_id: ClientId) -> KnownClient | None:
        """The client, where this process knows it already. No I/O."""
        return self._known.get(client_id)

    async def find(self, client_id: ClientId) -> KnownClient | None:
        """The client with this id, or None. Raises UnavailableError where the log does not answer."""
        if looks_like_url(client_id) and (self._admits is None or not await self._admits(client_id)):
            return None
        known = self._known.get(client_id)
        if known is not None:
            return known
        stream = await self._log.bearer(Name("client_id", client_id))
        if stream is None:
            return None
        loaded = await self._log.load(stream)
        await self._watch.catch_up(loaded.head.gate_sequence)
        if loaded.state is None:
            return None
        # The epoch may be newer than the state only when the client changed in between: then what is stamped must not
        # outlive the change, so the state is read once more.
        again = await self._log.load(stream)
        if again.version != loaded.version:
            return await self.find(client_id)
        found = KnownClient(stream, again.state, Stamp("client", client_id, self._watch.epoch("client", client_id)))
        if again.head.gate_sequence == self._watch.sequence:
            if len(self._known) >= REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[client_id] = found
        return found
