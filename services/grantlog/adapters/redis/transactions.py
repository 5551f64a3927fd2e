"""Short-lived records of the browser's way through login and consent, in Redis."""

import contextlib

from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from grantlog.adapters.redis.script import Script
from grantlog.adapters.redis.stores import Client, Naming
from grantlog.ports import UnavailableError

_ADMIT = Script("admit_v1")
_NAME = 32
"""Bytes of a name; every record begins with its owner's, or with as many blanks."""
_NOBODY = b" " * _NAME


class RedisTransactions:
    """The port ``Transactions``.

    An owner's records are counted in a sorted set by the time they expire. It is not in the slot of the records (a reader
    does not know the owner), so admission and record are two steps: a crash between them costs the owner one place until
    the record would have expired.
    """

    def __init__(self, client: Client, naming: Naming) -> None:
        self._client = client
        self._naming = naming
        self._admit: AsyncScript = client.register_script(_ADMIT.text)

    async def put(self, kind: str, key: str, value: bytes, ttl: int, *, owner: str = "", limit: int = 0) -> bool:
        """See the port. ``limit`` 0: as many as they like. Raises UnavailableError."""
        name = self._naming.name("record", kind, key)
        its_owner = self._naming.name("owner", kind, owner) if limit else _NOBODY
        try:
            if limit and not await self._admit(keys=[b"o:" + its_owner], args=[name, limit, ttl]):
                return False
            await self._client.set(b"t:" + name, its_owner + value, ex=ttl)
        except (RedisError, OSError) as error:
            raise UnavailableError("no place for a transaction") from error
        return True

    async def get(self, kind: str, key: str) -> bytes | None:
        """See the port. Raises UnavailableError."""
        try:
            record = _bytes(await self._client.get(b"t:" + self._naming.name("record", kind, key)))
        except (RedisError, OSError) as error:
            raise UnavailableError("transactions cannot be read") from error
        return None if record is None else record[_NAME:]

    async def take(self, kind: str, key: str) -> bytes | None:
        """See the port. Raises UnavailableError; the record may then be gone."""
        name = self._naming.name("record", kind, key)
        try:
            record = _bytes(await self._client.getdel(b"t:" + name))
        except (RedisError, OSError) as error:
            raise UnavailableError("transactions cannot be read") from error
        if record is None:
            return None
        if not record.startswith(_NOBODY):
            # The record is ours already; what fails here costs the owner one place until it would have expired.
            with contextlib.suppress(RedisError, OSError):
                await self._client.zrem(b"o:" + record[:_NAME], name)
        return record[_NAME:]


def _bytes(value: bytes | str | None) -> bytes | None:
    """A reply as the client was opened to give it: undecoded."""
    assert not isinstance(value, str)
    return value
