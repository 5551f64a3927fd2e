"""What one worker process holds open after its fork: the loop, the service on it, and the metrics listener."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from structlog import get_logger

from grantlog.exposition import Listener, listen
from grantlog.flows.service import Service
from grantlog.ports import UnavailableError
from grantlog.settings import Settings
from grantlog.wiring import open_service
from grantlog_workers.loop import LoopThread

T = TypeVar("T")

OPEN_SECONDS = 20.0
CLOSE_SECONDS = 10.0

_log = get_logger(__name__)


class WorkerProcess:
    """Runs work on the service. Where that cannot be opened yet, the next task tries again."""

    def __init__(self, settings: Settings, index: int) -> None:
        """``index`` is this process's place among its siblings: each has a metrics port of its own."""
        self._settings = settings
        self._loop = LoopThread()
        self._service: Service | None = None
        self._holder: asyncio.Task[None] | None = None
        self._opening: asyncio.Lock | None = None
        self._asked_to_close: asyncio.Event | None = None
        self._listener = self._listen(index)
        try:
            self._loop.run(self._opened(), OPEN_SECONDS)
        except (UnavailableError, TimeoutError) as gone:
            _log.warning("service_not_open", reason=str(gone))

    @property
    def ready(self) -> bool:
        """Whether the service is open."""
        return self._service is not None

    def run(self, work: Callable[[Service], Awaitable[T]], seconds: float) -> T:
        """Runs ``work`` with the service. Raises UnavailableError where that cannot be opened, TimeoutError, its own."""

        async def inside() -> T:
            return await work(await self._opened())

        return self._loop.run(inside(), seconds)

    def close(self) -> None:
        """Closes everything in order."""
        if self._holder is not None:
            try:
                self._loop.run(self._closed(self._holder), CLOSE_SECONDS)
            except TimeoutError:
                _log.warning("service_not_closed")
        if self._listener is not None:
            self._listener.close()
        self._loop.stop()

    def _listen(self, index: int) -> Listener | None:
        port = self._settings.metrics_port + index
        try:
            return listen(self._settings.metrics_host, port, self._settings.worker_name, lambda: self.ready)
        except OSError as taken:
            # Work goes on unseen: better than none.
            _log.error("metrics_not_listening", port=port, reason=taken.strerror)
            return None

    async def _opened(self) -> Service:
        self._opening = self._opening or asyncio.Lock()
        async with self._opening:
            if self._service is None:
                opened: asyncio.Future[Service] = asyncio.get_running_loop().create_future()
                self._asked_to_close = asyncio.Event()
                # One task enters and leaves the service: what it holds open may be bound to it.
                self._holder = asyncio.create_task(self._hold(opened, self._asked_to_close))
                self._service = await opened
            return self._service

    async def _hold(self, opened: asyncio.Future[Service], asked_to_close: asyncio.Event) -> None:
        try:
            async with open_service(self._settings) as service:
                opened.set_result(service)
                await asked_to_close.wait()
        except Exception as failed:
            if opened.done():
                raise
            opened.set_exception(failed)

    async def _closed(self, holder: asyncio.Task[None]) -> None:
        if self._asked_to_close is not None:
            self._asked_to_close.set()
        await asyncio.gather(holder, return_exceptions=True)
        self._service = None
