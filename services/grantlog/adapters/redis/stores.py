"""redis-py for what is not on the hot path: its own pool, short patience, one more try on a stale connection."""

from hashlib import blake2s

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

Client = Redis | RedisCluster

SECONDS = 0.5
"""How long one answer, or one connection, may take."""
CONNECTIONS = 64


def open_client(url: str, *, cluster: bool) -> Client:
    """A client for short-lived records and counters; it connects when it is first used. Replies are bytes."""
    retry: Retry = Retry(NoBackoff(), 1)
    if cluster:
        return RedisCluster.from_url(
            url,
            socket_timeout=SECONDS,
            socket_connect_timeout=SECONDS,
            max_connections=CONNECTIONS,
            retry=retry,
        )
    return Redis.from_url(
        url,
        socket_timeout=SECONDS,
        socket_connect_timeout=SECONDS,
        max_connections=CONNECTIONS,
        retry=retry,
    )


class Naming:
    """Names for keys that tell nothing: a keyed hash, so that no address, user name or handle is ever readable in Redis."""

    def __init__(self, hash_key: bytes) -> None:
        self._key = blake2s(hash_key, person=b"gl-names").digest()

    def name(self, *parts: str) -> bytes:
        """32 hexadecimal digits for these parts, each of which counts with its length."""
        digest = blake2s(key=self._key, digest_size=16)
        for part in parts:
            raw = part.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(4, "big") + raw)
        return digest.hexdigest().encode()
