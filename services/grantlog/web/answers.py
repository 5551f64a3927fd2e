"""The two shapes of an answer that is no page: JSON, and 303."""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

_encode = msgspec.json.encode


def json_answer(
    members: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """``members`` as JSON. What may be cached, and by whom, is the route's business (the table)."""
    return web.Response(body=_encode(members), status=status, headers=headers, content_type="application/json")


def see_other(location: str) -> web.Response:
    """RFC 9700 section 4.12: "use the HTTP status code 303", which alone turns a POST into a GET for certain."""
    return web.Response(status=303, headers={"Location": location})
