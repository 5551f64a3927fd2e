"""The session behind a page of our own, or the way to log in and come back."""

from aiohttp import web

from grantlog.core.identifiers import seconds
from grantlog.core.protocol.prompt import must_authenticate
from grantlog.flows import own_pages
from grantlog.flows.second_factor import can_meet, meets
from grantlog.flows.sessions import Session, find_session
from grantlog.web.answers import see_other
from grantlog.web.cookies import browser_of, read_cookie, set_cookie
from grantlog.web.keys import ORIGIN, SERVICE
from grantlog.web.origin import base_path


async def own_session(
    request: web.Request, path: str, *, max_age: int | None = None, acr_values: tuple[str, ...] = ()
) -> Session | web.Response:
    """The session of this browser; the redirect to log in, which leads back to ``path``, where there is none, it began more
    than ``max_age`` seconds ago, or could be of one of ``acr_values`` and is not. Raises TooManyRequestsError, UnavailableError.
    """
    service = request.app[SERVICE]
    session = await find_session(service, read_cookie(request, "session"))
    now = seconds(service.ports.log.now())
    if session is not None and not must_authenticate((), max_age, session.state.auth_time, now):
        able = meets(session, acr_values) or not await can_meet(service, session.account, acr_values)
        if able:
            return session
    browser = browser_of(request)
    key = await own_pages.begin(
        service, path, browser, request[ORIGIN].subscriber, max_age=max_age, acr_values=acr_values
    )
    response = see_other(f"{base_path(service.policy.issuer)}/login?tx={key}")
    set_cookie(request, response, "login", browser, service.policy.login_lifetime)
    return response
