"""How a task runs its flow, and what becomes of it when that fails."""

from collections.abc import Awaitable, Callable
from typing import Any

from celery.exceptions import Reject, SoftTimeLimitExceeded
from structlog import get_logger

from grantlog.broker import SOFT_TIME_LIMIT
from grantlog.flows.jobs import Outcome, following, periodic
from grantlog.flows.service import Service
from grantlog.ports import UnavailableError
from grantlog_workers.current import running
from grantlog_workers.schedule import PERIODS

RETRY_SECONDS = 10

_log = get_logger(__name__)

Work = Callable[[Service], Awaitable[int]]
OnDead = Callable[[Service], Awaitable[None]]


async def nobody_to_tell(_service: Service) -> None:
    """What most tasks do when they are given up: the dead letter says it all."""


def after_event(
    task: Any, handler: str, position: int, work: Work, on_dead: OnDead = nobody_to_tell, *, key: str | None = None
) -> None:
    """Runs what follows from an event. Ends in Celery's Retry when it is to be tried again."""

    async def attempt(service: Service) -> Outcome:
        return await following(
            service.ports, handler, position, lambda: work(service), lambda: on_dead(service), key=key
        )

    try:
        outcome = running().run(attempt, SOFT_TIME_LIMIT + 5)
    except (UnavailableError, SoftTimeLimitExceeded, TimeoutError) as interrupted:
        _log.warning("task_interrupted", job=handler, position=position, reason=type(interrupted).__name__)
        outcome = Outcome("again", RETRY_SECONDS)
    if outcome.name == "again":
        _again(task, outcome.delay)


def _again(task: Any, delay: int) -> None:
    try:
        raise task.retry(countdown=delay, max_retries=None)
    except Reject as lost:
        # The broker did not take the retry. Rejecting for good would lose the task; put back, it comes at once.
        raise Reject(lost, requeue=True) from lost


def on_schedule(job: str, work: Work) -> None:
    """Runs a periodic job if its slot is free. What fails is found by the next slot."""

    async def slot(service: Service) -> Outcome:
        return await periodic(service.ports, job, PERIODS[job], lambda: work(service))

    try:
        running().run(slot, SOFT_TIME_LIMIT + 5)
    except (UnavailableError, SoftTimeLimitExceeded, TimeoutError) as interrupted:
        _log.warning("job_interrupted", job=job, reason=type(interrupted).__name__)
