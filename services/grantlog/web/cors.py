"""Which other origins' scripts may read an answer (the CORS protocol of the Fetch standard). Never with credentials."""

from asyncio import Lock, get_running_loop
from typing import Literal

from aiohttp import web

from grantlog.core.grant.standing import Gate
from grantlog.core.protocol.client_auth import read_credentials
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.headers import cors_headers
from grantlog.core.protocol.requests import read_form
from grantlog.flows.service import Service
from grantlog.ports import UnavailableError
from grantlog.web.client_request import read_body
from grantlog.web.keys import CLIENT_ORIGINS, SERVICE

Policy = Literal["none", "any", "registered", "token"]
"""``registered``: the client that the request names; ``token``: the one whose access token it brings."""
PATIENCE = 5.0
"""Seconds for which an origin that nobody registered is not looked for again."""


class OriginIndex:
    """Every browser origin that any client registered: a preflight names no client, so this is what it is asked of.

    The answer that follows is held against the very client's origins.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = Lock()
        self._known: frozenset[str] = frozenset()
        self._read_at: float | None = None
        service.gates.on_change(self._forget)

    def _forget(self, gate: Gate) -> None:
        if gate.kind == "client":
            self._known, self._read_at = frozenset(), None

    async def knows(self, origin: str) -> bool:
        """Whether any client registered ``origin``. Raises UnavailableError."""
        if origin in self._known:
            return True
        async with self._lock:
            now = get_running_loop().time()
            if self._read_at is None or now - self._read_at >= PATIENCE:
                self._known = await self._read()
                self._read_at = now
        return origin in self._known

    async def _read(self) -> frozenset[str]:
        found: set[str] = set()
        for stream, _ in await self._service.ports.queries.clients():
            loaded = await self._service.ports.log.load(stream)
            if loaded.state is not None and not loaded.state.suspended:
                found.update(loaded.state.metadata.origins)
        return frozenset(found)


ORIGINS = web.AppKey("origins", OriginIndex)


async def preflight(request: web.Request) -> web.Response:
    """``OPTIONS`` of a route whose row says ``registered`` or ``token``."""
    origin = request.headers.get("Origin")
    if origin is None or not await request.app[ORIGINS].knows(origin):
        return web.Response(status=204, headers={"Vary": "Origin"})
    return web.Response(status=204, headers=cors_headers("registered", origin, (origin,), preflight=True))


async def open_preflight(request: web.Request) -> web.Response:
    """``OPTIONS`` of a route whose row says ``any``."""
    return web.Response(status=204, headers=cors_headers("any", request.headers.get("Origin"), (), preflight=True))


async def answer_headers(request: web.Request, policy: Policy) -> dict[str, str]:
    """The CORS headers of an answer; for ``registered``, only where the client of this very request has the origin."""
    origin = request.headers.get("Origin")
    if policy == "token":
        return cors_headers("registered", origin, () if origin is None else await _origins_of_token(request, origin))
    if origin is None or policy == "any":
        return cors_headers(policy, origin, ())
    return cors_headers(policy, origin, await _origins_of_client(request))


async def _origins_of_token(request: web.Request, origin: str) -> tuple[str, ...]:
    """Those of the token's client. Where no token was accepted, the refusal may be read from any that is registered."""
    told: tuple[str, ...] | None = request.get(CLIENT_ORIGINS)
    if told is not None:
        return told
    try:
        return (origin,) if await request.app[ORIGINS].knows(origin) else ()
    except UnavailableError:
        return ()


async def _origins_of_client(request: web.Request) -> tuple[str, ...]:
    try:
        parameters = read_form(await read_body(request))
        credentials = read_credentials(request.headers.get("Authorization"), parameters)
        client = await request.app[SERVICE].clients.find(credentials.client_id)
    except (ProtocolError, UnavailableError, web.HTTPException, web.RequestPayloadError):
        return ()
    return () if client is None else client.state.metadata.origins
