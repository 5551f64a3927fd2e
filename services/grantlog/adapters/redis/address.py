"""Where a Redis is, and how one gets in: ``redis://``, ``rediss://`` (TLS) and ``unix://`` URLs, as redis-py reads them."""

import ssl
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, unquote, urlsplit

_QUERY = frozenset({"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})


@dataclass(frozen=True, slots=True)
class Address:
    """One server. The secrets never show in a repr."""

    host: str
    port: int
    path: str | None = None
    """The unix socket; then host and port mean nothing."""
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    database: int = 0
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    def at(self, host: str, port: int) -> "Address":
        """The same way in, at another node of the cluster."""
        return replace(self, host=host, port=port, path=None)


def parse_address(url: str) -> Address:
    """Reads a URL. Raises ValueError, without the URL in its text: it holds a password.

    The query may hold ``db``, ``ssl_ca_certs``, ``ssl_certfile`` and ``ssl_keyfile``. Certificates are always verified.
    """
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("the URL of Redis begins with redis://, rediss:// or unix://")
    if set(query) - _QUERY:
        raise ValueError("the URL of Redis holds parameters beside " + ", ".join(sorted(_QUERY)))
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if parts.scheme == "unix":
        if not parts.path:
            raise ValueError("the URL of Redis names no socket")
        return Address("", 0, unquote(parts.path), username, password, _database(query.get("db", "0")))
    try:
        port = parts.port or 6379
    except ValueError:
        raise ValueError("the URL of Redis has no valid port") from None
    database = _database(query.get("db") or parts.path.strip("/") or "0")
    tls = _tls(query) if parts.scheme == "rediss" else None
    return Address(parts.hostname or "localhost", port, None, username, password, database, tls)


def _database(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("the URL of Redis names a database that is not a number")
    return int(text)


def _tls(query: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=query.get("ssl_ca_certs"))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if "ssl_certfile" in query:
        context.load_cert_chain(query["ssl_certfile"], query.get("ssl_keyfile"))
    return context
