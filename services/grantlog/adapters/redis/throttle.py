"""Counting against abuse in Redis; in the process where Redis is gone.

Own script (``lua/throttle_v1.lua``) instead of a library: ``limits`` has windows only, which admit twice the rate at their
edges; packages with token buckets take the caller's clock, and none says when the next attempt would be admitted, which is
what makes ``peek`` free.
"""

from collections.abc import Mapping
from time import monotonic

from grantlog.adapters.memory.throttle import Buckets, Moments, whole_seconds
from grantlog.adapters.redis.naming import Naming
from grantlog.adapters.redis.nodes import Nodes, live
from grantlog.adapters.redis.quota import Quota, parse_quota
from grantlog.adapters.redis.script import Script
from grantlog.adapters.redis.wire import CommandError
from grantlog.ports import UnavailableError

PAUSE = 1.0
"""Seconds for which Redis is left alone after it did not answer: nobody waits for it twice."""

_HIT = Script("throttle_v1")


class RedisThrottle:
    """The port ``Throttle``. ``rules``: by name, ``"<number>/<period>"``.

    What a ``hit`` learns about the next attempt is remembered in the process, so ``peek`` costs no round trip: another
    process may admit one attempt more before it learns the same.
    """

    def __init__(self, nodes: Nodes, naming: Naming, rules: Mapping[str, str]) -> None:
        self._nodes = nodes
        self._naming = naming
        self._quotas = {rule: parse_quota(text) for rule, text in rules.items()}
        self._refusals = Moments()
        self._local = Buckets()
        self._alone_until = 0.0

    async def hit(self, rule: str, *subjects: str) -> int:
        """See the port. Never raises for a store that is gone. Raises KeyError for a rule that was not given."""
        quota = self._quotas[rule]
        name = self._naming.name(rule, *subjects)
        wait, until_next = await self._count(name, quota)
        self._refusals.keep(name, until_next)
        return whole_seconds(wait)

    async def peek(self, rule: str, *subjects: str) -> int:
        """See the port. No I/O."""
        return whole_seconds(self._refusals.left(self._naming.name(rule, *subjects)))

    async def clear(self, rule: str, *subjects: str) -> None:
        """See the port."""
        name = self._naming.name(rule, *subjects)
        self._refusals.forget(name)
        self._local.forget(name)
        try:
            connection, _ = live(self._nodes, self._naming.tag(name))
            await connection.execute(b"DEL", self._naming.key(b"q", name))
        except (UnavailableError, CommandError) as error:
            self._gone(error)

    async def _count(self, name: bytes, quota: Quota) -> tuple[int, int]:
        if monotonic() >= self._alone_until:
            try:
                connection, _ = live(self._nodes, self._naming.tag(name))
                keys = (self._naming.key(b"q", name),)
                wait, until_next = await _HIT.run(connection, keys, quota.interval, quota.capacity)
            except (UnavailableError, CommandError) as error:
                self._gone(error)
            else:
                return int(wait), int(until_next)
        return self._local.hit(name, quota)

    def _gone(self, error: Exception) -> None:
        self._nodes.noticed(error)
        self._alone_until = monotonic() + PAUSE
