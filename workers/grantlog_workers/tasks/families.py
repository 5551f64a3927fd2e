"""After a reuse: record the finding, list the families it touches."""

from typing import Any
from uuid import UUID

from grantlog.broker import task_name
from grantlog.core.identifiers import StreamId
from grantlog.flows import respond
from grantlog_workers.app import app
from grantlog_workers.run import after_event


@app.task(name=task_name("families"), bind=True)
def families(self: Any, *, position: int, stream: str, version: int) -> None:
    """Follows from ``grant.reuse_detected``."""
    grant = StreamId(UUID(stream))
    after_event(self, "families", position, lambda service: respond.families(service.ports, position, grant, version))
