"""Events, envelopes and states as bytes; the stored bytes of an event are the truth.

JSON with sorted keys, no floats, integers below 2^53 and no NUL, so that every language reads the same thing. What is
encoded is decoded again before it leaves: an event that this program could not read back would close its stream for ever.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from struct import Struct
from typing import Any
from uuid import UUID
from zlib import crc32

import msgspec

from grantlog.core.decision import Envelope, GateChange, Name
from grantlog.core.events import REGISTRY
from grantlog.core.identifiers import Micros, StreamId
from grantlog.ports import Append, Replay
from grantlog.projections.streams import LONG_LIVED, STATE_TYPES, fold

_LARGEST = 2**53 - 1
_SUSPECT = re.compile(rb"[:,\[]-?(?:[0-9]{17,}|9[0-9]{15}|[0-9]+[.eE])|\\u0000")
"""Numbers that may be too large or floats, and NUL. Rarely a string looks like that as well: then the tree is walked."""
_VERSIONS = 2**31 - 1
_NAME_BYTES = 1024
"""What a name or the id of a gate may take: an index holds them."""

_encoder = msgspec.json.Encoder(order="sorted")
_envelope = msgspec.json.Decoder(Envelope)


class CodecError(ValueError):
    """Something cannot stand on the log, or what stands there cannot be read."""


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """One row of an append, as it goes to the store."""

    stream: StreamId
    version: int
    type: str
    schema: int
    envelope: bytes
    payload: bytes
    kind: str
    codec: int
    state: bytes
    last_expiry: int
    seal: bytes | None
    gate: GateChange | None
    names: tuple[Name, ...]
    replays: tuple[Replay, ...]

    @property
    def lasting(self) -> bool:
        """Whether the stream outlives the partitions by birth."""
        return self.kind in LONG_LIVED


def encode_replays(replays: Sequence[Replay]) -> tuple[Replay, ...]:
    """One-time values as they are stored: by SHA-256, of one length whatever they are."""
    return tuple(Replay(sha256(claim.key).digest(), claim.expires_at) for claim in replays)


def encode_row(row: Append) -> EncodedRow:
    """A row of the log as bytes. Raises CodecError, UnknownEventError."""
    name, schema, payload = encode_event(row.event)
    kind = name.partition(".")[0]
    if not 0 < row.version <= _VERSIONS:
        raise CodecError(f"{row.version} is no version")
    if type(row.state) is not STATE_TYPES[kind]:
        raise CodecError(f"{type(row.state).__name__} is not the state of a stream of kind {kind}")
    for text in _texts(row):
        _check_text(text)
    return EncodedRow(
        stream=row.stream,
        version=row.version,
        type=name,
        schema=schema,
        envelope=encode_envelope(row.envelope),
        payload=payload,
        kind=kind,
        codec=state_codec(kind),
        state=_encoder.encode(row.state),
        last_expiry=getattr(row.state, "last_expiry", 0),
        seal=row.seal,
        gate=row.gate,
        names=row.names,
        # Somebody else chose the value, of any length; its hash fits an index.
        replays=encode_replays(row.replays),
    )


def encode_event(event: object) -> tuple[str, int, bytes]:
    """Name, schema version and payload of an event. Raises CodecError, UnknownEventError."""
    kind = REGISTRY.of(event)
    payload = _checked(_encoder.encode(event))
    try:
        _event_decoder(kind.cls).decode(payload)
    except msgspec.ValidationError as wrong:
        raise CodecError(f"{kind.name}: {wrong}") from None
    return kind.name, kind.version, payload


def decode_event(name: str, schema: int, payload: bytes) -> Any:
    """The event, upcast to the version this program reads. Raises CodecError, UnknownEventError."""
    kind = REGISTRY.named(name)
    try:
        if schema == kind.version:
            return _event_decoder(kind.cls).decode(payload)
        kind, current = REGISTRY.upcast(name, schema, msgspec.json.decode(payload))
        return msgspec.convert(current, kind.cls)
    except msgspec.DecodeError as wrong:
        raise CodecError(f"{name} version {schema}: {wrong}") from None


def encode_envelope(envelope: Envelope) -> bytes:
    """The envelope as it stands under the leaf. Raises CodecError."""
    return _checked(_encoder.encode(envelope))


def decode_envelope(stored: bytes) -> Envelope:
    """The envelope. Raises CodecError."""
    try:
        return _envelope.decode(stored)
    except msgspec.DecodeError as wrong:
        raise CodecError(f"envelope: {wrong}") from None


def decode_state(kind: str, codec: int, blob: bytes) -> Any:
    """The state in a row, or None where another program wrote it in another shape: fold the history then."""
    if kind not in STATE_TYPES or codec != state_codec(kind):
        return None
    try:
        return _state_decoder(kind).decode(blob)
    except msgspec.DecodeError:
        return None


@cache
def state_codec(kind: str) -> int:
    """The number of the shape of a state (31 bits): computed, so that nobody can forget to raise it."""
    shape = _without_prose(msgspec.json.schema(STATE_TYPES[kind]))
    return crc32(msgspec.json.encode(shape, order="sorted")) & 0x7FFF_FFFF


def fold_history(kind: str, events: list[tuple[int, Any]]) -> Any:
    """The state after (version, event) pairs, oldest first; None without any."""
    state: Any = None
    for version, event in events:
        state = fold(kind, state, event, version)
    return state


_SHORT = Struct(">Ih")
_INT = Struct(">Ii")
_LONG = Struct(">Iq")
_LENGTH = Struct(">I")


def leaf_of(
    log_id: UUID,
    position: int,
    stream: StreamId,
    version: int,
    type_: str,
    schema: int,
    recorded_at: Micros,
    envelope: bytes,
    payload: bytes,
) -> bytes:
    """The leaf of one event, as ``append_v1`` computes it: SHA-256 over 0x00 and every field after its length."""
    name = type_.encode()
    return sha256(
        b"".join(
            (
                b"\x00",
                _LENGTH.pack(16),
                log_id.bytes,
                _LONG.pack(8, position),
                _LENGTH.pack(16),
                stream.bytes,
                _INT.pack(4, version),
                _LENGTH.pack(len(name)),
                name,
                _SHORT.pack(2, schema),
                _LONG.pack(8, recorded_at),
                _LENGTH.pack(len(envelope)),
                envelope,
                _LENGTH.pack(len(payload)),
                payload,
            )
        )
    ).digest()


@cache
def _event_decoder(cls: type) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(cls)


@cache
def _state_decoder(kind: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(STATE_TYPES[kind])


def _checked(encoded: bytes) -> bytes:
    if _SUSPECT.search(encoded) is not None:
        _walk(msgspec.json.decode(encoded))
    return encoded


def _walk(value: object) -> None:
    match value:
        case float():
            raise CodecError("a float cannot stand on the log")
        case int() if abs(value) > _LARGEST:
            raise CodecError("an integer above 2^53 cannot stand on the log")
        case str() if "\x00" in value:
            raise CodecError("NUL cannot stand on the log")
        case list():
            for item in value:
                _walk(item)
        case Mapping():
            for key, item in value.items():
                _walk(key)
                _walk(item)


def _texts(row: Append) -> list[str]:
    texts = [name.value for name in row.names]
    if row.gate is not None:
        texts.append(row.gate.id)
    return texts


def _check_text(text: str) -> None:
    """PostgreSQL's text holds neither NUL nor half a surrogate pair."""
    if "\x00" in text:
        raise CodecError("NUL cannot stand in a name")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise CodecError("a name must be valid Unicode") from None
    if size > _NAME_BYTES:
        raise CodecError("a name is too long")


def _without_prose(schema: Any) -> Any:
    """A JSON schema without titles and docstrings: what remains is the shape."""
    if isinstance(schema, dict):
        return {key: _without_prose(value) for key, value in schema.items() if key not in {"title", "description"}}
    if isinstance(schema, list | tuple):
        return [_without_prose(value) for value in schema]
    return schema
