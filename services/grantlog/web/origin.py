"""Where a request came from, and who we are. Nothing here trusts ``Host``; proxies count only where they are configured."""

from functools import lru_cache
from ipaddress import ip_network
from itertools import count
from urllib.parse import urlsplit

from aiohttp import web

from grantlog.core.decision import Origin
from grantlog.core.protocol.forwarded import Network, client_address

Networks = tuple[Network, ...]


class Origins:
    """Who asks, as envelopes, throttles and findings want to know it. The client and the account are still unknown.

    ``boot``: random text of this process. Ids begin with it and go on with a number: they are ours, never what a client sent,
    and no two processes share one.
    """

    def __init__(self, networks: tuple[str, ...], boot: str) -> None:
        """``networks``: those whose forwarding headers count."""
        self._proxies: Networks = tuple(ip_network(network) for network in networks)
        self._ids = (f"{boot}{number:x}" for number in count(1))

    def of(self, request: web.Request) -> Origin:
        """Where this request comes from, and its id."""
        return Origin(next(self._ids), self._address(request) if self._proxies else _alone(request.remote or ""))

    def _address(self, request: web.Request) -> str:
        headers, peer = request.headers, request.remote or ""
        if not ("X-Forwarded-For" in headers or "Forwarded" in headers):
            return _alone(peer)
        return client_address(
            peer, headers.getall("X-Forwarded-For", ()), headers.getall("Forwarded", ()), self._proxies
        )


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
