"""Tell people of a finding."""

from typing import Any
from uuid import UUID

from grantlog.broker import task_name
from grantlog.core.identifiers import StreamId
from grantlog.flows import respond
from grantlog_workers.app import SETTINGS, app
from grantlog_workers.run import after_event

_SECRET = None if SETTINGS.webhook_secret is None else SETTINGS.webhook_secret.get_secret_value()
WEBHOOK = respond.webhook_of(SETTINGS.webhook_url, _SECRET)


@app.task(name=task_name("notify"), bind=True)
def notify(self: Any, *, position: int, stream: str, version: int) -> None:
    """Follows from ``incident.finding_recorded`` and ``incident.families_listed``."""
    incident = StreamId(UUID(stream))
    after_event(
        self,
        "notify",
        position,
        lambda service: respond.tell(service.ports, WEBHOOK, position, incident, version),
        lambda service: respond.give_up(service.ports, position, incident),
    )
