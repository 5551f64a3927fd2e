"""How a job runs: periodic ones once a slot, those that follow from events at least once, each counted and measured."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from structlog import get_logger

from grantlog import metrics
from grantlog.core.identifiers import MICROS, seconds
from grantlog.flows.dispatch import task_key
from grantlog.ports import DeadLetter, Ports, UnavailableError

ATTEMPTS = 10
"""So often is a task tried, whoever tried it before: a task that kills its worker every time must not live for ever."""
LONGEST_DELAY = 300
"""Seconds between two attempts at most: far below the time after which a broker hands a waiting task to somebody else."""

_log = get_logger(__name__)

Work = Callable[[], Awaitable[int]]
"""Does the job; returns what it left undone."""


class GiveUpError(Exception):
    """What was tried will never work: no second try. The text is fit for a dead letter."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run: ``done``, ``skipped`` (somebody else's slot), ``again`` after ``delay`` seconds, or ``dead``."""

    name: str
    delay: int = 0


async def periodic(ports: Ports, job: str, period: int, work: Work) -> Outcome:
    """Runs a periodic job, unless somebody has claimed this slot of ``period`` seconds: beat may fire 0, 1 or 2 times.

    A run that fails is found by the next slot. Its exception goes to the log, and on to the caller.
    """
    slot = seconds(ports.log.now()) // period * period
    if not await ports.leases.claim_slot(job, slot):
        return Outcome("skipped")
    await _measured(ports, job, work)
    return Outcome("done")


async def following(
    ports: Ports,
    handler: str,
    position: int,
    work: Work,
    on_dead: Callable[[], Awaitable[None]],
    *,
    key: str | None = None,
) -> Outcome:
    """Runs what follows from the event at ``position``: again later when it fails, a dead letter after ATTEMPTS, or at once
    after a GiveUpError. ``key``: where a handler does several things about one event.

    The attempt is counted before the work begins, so that one that ends with its process counts too.
    """
    key = key or task_key(handler, position)
    try:
        attempt = await _count(ports, key)
        if attempt is None:
            await _bury(ports, handler, key, "attempts exhausted", on_dead)
            return Outcome("dead")
        try:
            await _measured(ports, handler, work)
        except asyncio.CancelledError:
            raise
        except GiveUpError as hopeless:
            await _bury(ports, handler, key, str(hopeless), on_dead)
            return Outcome("dead")
        except Exception as failed:  # noqa: BLE001  # whatever it was, it is tried again and then kept as a dead letter
            if attempt == ATTEMPTS:
                await _bury(ports, handler, key, type(failed).__name__, on_dead)
                return Outcome("dead")
            return Outcome("again", min(2**attempt, LONGEST_DELAY))
    except UnavailableError as gone:
        # The log itself does not answer: this counts for nothing.
        _log.warning("job_waits", job=handler, key=key, reason=str(gone))
        return Outcome("again", 5)
    return Outcome("done")


async def _count(ports: Ports, key: str) -> int | None:
    """Which attempt this is, from 1; None when there have been ATTEMPTS already."""
    for attempt in range(1, ATTEMPTS + 1):
        if await ports.leases.claim_slot(f"attempt:{key}", attempt):
            return attempt
    return None


async def _bury(ports: Ports, handler: str, key: str, reason: str, on_dead: Callable[[], Awaitable[None]]) -> None:
    _log.error("dead_letter", job=handler, key=key, reason=reason)
    await ports.dead_letters.add(DeadLetter(handler, key, reason, ports.log.now()))
    await on_dead()


async def _measured(ports: Ports, job: str, work: Work) -> None:
    clock = asyncio.get_running_loop().time
    began, outcome = clock(), "failed"
    try:
        backlog = await work()
        outcome = "done"
        metrics.JOB_BACKLOG.labels(job).set(backlog)
        metrics.JOB_LAST_RUN.labels(job).set(ports.log.now() / MICROS)
    except GiveUpError:
        raise
    except Exception:
        _log.exception("job_failed", job=job)
        raise
    finally:
        metrics.JOB_SECONDS.labels(job, outcome).observe(clock() - began)
