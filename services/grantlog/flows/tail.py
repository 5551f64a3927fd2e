"""The role ``tail``: follows the log once for everybody, alone by a lease in PostgreSQL.

One loop keeps the projection and beats; it may never be held up by the others, which keep the query tables and hand events
to the broker. Everything is idempotent and fenced: a tail that is killed is continued by the next one from its cursors.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from structlog import get_logger

from grantlog import metrics
from grantlog.flows.beat import INTERVAL, BeatRefusedError, Standing, SwitchNeededError, beat
from grantlog.flows.catch_up import LOG, QUERIES, LogGapError, StoreGoneError, projection_store, record_queries, step
from grantlog.flows.dispatch import CURSOR as DISPATCH
from grantlog.flows.dispatch import FencedOffError, dispatch
from grantlog.flows.holding import Held, LeaseLostError
from grantlog.flows.rebuild import Filled, fill_beside, flip, requested, switch
from grantlog.ports import Ports, UnavailableError

LEASE = f"tail:{LOG}"

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Spans in seconds. ``trust`` is how long readers trust a beat (``projection_lease``)."""

    trust: float
    poll: float = 0.1
    """Between looks at a log on which nothing happens."""
    interval: float = INTERVAL
    look: float = 1.0
    """Between looks for a request to rebuild."""

    @property
    def lease(self) -> float:
        """The lease of the role. Shorter than the trust, so that the next tail beats before readers lose it."""
        return max(1.0, self.trust / 4)

    @property
    def patience(self) -> float:
        """How long the store may be silent, or the projection behind, before nobody may trust it."""
        return min(5.0, max(1.0, self.trust / 8))


