"""The token in every form: it is bound to a cookie of this browser, to the form, and to what the form is about."""

from base64 import urlsafe_b64encode
from hmac import compare_digest

from aiohttp import web

from grantlog.core.protocol.requests import Parameters
from grantlog.web.failures import Problem
from grantlog.web.keys import SERVICE


def form_token(request: web.Request, form: str, *bound_to: str) -> str:
    """The token of ``form`` for whoever holds the cookies (or names) in ``bound_to``."""
    value = "\n".join((form, *bound_to)).encode()
    return urlsafe_b64encode(request.app[SERVICE].ports.secrets.keyed_hash("csrf", value)).decode().rstrip("=")


def require_form_token(request: web.Request, parameters: Parameters, form: str, *bound_to: str) -> None:
    """Raises Problem where the posted form is not one that we gave to this browser."""
    given = parameters.get("csrf") or ""
    if not compare_digest(given.encode(), form_token(request, form, *bound_to).encode()):
        raise Problem(
            403,
            "It is too old, or was meant for another browser. Please go back and try again.",
            "csrf",
            title="This form was not accepted",
        )
