"""The root key list: the only secrets that stand outside the database. Everything keyed is derived from it.

Newest first: the first closes, all of them open. A root key is replaced in three steps, each on every process before the
next: add the new one last, so that everybody can open what it closes; move it first, and run ``grantlog keys rewrap``;
drop the old one when the last refresh token that carries its MAC has expired.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from grantlog.settings import SettingsError

KEY_BYTES = 32
ID_BYTES = 4
DEVELOPMENT = b"grantlog dev"
"""How a root key of ``grantlog dev`` begins; 20 random bytes follow. It opens a demo's database, and nothing in production."""
_DOMAIN = b"grantlog/1/"


class RootKeyError(SettingsError):
    """The root key list is missing, malformed, or does not open what it should. Never holds key material."""


class RootKeys:
    """The root keys, newest first. Shows nothing of itself."""

    __slots__ = ("_ids", "_keys")

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Takes keys of 32 bytes each. Raises RootKeyError."""
        if not keys:
            raise RootKeyError("the root key list is empty")
        for place, key in enumerate(keys, start=1):
            if len(key) != KEY_BYTES:
                raise RootKeyError(f"root key {place} of {len(keys)} is not {KEY_BYTES} bytes long")
        if len(set(keys)) != len(keys):
            raise RootKeyError("the root key list names a key twice")
        self._keys = tuple(keys)
        self._ids = tuple(derive(key, "key id", length=ID_BYTES) for key in self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._keys)

    def __repr__(self) -> str:
        return f"RootKeys({len(self._keys)})"

    def __reduce__(self) -> str:
        raise TypeError("root keys are not for pickling")

    @property
    def newest(self) -> bytes:
        """The key that closes."""
        return self._keys[0]

    @property
    def newest_id(self) -> bytes:
        """The 4-byte name of the newest key, as boxes carry it: derived, so it tells nothing of the key."""
        return self._ids[0]

    @property
    def for_development(self) -> bool:
        """Whether any of them was made by ``grantlog dev``."""
        return any(key.startswith(DEVELOPMENT) for key in self._keys)

    def named(self, key_id: bytes) -> bytes | None:
        """The key with this name; None where the list does not have it (any more)."""
        for known, key in zip(self._ids, self._keys, strict=True):
            if known == key_id:
                return key
        return None


def derive(
    key: bytes, label: str, context: bytes = b"", *, salt: bytes | None = None, length: int = KEY_BYTES
) -> bytes:
    """HKDF-SHA256 (RFC 5869) of a root key: ``length`` bytes for one ``label`` (without NUL) and ``context``."""
    return HKDF(SHA256(), length, salt, _DOMAIN + label.encode() + b"\x00" + context).derive(key)


def parse_root_keys(text: str) -> RootKeys:
    """Reads a list, newest first: base64url values of 32 bytes, between commas or white space. Raises RootKeyError."""
    words = text.replace(",", " ").split()
    return RootKeys([_decode(word, place, len(words)) for place, word in enumerate(words, start=1)])


def read_root_keys(value: str | None, file: Path | None) -> RootKeys:
    """The root key list from a setting's value or a file; exactly one of them. Raises RootKeyError."""
    if (value is None) == (file is None):
        raise RootKeyError("set exactly one of GRANTLOG_ROOT_KEYS and GRANTLOG_ROOT_KEYS_FILE")
    if value is not None:
        return parse_root_keys(value)
    assert file is not None
    try:
        text = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as wrong:
        raise RootKeyError(f"GRANTLOG_ROOT_KEYS_FILE cannot be read: {type(wrong).__name__}") from None
    return parse_root_keys(text)


def _decode(word: str, place: int, count: int) -> bytes:
    try:
        return b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except (Base64Error, ValueError):
        raise RootKeyError(f"root key {place} of {count} is not base64url") from None
