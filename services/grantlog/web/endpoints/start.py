"""``/``: says what this is, to whoever types the issuer into a browser."""

from aiohttp import web

from grantlog.web.keys import SETTINGS
from grantlog.web.origin import base_path
from grantlog.web.pages.render import page


async def start(request: web.Request) -> web.Response:
    """The start page, with links to what programs read."""
    issuer = request.app[SETTINGS].issuer
    return page(request, "start.html", issuer=issuer, path=base_path(issuer))
