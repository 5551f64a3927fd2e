"""Turns a template into a page, and gives every page its security headers."""

from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from grantlog.core.protocol.headers import page_headers
from grantlog.web.endpoints.static import ICON, STYLESHEET
from grantlog.web.keys import FORM_ACTION, SCRIPT_SRC, SETTINGS
from grantlog.web.origin import base_path

_templates = Environment(
    loader=PackageLoader("grantlog.web", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


def page(request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
    """A page from a template. Everything in ``context`` is escaped."""
    base = base_path(request.app[SETTINGS].issuer)
    text = _templates.get_template(template).render(
        base=base, stylesheet=base + STYLESHEET, icon=base + ICON, status=status, **context
    )
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def secure(request: web.Request, response: web.StreamResponse) -> None:
    """Adds the headers that no page goes without; forms may post to us and to this request's redirect URI alone."""
    response.headers.update(
        page_headers(
            form_action=request.get(FORM_ACTION),
            tls=request.app[SETTINGS].tls,
            script_src=request.get(SCRIPT_SRC),
        )
    )
