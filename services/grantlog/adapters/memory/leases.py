"""The port Leases in memory."""

from grantlog.adapters.memory.clock import Clock, MachineClock
from grantlog.core.identifiers import MICROS, Micros
from grantlog.ports import Lease


class MemoryLeases:
    """Who may act alone in this process."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or MachineClock()
        self._held: dict[str, Lease] = {}
        self._slots: set[tuple[str, int]] = set()
        self._effects: set[tuple[str, int]] = set()

    async def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        """Takes or prolongs a lease; None while somebody else holds it. Raises ValueError for an empty holder."""
        if not holder:
            raise ValueError("a lease needs a holder")
        now = self._clock.now()
        held = self._held.get(name, Lease(name, "", 0, Micros(0)))
        if held.holder != holder and held.until > now:
            return None
        fence = held.fence + (held.holder != holder)
        lease = Lease(name, holder, fence, Micros(now + int(seconds * MICROS)))
        self._held[name] = lease
        return lease

    async def release(self, lease: Lease) -> None:
        """Gives it up early; nothing where somebody else holds it by now."""
        held = self._held.get(lease.name)
        if held is not None and (held.holder, held.fence) == (lease.holder, lease.fence):
            self._held[lease.name] = Lease(lease.name, "", lease.fence, Micros(0))

    async def claim_slot(self, job: str, slot: int) -> bool:
        """Claims one run of a periodic job."""
        return _claim(self._slots, (job, slot))

    async def claim_effect(self, handler: str, position: int) -> bool:
        """Claims the effect of one handler on one event."""
        return _claim(self._effects, (handler, position))

    def fence(self, name: str) -> int:
        """The fence of the newest holder; 0 where there was none."""
        return self._held[name].fence if name in self._held else 0


def _claim(claimed: set[tuple[str, int]], key: tuple[str, int]) -> bool:
    fresh = key not in claimed
    claimed.add(key)
    return fresh
