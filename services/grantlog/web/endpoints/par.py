"""``POST /par`` (RFC 9126): an authorization request, pushed by its client."""

from aiohttp import web

from grantlog.core.protocol.requests import read_form
from grantlog.flows.pushed import push
from grantlog.web.answers import json_answer
from grantlog.web.client_request import form_body, proofs
from grantlog.web.keys import ORIGIN, SERVICE


async def par(request: web.Request) -> web.Response:
    """Checks and keeps the request: 201 with its ``request_uri``."""
    parameters = read_form(await form_body(request))
    # RFC 9126 2.2: "the server [...] provides a response with a 201 HTTP status code"
    return json_answer(await push(request.app[SERVICE], parameters, proofs(request), request[ORIGIN]), status=201)
