"""An authorization answer as the browser gets it: 303, or a page whose form posts it to the client."""

from base64 import urlsafe_b64encode

from aiohttp import web

from grantlog.core.protocol.redirect_uri import origin_or_scheme
from grantlog.flows.authorization_answer import Answer, Redirect
from grantlog.web.answers import see_other
from grantlog.web.keys import FORM_ACTION, SCRIPT_SRC, SERVICE
from grantlog.web.pages.render import page
from grantlog.web.pages.words import destination


def answered(request: web.Request, answer: Answer) -> web.Response:
    """The answer. The page of a form post carries the one script that it needs, by a nonce of its own."""
    if isinstance(answer, Redirect):
        return see_other(answer.location)
    nonce = urlsafe_b64encode(request.app[SERVICE].ports.secrets.random(18)).decode()
    request[SCRIPT_SRC] = f"'nonce-{nonce}'"
    request[FORM_ACTION] = origin_or_scheme(answer.uri)
    return page(
        request,
        "form_post.html",
        uri=answer.uri,
        members=answer.members,
        destination=destination(answer.uri),
        nonce=nonce,
    )
