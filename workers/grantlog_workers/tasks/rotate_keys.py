"""Signing keys follow each other in time."""

from grantlog.broker import task_name
from grantlog.flows.operators import operator_origin
from grantlog.flows.rotate_keys import rotate_due
from grantlog.flows.service import Service
from grantlog_workers.app import app
from grantlog_workers.run import on_schedule


async def _rotate(service: Service) -> int:
    await rotate_due(service, operator_origin(service, "worker:rotate_keys"))
    return 0


@app.task(name=task_name("rotate_keys"))
def rotate_keys() -> None:
    """Periodic."""
    on_schedule("rotate_keys", _rotate)
