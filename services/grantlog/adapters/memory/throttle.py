"""Counting against abuse within one process: the port in memory, and what the one in Redis falls back to."""

from collections.abc import Callable, Mapping
from time import monotonic

from grantlog.adapters.redis.quota import Quota, parse_quota

MICROS = 1_000_000
MOST = 50_000
"""How many subjects are remembered at a time; whoever has waited longest is forgotten first."""


def whole_seconds(micros: int) -> int:
    """Microseconds as the seconds of ``Retry-After``: rounded up, 0 only for 0."""
    return -(-micros // MICROS)


class Moments:
    """For each key a moment (µs, monotonic), while it lies ahead. Bounded."""

    def __init__(self, clock: Callable[[], float] = monotonic, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._moments: dict[bytes, int] = {}

    def now(self) -> int:
        """Microseconds on the monotonic clock."""
        return int(self._clock() * MICROS)

    def left(self, key: bytes) -> int:
        """Microseconds until the moment kept under a key; 0 for none, and for one that has passed."""
        moment = self._moments.get(key)
        if moment is None:
            return 0
        left = moment - self.now()
        if left <= 0:
            del self._moments[key]
        return max(0, left)

    def keep(self, key: bytes, micros: int) -> None:
        """Keeps the moment this far ahead."""
        self._moments.pop(key, None)
        if micros <= 0:
            return
        if len(self._moments) >= self._most:
            self._make_room()
        self._moments[key] = self.now() + micros

    def forget(self, key: bytes) -> None:
        """Forgets one."""
        self._moments.pop(key, None)

    def _make_room(self) -> None:
        now = self.now()
        self._moments = {key: moment for key, moment in self._moments.items() if moment > now}
        while len(self._moments) >= self._most:
            del self._moments[next(iter(self._moments))]


class Buckets:
    """Token buckets as the generic cell rate algorithm keeps them: one moment each, at which the bucket will be full."""

    def __init__(self, clock: Callable[[], float] = monotonic, most: int = MOST) -> None:
        self._full = Moments(clock, most)

    def hit(self, key: bytes, quota: Quota) -> tuple[int, int]:
        """Takes one. Microseconds to wait before this could have been admitted (0: it was), and before the next could."""
        left = self._full.left(key)
        wait = self._until_room(left, quota)
        if wait > 0:
            return wait, wait
        self._full.keep(key, left + quota.interval)
        return 0, max(0, self._until_room(left + quota.interval, quota))

    def wait(self, key: bytes, quota: Quota) -> int:
        """Microseconds before the next could be admitted."""
        return max(0, self._until_room(self._full.left(key), quota))

    def forget(self, key: bytes) -> None:
        """Fills a bucket."""
        self._full.forget(key)

    @staticmethod
    def _until_room(left: int, quota: Quota) -> int:
        return left - (quota.capacity - 1) * quota.interval


class MemoryThrottle:
    """The port ``Throttle`` in memory. ``rules``: by name, ``"<number>/<period>"``."""

    def __init__(self, rules: Mapping[str, str], clock: Callable[[], float] = monotonic) -> None:
        self._quotas = {rule: parse_quota(text) for rule, text in rules.items()}
        self._buckets = Buckets(clock)

    async def hit(self, rule: str, *subjects: str) -> int:
        """See the port."""
        wait, _ = self._buckets.hit(_key(rule, subjects), self._quotas[rule])
        return whole_seconds(wait)

    async def peek(self, rule: str, *subjects: str) -> int:
        """See the port."""
        return whole_seconds(self._buckets.wait(_key(rule, subjects), self._quotas[rule]))

    async def clear(self, rule: str, *subjects: str) -> None:
        """See the port."""
        self._buckets.forget(_key(rule, subjects))


def _key(rule: str, subjects: tuple[str, ...]) -> bytes:
    return repr((rule, *subjects)).encode()
