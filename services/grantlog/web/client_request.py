"""What a client of a form endpoint sent: one form, one Authorization header at most, and its proofs."""

from functools import lru_cache
from ipaddress import ip_network

from aiohttp import web

from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.forwarded import is_trusted
from grantlog.core.protocol.mtls import read_certificate_header
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import require_form
from grantlog.settings import Settings
from grantlog.web.keys import MTLS, SETTINGS
from grantlog.web.origin import own_origin


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
    headers, settings = request.headers, request.app[SETTINGS]
    certificate = _certificate(request, settings)
    base = None if certificate is None and MTLS not in request.app else settings.mtls_base_url
    return Proofs(
        authorization(request),
        tuple(headers.getall("DPoP", ())) if "DPoP" in headers else (),
        certificate,
        request.method,
        endpoint_url(settings.issuer, base, request.rel_url.raw_path),
    )


@lru_cache(maxsize=256)
def endpoint_url(issuer: str, mtls_base_url: str | None, path: str) -> str:
    """An endpoint as clients know it: below the issuer, or below where certificates are asked for (RFC 8705 section 5)."""
    return (own_origin(issuer) if mtls_base_url is None else mtls_base_url.rstrip("/")) + path


def _certificate(request: web.Request, settings: Settings) -> bytes | None:
    """The client's certificate in DER: of this very connection, or as one of our proxies says. Raises ProtocolError."""
    if MTLS in request.app and request.transport is not None:
        connection = request.transport.get_extra_info("ssl_object")
        shown: bytes | None = None if connection is None else connection.getpeercert(True)
        return shown
    name = settings.client_certificate_header
    # RFC 9440 4: a header that did not come from the proxy is one that anybody may have written
    if name is None or name not in request.headers or not _from_proxy(request.remote or "", settings.trusted_proxies):
        return None
    values = request.headers.getall(name)
    if len(values) > 1:
        raise ProtocolError("invalid_request", "there is more than one client certificate", "certificate_doubled")
    return read_certificate_header(values[0])


@lru_cache(maxsize=1024)
def _from_proxy(peer: str, networks: tuple[str, ...]) -> bool:
    return is_trusted(peer, tuple(ip_network(network) for network in networks))
