"""The audit that never ends, a slice at a time."""

from grantlog.broker import task_name
from grantlog.flows.audit import audit_on_schedule
from grantlog_workers.app import app
from grantlog_workers.run import on_schedule
from grantlog_workers.schedule import AUDIT_PARTS, AUDIT_SECONDS, PERIODS


@app.task(name=task_name("audit"))
def audit() -> None:
    """Periodic."""
    on_schedule("audit", lambda service: audit_on_schedule(service.ports, PERIODS["audit"], AUDIT_PARTS, AUDIT_SECONDS))
