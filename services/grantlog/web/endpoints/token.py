"""``POST /token`` (RFC 6749 section 3.2)."""

from aiohttp import web

from grantlog.core.protocol.requests import read_form
from grantlog.flows import token as flow
from grantlog.web.client_request import form_body, proofs
from grantlog.web.keys import ORIGIN, SERVICE


async def token(request: web.Request) -> web.Response:
    """Redeems a grant for tokens."""
    parameters = read_form(await form_body(request))
    body = await flow.token(request.app[SERVICE], parameters, proofs(request), request[ORIGIN])
    return web.Response(body=body, content_type="application/json")
