"""What a client of a form endpoint sent: one form, one Authorization header at most."""

from aiohttp import web

from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.requests import require_form


async def form_body(request: web.Request) -> bytes:
    """The body of a form. Raises ProtocolError for another media type; the size is limited by the application."""
    require_form(request.headers.get("Content-Type"))
    return await request.read()


def authorization(request: web.Request) -> str | None:
    """The Authorization header. Raises ProtocolError where there are several."""
    values = request.headers.getall("Authorization", ())
    if len(values) > 1:
        raise ProtocolError("invalid_request", "there is more than one Authorization header", "authorization_doubled")
    return values[0] if values else None
