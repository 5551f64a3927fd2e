"""The application: rows of the table, each behind its wrapper, and nothing that a request does not need."""

from collections import defaultdict
from collections.abc import Iterable

from aiohttp import web

from grantlog.flows.service import Service
from grantlog.settings import Settings
from grantlog.web import cors
from grantlog.web.cors import ORIGINS, OriginIndex
from grantlog.web.keys import LIFE, SERVICE, SETTINGS, Life
from grantlog.web.listener import DISPATCH, Dispatch
from grantlog.web.middlewares import guarded
from grantlog.web.origin import Origins
from grantlog.web.routes import EVERYWHERE, Handler, Kind, Route, rows
from grantlog.web.unparsed import keep_to_ourselves


def create_app(service: Service, settings: Settings, role: str) -> web.Application:
    """The application for ``role``: issuer, introspection or all.

    It opens and closes nothing: ports belong to whoever built ``service``. ``app[LIFE].draining = True`` turns
    ``/readyz`` to 503.
    """
    keep_to_ourselves()
    app = web.Application()
    app[SERVICE] = service
    app[SETTINGS] = settings
    app[LIFE] = Life()
    origins = Origins(settings.trusted_proxies, service.ports.secrets.random(8).hex())
    app[ORIGINS] = OriginIndex(service)
    by_path: defaultdict[str, list[Route]] = defaultdict(list)
    for route in rows(settings, role):
        by_path[route.path].append(route)
    unknown = guarded(Route("unknown", "*", "", _unknown, EVERYWHERE, kind="either"), origins)
    app[DISPATCH] = Dispatch({path: _methods(path, routes, origins) for path, routes in by_path.items()}, unknown)
    return app


def _methods(path: str, routes: list[Route], origins: Origins) -> dict[str, Handler]:
    """The rows of one path, its preflight, and what its other methods get, each behind its wrapper."""
    handlers = {route.method: guarded(route, origins) for route in routes}
    if "GET" in handlers:
        handlers["HEAD"] = handlers["GET"]
    allowed = {route.method for route in routes}
    if "GET" in allowed:
        allowed.add("HEAD")
    shared = routes[0]
    if shared.cors != "none":
        allowed.add("OPTIONS")
        answer = cors.open_preflight if shared.cors == "any" else cors.preflight
        handlers["OPTIONS"] = guarded(Route(f"{shared.name}_preflight", "OPTIONS", path, answer, shared.roles), origins)
    kind: Kind = "data" if shared.kind == "data" else "page"
    handlers["*"] = guarded(Route(shared.name, "*", path, _other_method(allowed), shared.roles, kind=kind), origins)
    return handlers


def _other_method(allowed: Iterable[str]) -> Handler:
    methods = sorted(allowed)

    async def refuse(request: web.Request) -> web.StreamResponse:
        # RFC 9110 15.5.6: "The origin server MUST generate an Allow header field in a 405 response"
        raise web.HTTPMethodNotAllowed(request.method, methods)

    return refuse


async def _unknown(request: web.Request) -> web.StreamResponse:  # noqa: ARG001  # aiohttp hands every handler the request
    raise web.HTTPNotFound
