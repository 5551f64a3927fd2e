"""What a client of a form endpoint sent: one form, one Authorization header at most."""

from aiohttp import web

from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import require_form


async def form_body(request: web.Request) -> bytes:
    """The body of a form. Raises ProtocolError for another media type; the size is limited by the application."""
    require_form(request.headers.get("Content-Type"))
    return await read_body(request)


async def read_body(request: web.Request) -> bytes:
    """The body. Raises RequestPayloadError where it does not end, or is not in the encoding that it names."""
    try:
        return await request.read()
    except ConnectionError:
        raise web.RequestPayloadError from None


def authorization(request: web.Request) -> str | None:
    """The Authorization header. Raises ProtocolError where there are several."""
    values = request.headers.getall("Authorization", ())
    if len(values) > 1:
        raise ProtocolError("invalid_request", "there is more than one Authorization header", "authorization_doubled")
    return values[0] if values else None


def proofs(request: web.Request) -> Proofs:
    """What came beside the parameters. Raises ProtocolError where there are several Authorization headers."""
    return Proofs(authorization(request), tuple(request.headers.getall("DPoP", ())), None, request.method, "")
