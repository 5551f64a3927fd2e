"""Where a request came from, and who we are. Nothing here trusts ``Host``; proxies count only where they are configured."""

from functools import lru_cache
from ipaddress import ip_network
from urllib.parse import urlsplit

from aiohttp import web

from grantlog.core.decision import Origin
from grantlog.core.protocol.forwarded import Network, client_address
from grantlog.web.keys import SERVICE

Networks = tuple[Network, ...]
PROXIES: web.AppKey[Networks] = web.AppKey("proxies", tuple)


def trusted_proxies(networks: tuple[str, ...]) -> Networks:
    """The networks whose forwarding headers count."""
    return tuple(ip_network(network) for network in networks)


def origin_of(request: web.Request) -> Origin:
    """Who asked, as envelopes, throttles and findings want to know it. The client and the account are still unknown.

    The id is 96 random bits of our own, never what a client sent.
    """
    app = request.app
    return Origin(app[SERVICE].ports.secrets.random(12).hex(), _address(request, app[PROXIES]))


def _address(request: web.Request, proxies: Networks) -> str:
    headers, peer = request.headers, request.remote or ""
    if not proxies or not ("X-Forwarded-For" in headers or "Forwarded" in headers):
        # nobody speaks for anybody else: the short way, which introspection goes
        return _alone(peer)
    return client_address(peer, headers.getall("X-Forwarded-For", ()), headers.getall("Forwarded", ()), proxies)


@lru_cache(maxsize=4096)
def _alone(peer: str) -> str:
    """The address of a peer that speaks for itself, whether it is a proxy or not."""
    return client_address(peer, (), (), ())


def base_path(issuer: str) -> str:
    """The path of the issuer, without a slash at its end."""
    return urlsplit(issuer).path


def own_origin(issuer: str) -> str:
    """The web origin (RFC 6454) of the issuer: what a browser sends as ``Origin`` from our own pages."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}"
