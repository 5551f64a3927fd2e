"""Resource servers that have proven themselves, recalled by the very header they sent.

A resource server sends the same ``Authorization`` header with every introspection. What it proved once stays proven until
one of its secrets expires, or a gate says that the client has changed: the directory then has another object for it.
"""

from collections.abc import Callable
from hashlib import sha256

from grantlog.core.identifiers import ClientId, Micros
from grantlog.flows.client_directory import ClientDirectory, KnownClient

REMEMBERED = 4096


class Callers:
    """At most 4,096 headers, as their hashes; the oldest goes first."""

    def __init__(self, clients: ClientDirectory) -> None:
        self._clients = clients
        self._proven: dict[bytes, tuple[ClientId, KnownClient, Micros | None]] = {}

    def recall(self, authorization: str, now: Callable[[], Micros]) -> KnownClient | None:
        """The client this header has proven, as long as nothing about it has changed. Most need not ask for the time."""
        found = self._proven.get(_key(authorization))
        if found is None:
            return None
        client_id, client, until = found
        if self._clients.remembered(client_id) is not client or (until is not None and now() >= until):
            return None
        return client

    def remember(self, authorization: str, client: KnownClient) -> None:
        """Keeps what this header has proven until the first of the client's secrets expires."""
        if len(self._proven) >= REMEMBERED:
            self._proven.pop(next(iter(self._proven)))
        ends = [secret.expires_at for secret in client.state.secrets if secret.expires_at is not None]
        self._proven[_key(authorization)] = (client.state.client_id, client, min(ends, default=None))


def _key(authorization: str) -> bytes:
    """No secret is kept, and nothing that a lookup's timing could tell of one."""
    return sha256(authorization.encode("utf-8", "surrogateescape")).digest()
