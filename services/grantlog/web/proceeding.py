"""Where the browser goes on to with an authorization request: to a page of ours, or with its answer to the client."""

from aiohttp import web

from grantlog.flows.authorization_step import Page, Show, proceed
from grantlog.flows.pending import Pending
from grantlog.flows.sessions import Session
from grantlog.web.answers import see_other
from grantlog.web.keys import ORIGIN, SERVICE
from grantlog.web.origin import base_path
from grantlog.web.pages.authorization_answer import answered
from grantlog.web.waiting import over

PATHS: dict[Page, str] = {"login": "/login", "second_factor": "/login/second-factor", "consent": "/consent"}


def page_of(request: web.Request, page: Page, key: str) -> web.Response:
    """303 to the page that comes next for the request with this id."""
    return see_other(f"{base_path(request.app[SERVICE].policy.issuer)}{PATHS[page]}?tx={key}")


async def go_on(
    request: web.Request, key: str, browser: str, waiting: Pending, session: Session | None
) -> web.Response | None:
    """What comes before the consent page, or instead of it; None: that page. Raises ProtocolError, Problem."""
    step = await proceed(request.app[SERVICE], key, browser, waiting, session, request[ORIGIN])
    if step is None:
        raise over()
    if not isinstance(step, Show):
        return answered(request, step)
    return None if step.page == "consent" else page_of(request, step.page, key)
