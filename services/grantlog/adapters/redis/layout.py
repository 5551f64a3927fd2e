"""What stands where in Redis: keys, the bytes of a family, the bytes of ``ready``.

- ``{t}f<generation>:<16 bytes of the stream id>``: version (4 bytes, big-endian), codec (1 byte), MessagePack.
- ``{t}ready``: generation (4), gate sequence (8), beat (8, microseconds of PostgreSQL's time), run id (the rest).
- ``{t}cursor<generation>``: the position, in decimal.

``{t}`` is the tag, the part of a key that chooses the slot in a cluster.
"""

import struct
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import msgspec

from grantlog.core.grant.standing import Family
from grantlog.core.identifiers import MICROS, Micros, StreamId, bucket_of
from grantlog.projections.family import CODEC, Packed, UnreadableFamilyError, pack, unpack

_HEAD = struct.Struct(">IB")
_READY = struct.Struct(">IQQ")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Packed).decode

GRACE_MILLISECONDS = 5_000
"""How long a family outlives its last access token: readers check the expiry themselves, and their clocks may lag."""


def tag_of(stream: StreamId, tags: int) -> int:
    """The tag behind which a stream's family is kept."""
    return bucket_of(stream) % tags


def family_prefix(tag: int, generation: int) -> bytes:
    """The beginning of the keys of all families of a generation behind a tag."""
    return b"{%d}f%d:" % (tag, generation)


def family_key(tag: int, generation: int, stream: StreamId) -> bytes:
    """The key of one family."""
    return b"{%d}f%d:%b" % (tag, generation, stream.bytes)


def ready_key(tag: int) -> bytes:
    """The key of ``ready``."""
    return b"{%d}ready" % tag


def cursor_key(tag: int, generation: int) -> bytes:
    """The key of a generation's cursor."""
    return b"{%d}cursor%d" % (tag, generation)


def stream_in(key: bytes, generation: int, tags: int) -> StreamId | None:
    """The stream whose family this key holds; None for any other key."""
    stream = StreamId(UUID(bytes=key[-16:])) if len(key) > 16 else None
    if stream is None or key != family_key(tag_of(stream, tags), generation, stream):
        return None
    return stream


def encode_family(family: Family) -> bytes:
    """The bytes of a family as they are stored."""
    return _HEAD.pack(family.version, CODEC) + _encode(pack(family))


@lru_cache(maxsize=4096)
def decode_family(value: bytes) -> Family:
    """The family in these bytes; the same bytes are decoded once, for whoever asks for the same family again.

    Raises UnreadableFamilyError for another codec, and for bytes that are no family.
    """
    if len(value) <= _HEAD.size:
        raise UnreadableFamilyError("too short for a family")
    version, codec = _HEAD.unpack_from(value)
    if codec != CODEC:
        raise UnreadableFamilyError(f"codec {codec} is not known here")
    try:
        family = unpack(_decode(memoryview(value)[_HEAD.size :]))
    except msgspec.MsgspecError as damage:
        raise UnreadableFamilyError("a family is damaged") from damage
    if family.version != version:
        raise UnreadableFamilyError("a family claims two versions")
    return family


def version_of(value: bytes) -> int:
    """The version in stored bytes; 0 where there is none."""
    return int.from_bytes(value[:4], "big") if len(value) >= 4 else 0


def milliseconds_left(last_expiry: int, now: Micros) -> int:
    """How long a family is to be kept: until its last access token has expired, and a little longer."""
    return max(0, last_expiry * 1000 - now * 1000 // MICROS) + GRACE_MILLISECONDS


@dataclass(frozen=True, slots=True)
class Ready:
    """What the tail says about the data behind a tag."""

    run_id: str
    generation: int
    gate_sequence: int
    beat: Micros


def decode_ready(value: bytes | None) -> Ready | None:
    """Reads ``ready``; None where it is absent or no such thing."""
    if value is None or len(value) <= _READY.size:
        return None
    generation, gate_sequence, beat = _READY.unpack_from(value)
    run_id = value[_READY.size :]
    return Ready(run_id.decode("ascii"), generation, gate_sequence, Micros(beat)) if run_id.isalnum() else None
