"""``POST /register`` (RFC 7591)."""

import msgspec
from aiohttp import web

from grantlog.core.protocol.errors import ProtocolError
from grantlog.flows.register_client import register_client
from grantlog.web.answers import json_answer
from grantlog.web.client_request import authorization, read_body
from grantlog.web.keys import ORIGIN, SERVICE


async def register(request: web.Request) -> web.Response:
    """Registers a client: 201 with all that was registered."""
    # RFC 7591 3.1: "an HTTP POST to the client registration endpoint with a content type of 'application/json'"
    if request.content_type != "application/json":
        raise ProtocolError("invalid_client_metadata", "the content type must be application/json", "content_type")
    try:
        document = msgspec.json.decode(await read_body(request))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProtocolError("invalid_client_metadata", "the body is not JSON", "registration_not_json") from None
    members = await register_client(request.app[SERVICE], document, authorization(request), request[ORIGIN])
    return json_answer(members, status=201)
