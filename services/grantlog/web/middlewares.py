"""What stands around every handler: errors become answers here and nowhere else, and every answer is counted.

It is one wrapper a route, built from the route's row, so the introspection path carries exactly this and no access log.
"""

from collections.abc import Callable
from time import perf_counter
from traceback import extract_tb

from aiohttp import web
from structlog import get_logger

from grantlog import metrics
from grantlog.core.protocol.headers import cross_site
from grantlog.web import cors
from grantlog.web.answers import json_answer
from grantlog.web.failures import Failure, Problem, failure_of
from grantlog.web.keys import ORIGIN, SETTINGS
from grantlog.web.origin import Origins, own_origin
from grantlog.web.pages.problem import problem_page
from grantlog.web.pages.render import secure
from grantlog.web.routes import NEVER, Handler, Route

_log = get_logger(__name__)

_UNSTORED = {
    # RFC 6749 5.1: "MUST include the HTTP 'Cache-Control' response header field with a value of 'no-store' in any
    # response containing tokens, credentials, or other sensitive information, as well as the 'Pragma' response header
    # field with a value of 'no-cache'"
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
    "X-Content-Type-Options": "nosniff",
}
Finish = Callable[[web.Request, web.StreamResponse], None]


def guarded(route: Route, origins: Origins) -> Handler:
    """The handler of a row, with everything around it that the row asks for."""
    handler, finish, origin_of = route.handler, _finisher(route), origins.of
    fine = metrics.HTTP_REQUESTS.labels(route.name, route.method, "200")
    spent = metrics.HTTP_SECONDS.labels(route.name)

    async def answer(request: web.Request) -> web.StreamResponse:
        began = perf_counter()
        request[ORIGIN] = origin_of(request)
        try:
            if route.kind == "form":
                _refuse_foreign_form(request)
            response = await handler(request)
        except Exception as error:  # noqa: BLE001  # the one place where every error ends; what is unknown is logged
            response = _failed(request, route, error)
        finish(request, response)
        if route.cors != "none":
            response.headers.update(await cors.answer_headers(request, route.cors))
        if response.status == 200:
            fine.inc()
        else:
            metrics.HTTP_REQUESTS.labels(route.name, route.method, str(response.status)).inc()
        spent.observe(perf_counter() - began)
        return response

    return answer


def _finisher(route: Route) -> Finish:
    """What every answer of a route gets at the end, but for CORS."""
    kept = {"Cache-Control": route.cache, "X-Content-Type-Options": "nosniff"}
    may_keep = route.cache != NEVER

    def finish_data(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers.update(_UNSTORED)
        headers["X-Request-Id"] = request[ORIGIN].request_id

    def finish(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(kept if may_keep and response.status < 400 else _UNSTORED)
        if _shows_page(request, route):
            secure(request, response)
        response.headers["X-Request-Id"] = request[ORIGIN].request_id

    return finish_data if route.kind == "data" and not may_keep else finish


def _shows_page(request: web.Request, route: Route) -> bool:
    """Whether people read what this request is answered."""
    if route.kind == "either":
        return "text/html" in request.headers.get("Accept", "")
    return route.kind != "data"


def _refuse_foreign_form(request: web.Request) -> None:
    """Fetch Metadata and Origin: a form of ours is posted by a page of ours, or not at all."""
    headers = request.headers
    if cross_site(headers.get("Sec-Fetch-Site"), headers.get("Origin"), own_origin(request.app[SETTINGS].issuer)):
        raise Problem(
            403,
            "It was not sent from a page of this server. Please go back and try again.",
            "form_foreign",
            title="This form was not accepted",
        )


def _failed(request: web.Request, route: Route, error: Exception) -> web.Response:
    failure = failure_of(error)
    _tell(request, route, failure, error)
    if _shows_page(request, route):
        response = problem_page(request, failure)
    else:
        # RFC 6749 5.2: the members of an error; Appendix A.8 has the characters of error_description
        response = json_answer({"error": failure.code, "error_description": failure.description}, status=failure.status)
    response.headers.update(failure.headers)
    return response


def _tell(request: web.Request, route: Route, failure: Failure, error: Exception) -> None:
    """One line for the operator. The route's name stands for the URL; of the request itself nothing is written."""
    metrics.REFUSED.labels(route.name, failure.reason).inc()
    about = {
        "route": route.name,
        "request_id": request[ORIGIN].request_id,
        "reason": failure.reason,
        "status": failure.status,
    }
    if failure.status == 500:
        # where it happened, not what with: an exception's text may hold what was sent
        _log.error(
            "failed", at=[f"{frame.filename}:{frame.lineno}" for frame in extract_tb(error.__traceback__)], **about
        )
    elif failure.status == 503:
        _log.warning("unavailable", what=str(error), **about)
    else:
        _log.info("refused", error=failure.code, **about)
