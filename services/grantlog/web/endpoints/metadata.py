"""The two well-known documents (RFC 8414, OpenID Connect Discovery 1.0)."""

from aiohttp import web

from grantlog.core.protocol.metadata import authorization_server_metadata, openid_configuration
from grantlog.web.answers import json_answer
from grantlog.web.keys import SERVICE


async def oauth(request: web.Request) -> web.Response:
    """RFC 8414 section 3.2."""
    return json_answer(authorization_server_metadata(request.app[SERVICE].policy))


async def openid(request: web.Request) -> web.Response:
    """OpenID Connect Discovery section 4.2."""
    return json_answer(openid_configuration(request.app[SERVICE].policy))
