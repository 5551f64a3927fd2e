"""Short-lived records of the browser's way through login and consent, in Redis."""

import contextlib
from typing import Any

from grantlog.adapters.redis.naming import Naming
from grantlog.adapters.redis.nodes import Nodes, live
from grantlog.adapters.redis.script import Script
from grantlog.adapters.redis.wire import Argument, CommandError
from grantlog.ports import UnavailableError

_ADMIT = Script("admit_v1")
_SWAP = Script("swap_v1")
_NAME = 32
"""Bytes of a name; every record begins with its owner's, or with as many blanks."""
_NOBODY = b" " * _NAME


class RedisTransactions:
    """The port ``Transactions``.

    An owner's records are counted in a sorted set by the time they expire. It is not in the slot of the records (a reader
    does not know the owner), so admission and record are two steps: a crash between them costs the owner one place until
    the record would have expired.

    It shares the process's own connection, whose replies cannot shift when a caller goes away: one browser must never be
    given what belongs to another.
    """

    def __init__(self, nodes: Nodes, naming: Naming) -> None:
        self._nodes = nodes
        self._naming = naming

    async def put(self, kind: str, key: str, value: bytes, ttl: int, *, owner: str = "", limit: int = 0) -> bool:
        """See the port. ``limit`` 0: as many as they like."""
        name = self._naming.name("record", kind, key)
        its_owner = self._naming.name("owner", kind, owner) if limit else _NOBODY
        if limit and not await self._admit(its_owner, name, limit, ttl):
            return False
        await self._ask(name, b"SET", self._naming.key(b"t", name), its_owner + value, b"EX", ttl)
        return True

    async def get(self, kind: str, key: str) -> bytes | None:
        """See the port. Raises UnavailableError."""
        name = self._naming.name("record", kind, key)
        record: bytes | None = await self._ask(name, b"GET", self._naming.key(b"t", name))
        return None if record is None else record[_NAME:]

    async def take(self, kind: str, key: str) -> bytes | None:
        """See the port. Raises UnavailableError; the record may then be gone."""
        name = self._naming.name("record", kind, key)
        record: bytes | None = await self._ask(name, b"GETDEL", self._naming.key(b"t", name))
        if record is None:
            return None
        owner = record[:_NAME]
        if owner != _NOBODY:
            # The record is ours already; what fails here costs the owner one place until it would have expired.
            with contextlib.suppress(UnavailableError):
                await self._ask(owner, b"ZREM", self._naming.key(b"o", owner), name)
        return record[_NAME:]

    async def swap(self, kind: str, key: str, old: bytes, new: bytes) -> bool:
        """See the port. Raises UnavailableError; the record may then be the new one."""
        name = self._naming.name("record", kind, key)
        try:
            connection, _ = live(self._nodes, self._naming.tag(name))
            return bool(await _SWAP.run(connection, (self._naming.key(b"t", name),), _NAME, old, new))
        except (CommandError, UnavailableError) as error:
            raise self._gone(error) from error

    async def _admit(self, owner: bytes, name: bytes, limit: int, ttl: int) -> bool:
        try:
            connection, _ = live(self._nodes, self._naming.tag(owner))
            return bool(await _ADMIT.run(connection, (self._naming.key(b"o", owner),), name, limit, ttl))
        except (CommandError, UnavailableError) as error:
            raise self._gone(error) from error

    async def _ask(self, name: bytes, *words: Argument) -> Any:
        """One command where things of this name are kept."""
        try:
            return await live(self._nodes, self._naming.tag(name))[0].execute(*words)
        except (CommandError, UnavailableError) as error:
            raise self._gone(error) from error

    def _gone(self, error: Exception) -> UnavailableError:
        self._nodes.noticed(error)
        return UnavailableError("transactions are down")
