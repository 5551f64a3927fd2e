"""A lease as its holder may rely on it: counted by its own monotonic clock, from before it asked."""

import asyncio

from grantlog.ports import Lease, Ports, UnavailableError

RENEWALS = 3
"""So many times is a lease prolonged in its span."""


class LeaseLostError(Exception):
    """The lease has run out or somebody else holds it: stop acting at once."""


class Held:
    """A lease that we hold. ``safe`` is the answer to "may I act alone now?"; nothing else is."""

    def __init__(self, ports: Ports, lease: Lease, seconds: float, asked: float) -> None:
        self._ports = ports
        self._seconds = seconds
        self._until = asked + seconds
        self.lease = lease

    @classmethod
    async def acquire(cls, ports: Ports, name: str, holder: str, seconds: float) -> "Held | None":
        """Takes the lease; None while somebody else holds it. Raises UnavailableError."""
        asked = asyncio.get_running_loop().time()
        lease = await ports.leases.acquire(name, holder, seconds)
        return None if lease is None else cls(ports, lease, seconds, asked)

    @property
    def remaining(self) -> float:
        """Seconds for which nobody else can hold it."""
        return self._until - asyncio.get_running_loop().time()

    @property
    def safe(self) -> bool:
        """Whether a good part of the lease is left: enough for one more step."""
        return self.remaining >= self._seconds / 4

    def sure(self) -> None:
        """Raises LeaseLostError unless it is safe to act alone."""
        if not self.safe:
            raise LeaseLostError(self.lease.name)

    async def keep(self) -> None:
        """Prolongs the lease until cancelled. Raises LeaseLostError; a log that does not answer costs it only in the end."""
        while True:
            await asyncio.sleep(self._seconds / RENEWALS)
            asked = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(max(self.remaining, 0.01)):
                    lease = await self._ports.leases.acquire(self.lease.name, self.lease.holder, self._seconds)
            except (UnavailableError, TimeoutError):
                if self.remaining <= 0:
                    raise LeaseLostError(self.lease.name) from None
                continue
            # A larger fence means that somebody held it in between.
            if lease is None or lease.fence != self.lease.fence:
                raise LeaseLostError(self.lease.name)
            self._until = asked + self._seconds

    async def release(self) -> None:
        """Gives it up, so that the next holder need not wait. Best effort: it runs out by itself."""
        try:
            await self._ports.leases.release(self.lease)
        except UnavailableError:
            return
