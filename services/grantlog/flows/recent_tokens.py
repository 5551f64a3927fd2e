"""Where tokens stand that were presented lately, by the hash of their texts.

A resource server presents the same token with every call of its bearer. Reading a token is arithmetic on its own bytes, the
same every time, so what was read once is remembered; whether the token is alive is asked of the projection every time.
"""

from dataclasses import dataclass
from hashlib import sha256

from grantlog.core.protocol.token_text import Handle

REMEMBERED = 8192


@dataclass(frozen=True, slots=True)
class Located:
    """A token of our making (proven by a MAC, no more), and its hash as the log holds it."""

    handle: Handle
    hash: bytes


class RecentTokens:
    """Two generations of at most 8,192 each: when the younger is full, the older goes. No token is kept, and nothing of one."""

    def __init__(self) -> None:
        self._young: dict[bytes, Located] = {}
        self._old: dict[bytes, Located] = {}

    def recall(self, key: bytes) -> Located | None:
        """What was remembered under this key, where it is still known."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.remember(key, found)
        return found

    def remember(self, key: bytes, value: Located) -> None:
        """Keeps it for as long as it is asked for."""
        if len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, {}
        self._young[key] = value


def key_of(text: str) -> bytes:
    """The key of a text, whatever it holds."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