class Tail:
    """One candidate for the role. ``beating`` says whether readers may trust the projection because of it."""

    def __init__(self, ports: Ports, pace: Pace, holder: str) -> None:
        self._ports = ports
        self._pace = pace
        self._holder = holder
        self._last_beat = float("-inf")
        self._silent_since: float | None = None
        self._refusals = 0
        self._old: asyncio.Queue[int] = asyncio.Queue()
        self._clock: Callable[[], float] | None = None
        self._standing_by = False
        self.leading = False
        self.standing: Standing | None = None

    @property
    def ready(self) -> bool:
        """Whether readers may trust the projection because of us, or somebody else leads and we would take over."""
        beating = self._clock is not None and self._clock() - self._last_beat < self._pace.trust
        return self._standing_by or (self.leading and beating)

    async def run(self) -> None:
        """Until cancelled: waits for the lease, leads, and waits again."""
        # Asked for by other threads as well, where no loop runs.
        self._clock = asyncio.get_running_loop().time
        # An alert on its increase needs to have seen it at zero.
        metrics.LOG_GAPS.labels(LOG)
        while True:
            held = await self._acquire()
            self.leading, self._standing_by = True, False
            _log.info("tail_leads", fence=held.lease.fence)
            try:
                await self._lead(held)
            finally:
                self.leading = False
                self.standing = None
                await asyncio.shield(held.release())

    async def _acquire(self) -> Held:
        while True:
            try:
                held = await Held.acquire(self._ports, LEASE, self._holder, self._pace.lease)
                if held is not None:
                    return held
                self._standing_by = True
            except UnavailableError as gone:
                self._standing_by = False
                _log.warning("lease_unavailable", reason=str(gone))
            await asyncio.sleep(self._pace.lease / 4)

    async def _lead(self, held: Held) -> None:
        """Everything a leader does at once. Returns when the lease is lost."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(held.keep())
                group.create_task(self._project(held))
                group.create_task(self._sweep())
                group.create_task(self._follow(QUERIES, self._query_tables))
                group.create_task(self._follow(DISPATCH, lambda position: dispatch(self._ports, held.lease, position)))
        except* (LeaseLostError, FencedOffError):
            _log.warning("lease_lost", fence=held.lease.fence)

    async def _query_tables(self, position: int) -> int:
        return await record_queries(self._ports, position)

    async def _follow(self, cursor: str, apply: Callable[[int], Awaitable[int]]) -> None:
        """Runs a reader with a cursor in PostgreSQL. What it waits for (a broker) delays nobody else."""
        backlog = metrics.JOB_BACKLOG.labels(cursor)
        position: int | None = None
        pause = self._pace.poll
        while True:
            try:
                if position is None:
                    position = await self._ports.tail.cursor(cursor)
                reached = await apply(position)
                if reached == position:
                    backlog.set(0)
                    await asyncio.sleep(self._pace.poll)
                position, pause = reached, self._pace.poll
            except UnavailableError as gone:
                _log.warning("reader_waits", cursor=cursor, reason=str(gone))
                backlog.set(await self._backlog(position))
                # The position is read again: after an unknown outcome only the stored one counts.
                position = None
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
            except LogGapError:
                await _stand_still(cursor)
            except (LeaseLostError, FencedOffError):
                raise
            except Exception:  # noqa: BLE001  # one reader's defect must not end the others
                _log.exception("reader_failed", cursor=cursor)
                position = None
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    async def _backlog(self, position: int | None) -> int:
        try:
            return (await self._ports.log.head()).position - (position or 0)
        except UnavailableError:
            return 1

    async def _project(self, held: Held) -> None:
        """Keeps the projection and beats; switches where nobody may trust what the head row names."""
        force = False
        while True:
            try:
                self.standing = await self._establish(held, force=force)
                force = False
                await self._keep(held, self.standing)
            except SwitchNeededError as why:
                _log.warning("projection_switch", reason=str(why))
                force = True
            except BeatRefusedError:
                # Once may be a lost connection: the cursor is looked up again. Twice, and the store has lost `ready`.
                self._refusals += 1
                force = self._refusals > 1
                _log.warning("beat_refused", refusals=self._refusals)
            except LogGapError:
                # Not beating any more: readers stop to trust what may lack a revocation.
                await _stand_still("projection")
            except StoreGoneError as gone:
                force = self._too_long(gone) or force
                await asyncio.sleep(self._pace.poll)
            except UnavailableError as gone:
                _log.warning("log_unavailable", reason=str(gone))
                await asyncio.sleep(self._pace.poll)

    def _too_long(self, gone: StoreGoneError) -> bool:
        """Whether the store has been silent for so long that revocations must be able to go on without it."""
        if self._silent_since is None:
            self._silent_since = _now()
            _log.warning("store_gone", reason=str(gone))
        return _now() - self._silent_since > self._pace.patience

    async def _establish(self, held: Held, *, force: bool) -> Standing:
        """Goes on with what the head row names, if it stands there with a cursor; else switches."""
        head = await self._ports.log.head()
        if head.projection.named and not force:
            with projection_store():
                runs = await self._ports.keeper.runs()
                position = await self._ports.keeper.position(head.projection.generation)
            if runs == head.projection.runs and position is not None and position <= head.position:
                return Standing(head.projection, position, head.log_id)
            _log.warning("projection_switch", reason="what the head row names does not stand there")
        standing = await switch(self._ports, held, self._pace.trust)
        self._refusals = 0
        self._old.put_nowait(standing.projection.generation - 1)
        return standing

    async def _keep(self, held: Held, standing: Standing) -> None:
        """Follows the log and beats, until an exception says that something has changed."""
        next_beat = next_look = _now()
        filling: asyncio.Task[Filled] | None = None
        try:
            while True:
                done = await step(self._ports, standing.projection.generation, standing.position)
                standing.position = done.position
                if _now() >= next_beat:
                    next_beat = _now() + self._pace.interval
                    if await beat(self._ports, held, standing, done, self._pace.patience):
                        self._last_beat = _now()
                        self._silent_since, self._refusals = None, 0
                if filling is not None and filling.done():
                    old = standing.projection.generation
                    standing = self.standing = await flip(self._ports, held, standing, filling.result())
                    filling = None
                    self._old.put_nowait(old)
                elif filling is None and _now() >= next_look:
                    next_look = _now() + self._pace.look
                    wanted = await requested(self._ports, standing.projection)
                    if wanted is not None:
                        filling = asyncio.create_task(fill_beside(self._ports, held, standing, wanted))
                if done.at_end:
                    await asyncio.sleep(min(self._pace.poll, max(0.0, next_beat - _now())))
        finally:
            if filling is not None:
                filling.cancel()
                await asyncio.gather(filling, return_exceptions=True)

    async def _sweep(self) -> None:
        """Removes generations that nobody reads any more, slowly. What is left out expires by itself."""
        while True:
            generation = await self._old.get()
            await asyncio.sleep(self._pace.trust)
            try:
                removed = await self._ports.keeper.drop(generation)
                _log.info("generation_dropped", generation=generation, keys=removed)
            except UnavailableError as gone:
                _log.warning("generation_left", generation=generation, reason=str(gone))


async def _stand_still(reader: str) -> None:
    """Stops a reader that met a gap, for good: what was skipped might be a revocation, and a person has to look."""
    _log.critical("reader_stopped", reader=reader)
    await asyncio.get_running_loop().create_future()


def _now() -> float:
    """This process's monotonic clock."""
    return asyncio.get_running_loop().time()
