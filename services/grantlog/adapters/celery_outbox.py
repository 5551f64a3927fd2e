"""The port ``Outbox`` on Celery's broker.

kombu is synchronous, so publishing has a thread of its own; a broker that hangs holds up that thread alone, and each of
its calls ends within seconds. Nothing here imports the workers: tasks go by name.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any

from celery import Celery

from grantlog.broker import QUEUE, common_settings, task_name
from grantlog.ports import UnavailableError

Task = tuple[str, str, Mapping[str, Any]]

DEADLINE = 20.0
"""Seconds that a batch may take before its caller goes on without knowing; it will publish the batch again."""
CONNECTION_SECONDS = 5


class CeleryOutbox:
    """Publishes tasks in order, on one connection, each confirmed before the next."""

    def __init__(self, url: str) -> None:
        settings = dict(common_settings(url))
        transport = dict(settings["broker_transport_options"])
        if "visibility_timeout" in transport:
            # Nothing is consumed here, so no answer takes long.
            transport["socket_timeout"] = CONNECTION_SECONDS
        self._app = Celery("grantlog.outbox", set_as_current=False)
        self._app.conf.update({**settings, "broker_transport_options": transport, "broker_pool_limit": 0})
        self._producer: Any = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")

    async def publish(self, tasks: Sequence[Task]) -> None:
        """See the port."""
        sending = asyncio.get_running_loop().run_in_executor(self._thread, self._send, tasks)
        try:
            async with asyncio.timeout(DEADLINE):
                await sending
        except TimeoutError:
            raise UnavailableError("the broker does not answer") from None

    def _send(self, tasks: Sequence[Task]) -> None:
        try:
            if self._producer is None:
                self._producer = self._app.amqp.Producer(self._app.connection_for_write(), auto_declare=False)
            for handler, key, arguments in tasks:
                self._app.send_task(
                    task_name(handler),
                    kwargs=dict(arguments),
                    task_id=key,
                    queue=QUEUE,
                    producer=self._producer,
                    retry=False,
                )
        except Exception as failed:  # noqa: BLE001  # drivers of brokers raise what they like
            self._hang_up()
            raise UnavailableError(f"the broker does not take tasks: {type(failed).__name__}") from None

    def _hang_up(self) -> None:
        """Forgets the connection: the next batch makes a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                producer.connection.collapse()

    def close(self) -> None:
        """Ends the connection and its thread, without waiting for a broker that hangs."""
        self._thread.submit(self._hang_up)
        self._thread.shutdown(wait=False)


class NoBroker:
    """Where no broker is configured nothing can be handed on: the tail keeps its cursor and says so."""

    async def publish(self, tasks: Sequence[Task]) -> None:  # noqa: ARG002  # the port's signature
        """See the port."""
        raise UnavailableError("GRANTLOG_BROKER_URL is not set")


@asynccontextmanager
async def open_outbox(url: str | None) -> AsyncIterator[CeleryOutbox | NoBroker]:
    """An outbox on the broker at ``url``; connects when there is something to publish."""
    if url is None:
        yield NoBroker()
        return
    outbox = CeleryOutbox(url)
    try:
        yield outbox
    finally:
        outbox.close()
