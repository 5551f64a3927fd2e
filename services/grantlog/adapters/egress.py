"""The port ``Egress`` on aiohttp: outgoing HTTP to addresses that others chose.

The address is judged where the socket to it is made: neither a name that answers differently the second time (DNS
rebinding) nor an odd spelling of a number gets past. No redirects, no cookies, no proxies from the environment.
"""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import aiohttp
from aiohappyeyeballs import AddrInfoType

from grantlog.ports import UnavailableError

TOTAL_SECONDS = 10.0
ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer that are read; nobody looks at them."""
_TRANSLATED = (
    IPv6Network("64:ff9b::/96"),  # RFC 6052: NAT64
    IPv6Network("64:ff9b:1::/48"),  # RFC 8215: NAT64 in local use
    IPv6Network("2002::/16"),  # RFC 3056: 6to4
    IPv6Network("2001::/32"),  # RFC 4380: Teredo
)
"""IPv6 addresses that carry an IPv4 address: where they lead is decided elsewhere, so they are refused."""


def is_public(text: str) -> bool:
    """Whether an address may be connected to: a unicast address of the public internet."""
    address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if any(address in network for network in _TRANSLATED) or address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _public_socket(address: AddrInfoType) -> socket.socket:
    """The socket for one resolved address, just before it is connected: whatever was asked for, this is where it leads."""
    family, kind, protocol, _, where = address
    if not is_public(str(where[0])):
        raise OSError("the name leads to an address that is not public")
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made


class HttpEgress:
    """Posts to public https addresses; with ``private`` to any address, and in clear as well (``grantlog dev``)."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                socket_factory=None if private else _public_socket, use_dns_cache=False, force_close=True, limit=16
            ),
            timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """See the port. The error never holds the URL: it may carry a secret."""
        self._judge(url)
        try:
            async with self._session.post(url, data=body, headers=dict(headers), allow_redirects=False) as answer:
                # An answer that never ends must not hold us: so much of it is read, then the connection is closed.
                await answer.content.read(ANSWER_LIMIT)
                return answer.status
        except (aiohttp.ClientError, OSError) as failed:
            raise UnavailableError(f"the receiver does not answer: {type(failed).__name__}") from None

    def _judge(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise UnavailableError("the receiver's URL is not one") from None
        if host is None or parts.username is not None or parts.password is not None:
            raise UnavailableError("the receiver's URL is not one")
        if parts.scheme != "https" and not self._private:
            raise UnavailableError("the receiver must be reached by https")

    async def close(self) -> None:
        """Ends all connections."""
        await self._session.close()


@asynccontextmanager
async def open_egress(*, private: bool) -> AsyncIterator[HttpEgress]:
    """An egress; ``private`` allows loopback and private ranges."""
    egress = HttpEgress(private=private)
    try:
        yield egress
    finally:
        await egress.close()
