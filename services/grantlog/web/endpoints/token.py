"""``POST /token`` (RFC 6749 section 3.2)."""

from aiohttp import web

from grantlog.core.protocol.requests import read_form
from grantlog.flows import token as flow
from grantlog.flows.sender import nonce_headers
from grantlog.web.client_request import form_body, proofs
from grantlog.web.keys import ORIGIN, SERVICE


async def token(request: web.Request) -> web.Response:
    """Redeems a grant for tokens."""
    parameters = read_form(await form_body(request))
    body = await flow.token(request.app[SERVICE], parameters, proofs(request), request[ORIGIN])
    headers = nonce_headers(request.app[SERVICE]) if "DPoP" in request.headers else None
    return web.Response(body=body, headers=headers, content_type="application/json")
