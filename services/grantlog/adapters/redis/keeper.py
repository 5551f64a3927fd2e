"""What the tail, rebuild and audit do to the projection besides (design section 5)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from grantlog.adapters.redis.connection import Connection
from grantlog.adapters.redis.layout import (
    cursor_key,
    encode_family,
    family_key,
    family_prefix,
    milliseconds_left,
    ready_key,
    stream_in,
    tag_of,
    version_of,
)
from grantlog.adapters.redis.nodes import Nodes, live
from grantlog.adapters.redis.reading import LearningClock
from grantlog.adapters.redis.script import Script
from grantlog.adapters.redis.wire import Argument, CommandError
from grantlog.core.grant.standing import Family
from grantlog.core.identifiers import Micros, StreamId
from grantlog.ports import Projection, UnavailableError

_BEAT = Script("beat_v1")
_BEGIN = Script("begin_v1")
_REPAIR = Script("repair_v1")
_REPLACE = Script("replace_v1")
_VERSIONS = Script("versions_v1")

CHUNK = 500
_PAUSE = 0.01
"""Seconds between the chunks of a removal, so that readers come first."""

T = TypeVar("T")


class RedisKeeper:
    """The port ``ProjectionKeeper`` on Redis or Valkey.

    It remembers where it saw each cursor last, and moves one only from there or further: where a lagging replica has been
    promoted, or the data were flushed, moving it would skip what was lost. ``position`` looks anew.
    """

    def __init__(self, nodes: Nodes, clock: LearningClock, *, tags: int) -> None:
        self._nodes = nodes
        self._clock = clock
        self._tags = tags
        self._seen: dict[tuple[int, int], int] = {}
        """Cursors, by generation and tag."""
        self._prepared: set[int] = set()

    async def runs(self) -> Mapping[str, str]:
        """See the port. Every server is asked: one that has just gone may not have been missed yet."""

        async def ask(tag: int) -> str:
            connection, run_id = live(self._nodes, tag)
            await connection.execute(b"PING")
            return run_id

        return {str(tag): run_id for tag, run_id in enumerate(await self._everywhere(ask))}

    async def beat(self, projection: Projection, position: int, gate_sequence: int, at: Micros) -> bool:
        """See the port. False as well when a cursor stands lower than it was left. Raises UnavailableError."""

        async def renew(tag: int) -> bool:
            connection, run_id = live(self._nodes, tag)
            seen = await self._cursor(connection, projection.generation, tag)
            if run_id != projection.runs.get(str(tag)) or seen is None:
                return False
            keys = (ready_key(tag), cursor_key(tag, projection.generation))
            words = (run_id, projection.generation, seen, position, gate_sequence, at)
            if await _BEAT.run(connection, keys, *words) != 1 or connection.run_id != run_id:
                return False
            self._seen[projection.generation, tag] = max(seen, position)
            return True

        return all(await self._everywhere(renew))

    async def begin(self, projection: Projection, position: int, gate_sequence: int, at: Micros) -> None:
        """See the port. Raises UnavailableError where another server than the named one stands behind a tag, and where the
        cursor that ``prepare`` wrote is gone (then what was filled is gone too) or a newer generation is named already.
        """
        generation = projection.generation
        prepared = int(generation in self._prepared)

        async def write(tag: int) -> None:
            connection, run_id = live(self._nodes, tag)
            if run_id != projection.runs.get(str(tag)):
                raise UnavailableError("another server than the named one stands behind a tag")
            keys = (ready_key(tag), cursor_key(tag, generation))
            words = (run_id, generation, position, gate_sequence, at, prepared)
            if await _BEGIN.run(connection, keys, *words) != 1:
                raise UnavailableError("what was filled is gone, or a newer generation is named")
            self._seen[generation, tag] = position

        await self._everywhere(write)

    async def prepare(self, generation: int, position: int) -> None:
        """See the port."""

        async def write(tag: int) -> None:
            await live(self._nodes, tag)[0].execute(b"SET", cursor_key(tag, generation), position)
            self._seen[generation, tag] = position

        await self._everywhere(write)
        self._prepared.add(generation)

    async def versions(self, generation: int, streams: Sequence[StreamId]) -> Sequence[int]:
        """See the port. Raises UnavailableError."""
        places: list[list[int]] = [[] for _ in range(self._tags)]
        for place, stream in enumerate(streams):
            places[tag_of(stream, self._tags)].append(place)
        found = [0] * len(streams)

        async def read(tag: int) -> None:
            if not places[tag]:
                return
            keys = tuple(family_key(tag, generation, streams[place]) for place in places[tag])
            for place, version in zip(places[tag], await _VERSIONS.run(live(self._nodes, tag)[0], keys), strict=True):
                found[place] = version

        await self._everywhere(read)
        return found

    async def repair(self, generation: int, families: Sequence[tuple[StreamId, Family, int]], position: int) -> int:
        """See the port. Raises UnavailableError: then some tags may be repaired and others not, which harms nothing."""
        words: list[list[Argument]] = [[] for _ in range(self._tags)]
        keys: list[list[bytes]] = [[cursor_key(tag, generation)] for tag in range(self._tags)]
        now = self._clock.now()
        for stream, family, last_expiry in families:
            tag = tag_of(stream, self._tags)
            keys[tag].append(family_key(tag, generation, stream))
            words[tag] += (family.version, encode_family(family), milliseconds_left(last_expiry, now))

        async def write(tag: int) -> int:
            connection, _ = live(self._nodes, tag)
            seen = await self._cursor(connection, generation, tag)
            # Where there is none, it must stand where it shall already: that is, it is left alone.
            start = position if seen is None else seen
            behind, moved = await _REPAIR.run(connection, tuple(keys[tag]), start, position, *words[tag])
            if moved:
                self._seen[generation, tag] = max(start, position)
            return int(behind)

        return sum(await self._everywhere(write))

    async def position(self, generation: int) -> int | None:
        """See the port."""

        async def read(tag: int) -> int | None:
            return await self._look(live(self._nodes, tag)[0], generation, tag)

        cursors = await self._everywhere(read)
        known = [cursor for cursor in cursors if cursor is not None]
        return min(known) if len(known) == self._tags else None

    async def stored(self, generation: int, stream: StreamId) -> tuple[int, bytes] | None:
        """See the port. Raises UnavailableError."""
        tag = tag_of(stream, self._tags)

        async def read(tag: int) -> bytes | None:
            value: bytes | None = await live(self._nodes, tag)[0].execute(b"GET", family_key(tag, generation, stream))
            return value

        value = await self._ask(read, tag)
        return None if value is None else (version_of(value), value)

    def encode(self, family: Family) -> bytes:
        """See the port."""
        return encode_family(family)

    async def replace(
        self, generation: int, stream: StreamId, seen: bytes | None, family: Family | None, last_expiry: int
    ) -> bool:
        """See the port."""
        value = b"" if family is None else encode_family(family)
        left = milliseconds_left(last_expiry, self._clock.now())

        async def write(tag: int) -> bool:
            keys = (family_key(tag, generation, stream),)
            return bool(await _REPLACE.run(live(self._nodes, tag)[0], keys, seen or b"", value, left) == 1)

        return await self._ask(write, tag_of(stream, self._tags))

    async def walk(self, generation: int) -> AsyncIterator[Sequence[StreamId]]:
        """See the port. Raises UnavailableError."""
        async for _, keys in self._scan(b"{*}f%d:*" % generation):
            found = [stream_in(key, generation, self._tags) for key in keys]
            streams = [stream for stream in found if stream is not None]
            if streams:
                yield streams

    async def drop(self, generation: int) -> int:
        """See the port. The cursors go first, so that nobody takes what is left for whole. Raises UnavailableError."""

        async def forget(tag: int) -> None:
            connection, _ = live(self._nodes, tag)
            await connection.execute(b"UNLINK", cursor_key(tag, generation))
            self._seen.pop((generation, tag), None)

        self._prepared.discard(generation)
        await self._everywhere(forget)
        removed = 0
        prefixes = tuple(family_prefix(tag, generation) for tag in range(self._tags))
        async for connection, keys in self._scan(b"{*}f%d:*" % generation):
            for key in keys:
                # One key a command: in a cluster the keys of several tags lie in several slots.
                if key.startswith(prefixes):
                    removed += await self._answer(connection, b"UNLINK", key)
            await asyncio.sleep(_PAUSE)
        return removed

    async def _scan(self, pattern: bytes) -> AsyncIterator[tuple[Connection, Sequence[bytes]]]:
        for connection in self._nodes.all():
            cursor, epoch = b"0", connection.epoch
            while True:
                cursor, keys = await self._answer(connection, b"SCAN", cursor, b"MATCH", pattern, b"COUNT", CHUNK)
                if connection.epoch != epoch:
                    raise UnavailableError("the connection was lost during a walk")
                if keys:
                    yield connection, keys
                if cursor == b"0":
                    break

    async def _cursor(self, connection: Connection, generation: int, tag: int) -> int | None:
        """The cursor as it was seen or left last; a first look where there was none."""
        seen = self._seen.get((generation, tag))
        return await self._look(connection, generation, tag) if seen is None else seen

    async def _look(self, connection: Connection, generation: int, tag: int) -> int | None:
        value: bytes | None = await connection.execute(b"GET", cursor_key(tag, generation))
        if value is None or not value.isdigit():
            self._seen.pop((generation, tag), None)
            return None
        self._seen[generation, tag] = int(value)
        return int(value)

    async def _answer(self, connection: Connection, *words: Argument) -> Any:
        try:
            return await connection.execute(*words)
        except CommandError as error:
            raise UnavailableError("the projection refuses") from error

    async def _ask(self, question: Callable[[int], Awaitable[T]], tag: int) -> T:
        try:
            return await question(tag)
        except (CommandError, UnavailableError) as error:
            self._nodes.noticed(error)
            raise UnavailableError("the projection does not answer") from error

    async def _everywhere(self, question: Callable[[int], Awaitable[T]]) -> list[T]:
        """Asks behind every tag at once. Raises UnavailableError when one does not answer, after all have been asked."""
        outcomes = await asyncio.gather(
            *(self._ask(question, tag) for tag in range(self._tags)), return_exceptions=True
        )
        answers: list[T] = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            answers.append(outcome)
        return answers
