"""Where the operator's own application logs people in and asks for consent, our own pages for that are not shown."""

from aiohttp import web

from grantlog.web.answers import see_other
from grantlog.web.keys import SERVICE
from grantlog.web.origin import base_path

PATH = "/login/delegate"


def delegated(request: web.Request, key: str) -> web.Response | None:
    """The redirect that begins it for the request with this id; None: we do it ourselves."""
    policy = request.app[SERVICE].policy
    return None if policy.login_delegate is None else see_other(f"{base_path(policy.issuer)}{PATH}?tx={key}")
