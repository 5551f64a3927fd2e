"""What people see when something is wrong: one page, in plain words, without a detail of ours."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import web

from grantlog.web.pages.render import page

_TITLES: Final = {
    400: "This request cannot be answered",
    403: "This form was not accepted",
    404: "There is nothing here",
    405: "That is not possible here",
    413: "That is too much",
    429: "Too many attempts",
    503: "Please try again in a moment",
}


@dataclass(frozen=True)
class Problem(Exception):  # noqa: N818  # it is a page to show, and an error only to Python
    """A page's own refusal, for what no specification names. ``text`` is for people, ``reason`` for logs and metrics."""

    status: int
    text: str
    reason: str
    title: str | None = None
    retry_after: int | None = None


def problem_page(
    request: web.Request, *, status: int, text: str, request_id: str, title: str | None = None, code: str | None = None
) -> web.Response:
    """The page. ``code`` is the specification's name of the error, for the application's developer."""
    heading = title or _TITLES.get(status, "Something went wrong")
    return page(
        request,
        "problem.html",
        status=status,
        heading=heading,
        text=text,
        code=code,
        request_id=request_id,
        phrase=HTTPStatus(status).phrase,
    )
