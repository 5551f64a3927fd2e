"""Loads states: one query for everybody who asks in the same moment."""

from collections.abc import Sequence
from time import monotonic

from grantlog.adapters.clock import PostgresClock
from grantlog.adapters.codec import CodecError, decode_state, fold_history
from grantlog.adapters.postgres.errors import MissingEventError
from grantlog.adapters.postgres.heads import head_from
from grantlog.adapters.postgres.pool import Pool
from grantlog.adapters.postgres.rows import recorded_of
from grantlog.adapters.postgres.statements import statement
from grantlog.core.events import UnknownEventError
from grantlog.core.identifiers import Micros, StreamId
from grantlog.ports import Head, Loaded


class LoadCall:
    """Reads states by their primary keys, with the head of the same snapshot."""

    def __init__(self, pool: Pool, clock: PostgresClock) -> None:
        self._pool = pool
        self._clock = clock

    async def read(self, streams: Sequence[StreamId]) -> Sequence[Loaded | Exception]:
        """The states in the order of ``streams``; an exception for a stream that cannot be read. Raises UnavailableError."""
        wanted = list(dict.fromkeys(streams))
        sent = monotonic()
        row = await self._pool.fetchrow(statement("load"), wanted)
        self._clock.learn(Micros(row["recorded_at"]), monotonic(), sent)
        head = head_from(row)
        found: dict[StreamId, Loaded | Exception] = {}
        for stream, version, kind, codec, blob in zip(
            wanted, row["versions"], row["kinds"], row["codecs"], row["blobs"], strict=True
        ):
            found[stream] = (
                Loaded(0, None, head)
                if version is None
                else await self._loaded(stream, version, kind, codec, blob, head)
            )
        return [found[stream] for stream in streams]

    async def _loaded(
        self, stream: StreamId, version: int, kind: str, codec: int, blob: bytes, head: Head
    ) -> Loaded | Exception:
        state = decode_state(kind, codec, blob)
        if state is not None:
            return Loaded(version, state, head)
        try:
            return await self._folded(stream, kind, head)
        except (UnknownEventError, CodecError, MissingEventError) as unreadable:
            return unreadable

    async def _folded(self, stream: StreamId, kind: str, head: Head) -> Loaded:
        """Another program wrote the state in another shape: the history says the same."""
        history = [recorded_of(row) for row in await self._pool.fetch(statement("history"), stream)]
        if not history:
            raise MissingEventError("a stream has a state and no events")
        state = fold_history(kind, [(each.version, each.event) for each in history])
        return Loaded(history[-1].version, state, head)
