"""What people see when something is wrong: one page, in plain words, without a detail of ours."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from aiohttp import web

from grantlog.web.failures import Failure
from grantlog.web.keys import ORIGIN
from grantlog.web.pages.render import page

_SAID: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: (
            "This request cannot be answered",
            (
                "The application that sent you here asked for it in a way that this server does not accept. "
                "Please go back to the application and try again; if it happens again, tell whoever runs it."
            ),
        ),
        403: ("This is not allowed", "Please go back to the application and start again."),
        404: ("There is nothing here", "Perhaps the address is mistyped, or something was moved."),
        405: ("That cannot be done here", "Please go back and try again."),
        413: ("That is too much", "What was sent is larger than this server accepts."),
        429: ("That was tried too often", "Please wait a while, and then try again."),
        503: ("Please try again in a moment", "A part of this service does not answer right now. Nothing was lost."),
    }
)
_UNFORESEEN = ("Something went wrong", "It is our fault, and it was written down. Please try again later.")


def problem_page(request: web.Request, failure: Failure) -> web.Response:
    """The page: a sentence for people, and below it what helps those who write or run the application."""
    title, text = _SAID.get(failure.status, _UNFORESEEN)
    return page(
        request,
        "problem.html",
        status=failure.status,
        heading=failure.title or title,
        text=failure.text or text,
        phrase=HTTPStatus(failure.status).phrase,
        code=None if failure.text else failure.code,
        description=failure.description,
        request_id=request[ORIGIN].request_id,
    )
