"""The names of things, and the arithmetic of stream ids.

A stream id is a UUIDv7 (RFC 9562 section 5.7) whose ``rand_a`` begins with a *bucket* of 10 bits, so that everything that
belongs to one account can be found, and moved, together.
"""

from typing import NewType
from uuid import UUID

StreamId = NewType("StreamId", UUID)
"""Names one stream of events: a grant (token family), client, account, session, keyring or incident."""

ClientId = NewType("ClientId", str)
"""``client_id`` of RFC 6749 section 2.2, as the client sends it."""

Micros = NewType("Micros", int)
"""A moment on PostgreSQL's clock: microseconds since 1970-01-01 UTC."""

BUCKETS = 1024
MICROS = 1_000_000


def seconds(moment: Micros) -> int:
    """The NumericDate (RFC 7519 section 2, whole seconds, rounded down) of a moment."""
    return moment // MICROS


def after(moment: Micros, span: int) -> Micros:
    """The moment ``span`` seconds after ``moment``."""
    return Micros(moment + span * MICROS)


def mint_stream_id(born: Micros, bucket: int, noise: bytes) -> StreamId:
    """A stream id born at ``born`` in ``bucket`` (0 to 1023), from 9 or more bytes of randomness."""
    if not 0 <= bucket < BUCKETS:
        raise ValueError("a bucket is a number of 10 bits")
    rand_a = (bucket << 2) | (noise[8] & 0b11)
    rand_b = int.from_bytes(noise[:8], "big") & ((1 << 62) - 1)
    return StreamId(UUID(int=((born // 1000) << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b))


def bucket_of(stream: StreamId) -> int:
    """The bucket (0 to 1023) that a stream id carries."""
    return (stream.int >> 66) & (BUCKETS - 1)


def born_at(stream: StreamId) -> Micros:
    """When the stream was born, to the millisecond."""
    return Micros((stream.int >> 80) * 1000)
