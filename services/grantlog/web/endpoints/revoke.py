"""``POST /revoke`` (RFC 7009)."""

from aiohttp import web

from grantlog.core.protocol.requests import read_form
from grantlog.flows import revoke as flow
from grantlog.web.answers import json_answer
from grantlog.web.client_request import form_body, proofs
from grantlog.web.keys import ORIGIN, SERVICE


async def revoke(request: web.Request) -> web.Response:
    """Revokes a token. 200 with nothing in it, also for an unknown one."""
    parameters = read_form(await form_body(request))
    await flow.revoke(request.app[SERVICE], parameters, proofs(request), request[ORIGIN])
    # RFC 7009 2.2: "The content of the response body is ignored by the client". There are clients that take nothing but JSON.
    return json_answer({})
