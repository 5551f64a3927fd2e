"""``/register``: registration (RFC 7591), and its management by the client itself (RFC 7592)."""

import msgspec
from aiohttp import web

from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.members import invalid
from grantlog.core.protocol.requests import read_query
from grantlog.flows.manage_client import read_client, remove_client, replace_client
from grantlog.flows.register_client import register_client
from grantlog.web.answers import json_answer
from grantlog.web.client_request import authorization, read_body
from grantlog.web.keys import ORIGIN, SERVICE


async def register(request: web.Request) -> web.Response:
    """Registers a client: 201 with all that was registered."""
    document = await _document(request)
    members = await register_client(request.app[SERVICE], document, authorization(request), request[ORIGIN])
    return json_answer(members, status=201)


async def read(request: web.Request) -> web.Response:
    """RFC 7592 section 2.1."""
    service, origin = request.app[SERVICE], request[ORIGIN]
    return json_answer(await read_client(service, _client_id(request), authorization(request), origin))


async def replace(request: web.Request) -> web.Response:
    """RFC 7592 section 2.2."""
    service, client_id, origin = request.app[SERVICE], _client_id(request), request[ORIGIN]
    document = await _document(request)
    return json_answer(await replace_client(service, client_id, document, authorization(request), origin))


async def remove(request: web.Request) -> web.Response:
    """RFC 7592 section 2.3: 204, when all that the client had is dead."""
    await remove_client(request.app[SERVICE], _client_id(request), authorization(request), request[ORIGIN])
    return web.Response(status=204)


def _client_id(request: web.Request) -> str | None:
    return read_query(request.rel_url.raw_query_string).get("client_id")


async def _document(request: web.Request) -> object:
    # RFC 7591 3.1: "an HTTP POST to the client registration endpoint with a content type of 'application/json'"
    if request.content_type != "application/json":
        raise ProtocolError("invalid_client_metadata", "the content type must be application/json", "content_type")
    try:
        return msgspec.json.decode(await read_body(request))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid("the body is not JSON", "registration_not_json") from None
