"""Names for keys that tell nothing, and the tags behind which they are kept."""

from hashlib import blake2s


class Naming:
    """Keyed hashes, so that no address, user name or handle is ever readable in Redis, nor can be guessed there."""

    def __init__(self, hash_key: bytes, tags: int) -> None:
        self._key = blake2s(hash_key, person=b"gl-names").digest()
        self._tags = tags

    def name(self, *parts: str) -> bytes:
        """32 hexadecimal digits for these parts, each of which counts with its length."""
        digest = blake2s(key=self._key, digest_size=16)
        for part in parts:
            raw = part.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(4, "big") + raw)
        return digest.hexdigest().encode()

    def tag(self, name: bytes) -> int:
        """The tag behind which things of this name are kept: evenly spread."""
        return int(name[:8], 16) % self._tags

    def key(self, kind: bytes, name: bytes) -> bytes:
        """The key under which something of this name is kept."""
        return b"{%d}%b:%b" % (self.tag(name), kind, name)
