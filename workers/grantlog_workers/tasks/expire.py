"""Partitions ahead of time, and away after theirs."""

from grantlog.broker import task_name
from grantlog.flows import expire as flow
from grantlog_workers.app import app
from grantlog_workers.run import on_schedule


@app.task(name=task_name("expire"))
def expire() -> None:
    """Periodic."""
    on_schedule("expire", lambda service: flow.expire(service.ports))
