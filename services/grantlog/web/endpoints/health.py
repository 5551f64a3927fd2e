"""``/livez`` and ``/readyz``: does the process run, and should it be sent requests?"""

from asyncio import timeout
from uuid import UUID

from aiohttp import web

from grantlog.core.identifiers import StreamId
from grantlog.flows.service import Service
from grantlog.ports import UnavailableError
from grantlog.web.answers import json_answer
from grantlog.web.keys import LIFE, SERVICE

PATIENCE = 2.0
"""So many seconds the log has to answer."""
_NOBODY = StreamId(UUID(int=0))


async def livez(request: web.Request) -> web.Response:  # noqa: ARG001  # aiohttp hands every handler the request
    """The event loop turns."""
    return json_answer({"status": "alive"})


async def readyz(request: web.Request) -> web.Response:
    """200 while the log answers and the process is not draining."""
    if request.app[LIFE].draining:
        return json_answer({"status": "draining"}, status=503)
    ready = await log_answers(request.app[SERVICE])
    return json_answer({"status": "ready" if ready else "unavailable"}, status=200 if ready else 503)


async def readyz_introspection(request: web.Request) -> web.Response:
    """200 while the projection is trusted or the log answers: either is enough to introspect."""
    service = request.app[SERVICE]
    if request.app[LIFE].draining:
        return json_answer({"status": "draining"}, status=503)
    ready = (await service.ports.read_model.read(_NOBODY)).trusted or await log_answers(service)
    return json_answer({"status": "ready" if ready else "unavailable"}, status=200 if ready else 503)


async def log_answers(service: Service) -> bool:
    """Whether PostgreSQL gives its head row within ``PATIENCE``."""
    try:
        async with timeout(PATIENCE):
            await service.ports.log.head()
    except (UnavailableError, TimeoutError):
        return False
    return True
