"""The listener of a process's own: ``/metrics`` for Prometheus, ``/livez`` and ``/readyz`` for whoever supervises it."""

from aiohttp import web

from grantlog.exposition import CONTENT_TYPE, exposition
from grantlog.flows.service import Service
from grantlog.web.answers import json_answer
from grantlog.web.endpoints.health import livez, log_answers
from grantlog.web.unparsed import keep_to_ourselves


def metrics_app(service: Service | None, worker: str) -> web.Application:
    """The application behind the metrics listener. Without a service ``/readyz`` says what ``/livez`` says."""

    async def show(request: web.Request) -> web.Response:  # noqa: ARG001  # aiohttp hands every handler the request
        return web.Response(body=exposition(worker), headers={"Content-Type": CONTENT_TYPE})

    async def readyz(request: web.Request) -> web.Response:
        if service is None:
            return await livez(request)
        ready = await log_answers(service)
        return json_answer({"status": "ready" if ready else "unavailable"}, status=200 if ready else 503)

    keep_to_ourselves()
    app = web.Application()
    app.add_routes([web.get("/metrics", show), web.get("/livez", livez), web.get("/readyz", readyz)])
    return app
