"""The port ``Egress`` on aiohttp: outgoing HTTP to addresses that others chose.

The address is judged where the socket to it is made: neither a name that answers differently the second time (DNS
rebinding) nor an odd spelling of a number gets past. No redirects, no cookies, no proxies from the environment.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from ssl import SSLContext
from time import monotonic
from urllib.parse import urlsplit

import aiohttp
from aiohappyeyeballs import AddrInfoType

from grantlog.ports import Fetched, UnavailableError

TOTAL_SECONDS = 5.0
ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer that are read. A document that is longer is none."""
REMEMBERED_SECONDS = 5.0
"""For so long nobody asks again for what has just failed."""
_FAILURES = (aiohttp.ClientError, OSError, ValueError)
"""Whatever comes of a name, a connection, TLS or an answer that is none."""
_PAGE = 8192
_WAITING_LIMIT = 64
"""Documents that are fetched at once; one more is refused."""
_FAILURES_LIMIT = 1024
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


def is_loopback(text: str) -> bool:
    """Whether an address is this machine's own, in its plain spelling: a mapped one is not."""
    return ip_address(text.partition("%")[0]).is_loopback and not text.lower().startswith("::ffff:")


def _public_socket(address: AddrInfoType) -> socket.socket:
    """The socket for one resolved address, just before it is connected: whatever was asked for, this is where it leads."""
    if not is_public(str(address[4][0])):
        raise OSError("the name leads to an address that is not public")
    return _socket(address)


def _public_or_own_socket(address: AddrInfoType) -> socket.socket:
    """The same for a developer's machine, which may call itself; other machines around it stay out of reach."""
    where = str(address[4][0])
    if not (is_public(where) or is_loopback(where)):
        raise OSError("the name leads to an address that is neither public nor this machine's")
    return _socket(address)


def _socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made


class HttpEgress:
    """Reaches public https addresses; with ``private`` this machine as well, also in clear (``grantlog dev``).

    ``ssl_context``: whom https trusts; the system's authorities where it is None.
    """

    def __init__(self, *, private: bool, ssl_context: SSLContext | None = None) -> None:
        self._private = private
        self._flights: dict[tuple[str, str], asyncio.Task[Fetched | str]] = {}
        self._failures: dict[tuple[str, str], tuple[float, Fetched | str]] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                socket_factory=_public_or_own_socket if private else _public_socket,
                use_dns_cache=False,
                force_close=True,
                limit=64,
                ssl=True if ssl_context is None else ssl_context,
            ),
            timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )

    async def get(self, url: str, *, accept: str = "application/json") -> Fetched:
        """See the port. The error never holds the URL: it may carry a secret."""
        self._judge(url)
        key = (url, accept)
        failed = self._failures.get(key)
        if failed is not None and monotonic() < failed[0]:
            return _fetched(failed[1])
        flight = self._flights.get(key)
        if flight is None:
            if len(self._flights) >= _WAITING_LIMIT:
                raise UnavailableError("too many documents are being fetched")
            flight = self._flights[key] = asyncio.create_task(self._fetch(url, accept))
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        # A caller that goes away takes the document from nobody.
        return _fetched(await asyncio.shield(flight))

    async def _fetch(self, url: str, accept: str) -> Fetched | str:
        """The document, or what went wrong; a failure is remembered."""
        try:
            outcome: Fetched | str = await self._read(url, accept)
        except _FAILURES as failed:
            outcome = f"the document does not come: {type(failed).__name__}"
        if isinstance(outcome, str) or outcome.status != HTTPStatus.OK:
            self._failures.pop((url, accept), None)
            if len(self._failures) >= _FAILURES_LIMIT:
                del self._failures[next(iter(self._failures))]
            self._failures[url, accept] = (monotonic() + REMEMBERED_SECONDS, outcome)
        return outcome

    async def _read(self, url: str, accept: str) -> Fetched | str:
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        async with self._session.get(url, headers=headers, allow_redirects=False) as answer:
            return await _whole(answer)

    async def exchange(self, url: str, body: bytes, headers: Mapping[str, str]) -> Fetched:
        """See the port. The error never holds the URL: it may carry a secret."""
        self._judge(url)
        sent = {**headers, "Accept-Encoding": "identity"}
        try:
            async with self._session.post(url, data=body, headers=sent, allow_redirects=False) as answer:
                return _fetched(await _whole(answer))
        except _FAILURES as failed:
            raise UnavailableError(f"the receiver does not answer: {type(failed).__name__}") from None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """See the port. The error never holds the URL: it may carry a secret."""
        self._judge(url)
        try:
            async with self._session.post(url, data=body, headers=dict(headers), allow_redirects=False) as answer:
                # An answer that never ends must not hold us: so much of it is read, then the connection is closed.
                await answer.content.read(ANSWER_LIMIT)
                return answer.status
        except _FAILURES as failed:
            raise UnavailableError(f"the receiver does not answer: {type(failed).__name__}") from None

    def _judge(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise UnavailableError("the receiver's URL is not one") from None
        if host is None or port == 0 or parts.username is not None or parts.password is not None:
            raise UnavailableError("the receiver's URL is not one")
        clear = parts.scheme == "http" and self._private and _names_loopback(host)
        if parts.scheme != "https" and not clear:
            raise UnavailableError("the receiver must be reached by https")

    async def close(self) -> None:
        """Ends all connections; who waits for a document hears that it does not come."""
        for flight in tuple(self._flights.values()):
            flight.cancel()
        await self._session.close()


async def _whole(answer: aiohttp.ClientResponse) -> Fetched | str:
    """The answer, or what is wrong with it."""
    if answer.status // 100 == 3:
        return "the document is somewhere else"
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        return "the document is compressed"
    body = bytearray()
    async for page in answer.content.iter_chunked(_PAGE):
        body += page
        if len(body) > ANSWER_LIMIT:
            return "the document is too long"
    return Fetched(answer.status, answer.content_type, bytes(body))


def _names_loopback(host: str) -> bool:
    """Whether a host can only be this machine: its name, or one of its addresses."""
    try:
        return host == "localhost" or is_loopback(host)
    except ValueError:
        return False


def _fetched(outcome: Fetched | str) -> Fetched:
    if isinstance(outcome, str):
        raise UnavailableError(outcome)
    return outcome


@asynccontextmanager
async def open_egress(*, private: bool, ssl_context: SSLContext | None = None) -> AsyncIterator[HttpEgress]:
    """An egress; ``private`` allows loopback, and nothing else that is not public."""
    egress = HttpEgress(private=private, ssl_context=ssl_context)
    try:
        yield egress
    finally:
        await egress.close()
