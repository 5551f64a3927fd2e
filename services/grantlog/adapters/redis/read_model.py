"""The projection as introspection reads it and as writers keep it (design section 5)."""

import asyncio

from grantlog import metrics
from grantlog.adapters.redis.layout import (
    encode_family,
    family_key,
    milliseconds_left,
    ready_key,
    tag_of,
)
from grantlog.adapters.redis.nodes import Nodes, live
from grantlog.adapters.redis.reading import LearningClock, Reading, Trust
from grantlog.adapters.redis.script import Script
from grantlog.adapters.redis.wire import CommandError
from grantlog.core.grant.standing import Family
from grantlog.core.identifiers import MICROS, StreamId
from grantlog.ports import Projection, Snapshot, UnavailableError

_PUT = Script("put_v1")
_RAISE_GATES = Script("raise_gates_v1")


class RedisReadModel:
    """The port ``ReadModel`` on Redis or Valkey.

    ``lease``: seconds for which a beat is believed. ``tags``: how many hash tags the buckets are spread over.
    """

    def __init__(self, nodes: Nodes, clock: LearningClock, *, lease: float, tags: int) -> None:
        self._nodes = nodes
        self._clock = clock
        self._trust = Trust(clock, int(lease * MICROS))
        self._tags = tags
        self._gathering: dict[int, Reading] = {}
        self._generations = [1] * tags
        """The generation that ``ready`` named last, behind each tag."""
        self._believed: dict[int, bool] = {}

    async def read(self, stream: StreamId) -> Snapshot:
        """See the port. All reads of one turn of the event loop share one MGET a tag."""
        loop = asyncio.get_running_loop()
        tag = tag_of(stream, self._tags)
        reading = self._gathering.get(tag)
        if reading is None:
            reading = self._gathering[tag] = Reading(self, self._trust, tag, self._generations[tag])
            loop.call_soon(self._send_gathered, tag)
        future: asyncio.Future[Snapshot] = loop.create_future()
        reading.callers.setdefault(stream, []).append(future)
        return await future

    async def put(self, projection: Projection, stream: StreamId, family: Family, last_expiry: int) -> bool:
        """See the port. It is written whoever is named: only the acknowledgement depends on that."""
        tag = tag_of(stream, self._tags)
        generations = dict.fromkeys((projection.generation, projection.next_generation))
        keys = tuple(family_key(tag, generation, stream) for generation in generations if generation is not None)
        value = encode_family(family)
        try:
            connection, run_id = live(self._nodes, tag)
            left = milliseconds_left(last_expiry, self._clock.now())
            await _PUT.run(connection, keys, family.version, value, left)
        except (UnavailableError, CommandError) as error:
            self._nodes.noticed(error)
            return False
        return run_id == connection.run_id == projection.runs.get(str(tag))

    async def raise_gates(self, projection: Projection, sequence: int) -> bool:
        """See the port. False as well where ``ready`` is gone or names somebody else: nobody was told."""
        if not projection.named:
            return False
        answers = await asyncio.gather(*(self._raise(projection, tag, sequence) for tag in range(self._tags)))
        return all(answers)

    async def _raise(self, projection: Projection, tag: int, sequence: int) -> bool:
        try:
            connection, run_id = live(self._nodes, tag)
            if run_id != projection.runs.get(str(tag)):
                return False
            raised = await _RAISE_GATES.run(connection, (ready_key(tag),), run_id, projection.generation, sequence)
        except (UnavailableError, CommandError) as error:
            self._nodes.noticed(error)
            return False
        return raised == 1 and connection.run_id == run_id

    def read_again(self, reading: Reading, generation: int) -> None:
        """The tail has switched to another generation since the last read: reads that one, once."""
        self._generations[reading.tag] = generation
        second = Reading(self, self._trust, reading.tag, generation, second=True)
        second.callers = reading.callers
        self._send(second)

    def note(self, tag: int, *, believed: bool) -> None:
        """Shows an operator whether the projection is believed."""
        if self._believed.get(tag) is not believed:
            self._believed[tag] = believed
            metrics.PROJECTION_TRUSTED.labels(str(tag)).set(believed)

    def noticed(self, error: Exception) -> None:
        """Takes note of why a server did not answer: the tags may have moved."""
        self._nodes.noticed(error)

    def _send_gathered(self, tag: int) -> None:
        self._send(self._gathering.pop(tag))

    def _send(self, reading: Reading) -> None:
        try:
            connection, reading.run_id = live(self._nodes, reading.tag)
            keys = (family_key(reading.tag, reading.generation, stream) for stream in reading.callers)
            connection.submit(reading, b"MGET", ready_key(reading.tag), *keys)
            connection.flush()
        except Exception as error:  # noqa: BLE001  # the loop calls this: whatever happens, the callers get an answer
            reading.set_exception(error)
