"""Tell one client that a session is over."""

from typing import Any
from uuid import UUID

from grantlog.broker import task_name
from grantlog.core.identifiers import ClientId
from grantlog.flows.backchannel_logout import HANDLER_DELIVER, Ended, deliver, give_up
from grantlog_workers.app import app
from grantlog_workers.run import after_event


@app.task(name=task_name(HANDLER_DELIVER), bind=True)
def deliver_logout(self: Any, *, position: int, client_id: str, account: str, session: str) -> None:
    """Published by ``logout``, once for each client."""
    ended = Ended(position, ClientId(client_id), UUID(account), UUID(session) if session else None)
    after_event(
        self,
        HANDLER_DELIVER,
        position,
        lambda service: deliver(service, ended),
        lambda _: give_up(ended),
        key=ended.key,
    )
