"""The stylesheet, the icon and the one script, each under a name that changes with its content: they may be kept for ever."""

from hashlib import sha256
from importlib.resources import files
from typing import Final

from aiohttp import web

_FILES: Final = files("grantlog.web").joinpath("static")
_CSS: Final = _FILES.joinpath("pages.css").read_bytes()
_PASSKEY: Final = _FILES.joinpath("passkey.js").read_bytes()
_ICON: Final = _FILES.joinpath("icon.svg").read_bytes()


def _named(stem: str, content: bytes, ending: str) -> str:
    return f"/static/{stem}.{sha256(content).hexdigest()[:16]}.{ending}"


STYLESHEET: Final = _named("pages", _CSS, "css")
ICON: Final = _named("icon", _ICON, "svg")
PASSKEY_SCRIPT: Final = _named("passkey", _PASSKEY, "js")


async def stylesheet(request: web.Request) -> web.Response:  # noqa: ARG001  # aiohttp hands every handler the request
    """The stylesheet of every page."""
    return web.Response(body=_CSS, content_type="text/css", charset="utf-8")


async def icon(request: web.Request) -> web.Response:  # noqa: ARG001  # aiohttp hands every handler the request
    """The icon of every page."""
    return web.Response(body=_ICON, content_type="image/svg+xml")


async def passkey_script(request: web.Request) -> web.Response:  # noqa: ARG001  # aiohttp hands every handler the request
    """The script of the pages that offer a passkey."""
    return web.Response(body=_PASSKEY, content_type="text/javascript", charset="utf-8")
