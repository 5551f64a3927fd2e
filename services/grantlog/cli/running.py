"""How a command runs coroutines: on a loop of its own, with the service open around it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from grantlog.flows.service import Service
from grantlog.settings import read_settings

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end on a uvloop event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def run_with_service(work: Callable[[Service], Awaitable[T]]) -> T:
    """Reads the settings, opens the service, and runs ``work`` with it. Raises SettingsError, UnavailableError."""
    from grantlog.wiring import open_service  # noqa: PLC0415  # drivers are imported when a command needs them

    settings = read_settings()

    async def inside() -> T:
        async with open_service(settings) as service:
            return await work(service)

    return run(inside())
