"""After the end of a session, or of all of an account's: list the clients that want to be told."""

from typing import Any
from uuid import UUID

from grantlog.broker import task_name
from grantlog.core.identifiers import StreamId
from grantlog.flows.backchannel_logout import HANDLER_LOGOUT, fan_out
from grantlog_workers.app import app
from grantlog_workers.run import after_event


@app.task(name=task_name(HANDLER_LOGOUT), bind=True)
def logout(self: Any, *, position: int, stream: str, version: int) -> None:
    """Follows from ``session.ended`` and from what ends every session of an account."""
    ended = StreamId(UUID(stream))
    after_event(self, HANDLER_LOGOUT, position, lambda service: fan_out(service, position, ended, version))
