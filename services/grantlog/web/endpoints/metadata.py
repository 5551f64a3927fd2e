"""The two well-known documents (RFC 8414, OpenID Connect Discovery 1.0)."""

from aiohttp import web

from grantlog.core.protocol.metadata import Published, authorization_server_metadata, openid_configuration
from grantlog.web.answers import json_answer
from grantlog.web.keys import SERVICE


async def oauth(request: web.Request) -> web.Response:
    """RFC 8414 section 3.2."""
    return json_answer(authorization_server_metadata(_published(request)))


async def openid(request: web.Request) -> web.Response:
    """OpenID Connect Discovery section 4.2."""
    return json_answer(openid_configuration(_published(request)))


def _published(request: web.Request) -> Published:
    policy = request.app[SERVICE].policy
    return Published(
        issuer=policy.issuer,
        scopes=policy.catalog.scopes,
        registration_open=policy.registration_open,
    )
