"""The one stylesheet, under a name that changes with its content, so that it may be kept for ever."""

from hashlib import sha256
from importlib.resources import files
from typing import Final

from aiohttp import web

_CSS: Final = files("grantlog.web").joinpath("static/pages.css").read_bytes()
STYLESHEET: Final = f"/static/pages.{sha256(_CSS).hexdigest()[:16]}.css"


async def stylesheet(request: web.Request) -> web.Response:  # noqa: ARG001  # aiohttp hands every handler the request
    """The bytes."""
    return web.Response(body=_CSS, content_type="text/css", charset="utf-8")
