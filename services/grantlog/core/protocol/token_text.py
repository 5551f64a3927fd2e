"""How an opaque token is written (design section 4).

``<prefix>_<kind>_`` then base64url of 63 bytes — format, kind, stream id, version of the issuing event, expiry, 32 secret
bytes, a 4-byte keyed MAC — then 6 characters of a CRC-32, by which a secret scanner recognises it off-line. Width and
alphabet are fixed, so there is exactly one text for a token. Clients must not parse it.
"""

from base64 import urlsafe_b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2s
from hmac import compare_digest
from struct import Struct
from uuid import UUID
from zlib import crc32

from grantlog.core.identifiers import StreamId

SECRET_BYTES = 32
_FORMAT = 1
_HEAD = Struct(">BB16sI5s")  # format, kind, stream, version, expiry
_MAC_BYTES = 4
_BODY_CHARS = 84
_CRC_CHARS = 6
_HANDLE_CHARS = 44  # of a handle without a secret: 33 bytes
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(first + second for first in _BASE62 for second in _BASE62)
_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
"""From base64url (RFC 4648 section 5) to the alphabet that the decoder knows; what only that one knows becomes wrong."""


class Kind(Enum):
    """What a token is; its letters stand in the text and its number under the MAC."""

    ACCESS = ("at", 1)
    REFRESH = ("rt", 2)
    CODE = ("ac", 3)
    SESSION = ("ss", 4)
    JWT = ("jh", 5)
    """The handle that a JWT access token carries as its ``jti``."""
    DEVICE = ("dc", 6)

    def __init__(self, letters: str, number: int) -> None:
        self.letters = letters
        self.number = number


@dataclass(frozen=True, slots=True)
class Handle:
    """Where a token comes from: its stream, the version of the event that issued it, and its expiry (NumericDate)."""

    kind: Kind
    stream: StreamId
    version: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Presented:
    """A token that somebody presented, proven by its MAC to be of our making."""

    handle: Handle
    secret: bytes


def write(handle: Handle, secret: bytes, mac_key: bytes, prefix: str) -> str:
    """The text of a token with 32 ``secret`` bytes."""
    body = _head(handle) + secret
    text = urlsafe_b64encode(body + _mac(body, mac_key)).decode()
    return f"{prefix}_{handle.kind.letters}_{text}{checksum(text)}"


def read(text: str, kind: Kind, mac_keys: Sequence[bytes], prefix: str) -> Presented | None:
    """The token in ``text``, or None where it is not one of ours and of this kind. Needs no I/O and never raises."""
    start = len(prefix) + len(kind.letters) + 2
    if len(text) != start + _BODY_CHARS + _CRC_CHARS or text[:start] != f"{prefix}_{kind.letters}_":
        return None
    if not text.isascii():  # what has no bytes (a lone surrogate) has no checksum either
        return None
    body = text[start:-_CRC_CHARS]
    if text[-_CRC_CHARS:] != checksum(body):
        return None
    raw = _decode(body)
    if raw is None:
        return None
    return _proven(raw, kind, mac_keys)


def write_handle(handle: Handle, mac_key: bytes) -> str:
    """A handle alone (44 characters): the ``jti`` of a JWT access token."""
    body = _head(handle)
    return urlsafe_b64encode(body + _mac(body, mac_key) + b"\x00\x00").decode()


def read_handle(text: str, kind: Kind, mac_keys: Sequence[bytes]) -> Handle | None:
    """The handle in ``text``, or None where it is not of our making."""
    raw = _decode(text) if len(text) == _HANDLE_CHARS else None
    if raw is None or raw[-2:] != b"\x00\x00":
        return None
    presented = _proven(raw[:-2], kind, mac_keys)
    return None if presented is None else presented.handle


def _head(handle: Handle) -> bytes:
    return _HEAD.pack(
        _FORMAT, handle.kind.number, handle.stream.bytes, handle.version, handle.expires_at.to_bytes(5, "big")
    )


def _proven(raw: bytes, kind: Kind, mac_keys: Sequence[bytes]) -> Presented | None:
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    form, number, stream, version, expiry = _HEAD.unpack_from(body)
    if form != _FORMAT or number != kind.number:
        return None
    for key in mac_keys:
        if compare_digest(mac, _mac(body, key)):
            break
    else:
        return None
    handle = Handle(kind, StreamId(UUID(bytes=stream)), version, int.from_bytes(expiry, "big"))
    return Presented(handle, body[_HEAD.size :])


def _mac(body: bytes, key: bytes) -> bytes:
    return blake2s(body, key=key, digest_size=_MAC_BYTES).digest()


def _decode(text: str) -> bytes | None:
    """Strict base64url without padding; for whole groups of 4 characters, so that there is one text for the bytes."""
    try:
        return a2b_base64(text.encode("ascii").translate(_STANDARD), strict_mode=True)
    except (Base64Error, UnicodeEncodeError):
        return None


def checksum(text: str) -> str:
    """Six base62 digits of the CRC-32: what tells a scanner that a text is one of ours."""
    rest, last = divmod(crc32(text.encode()), len(_PAIRS))
    first, middle = divmod(rest, len(_PAIRS))
    return f"{_PAIRS[first]}{_PAIRS[middle]}{_PAIRS[last]}"
