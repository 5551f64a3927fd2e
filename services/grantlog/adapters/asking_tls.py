"""TLS that asks clients for their certificates, and takes any whose key the client holds (RFC 8705 section 2.2).

Python's own ``ssl`` hangs up on a certificate that no authority has issued, so these connections are OpenSSL's through
pyOpenSSL, behind the two methods that asyncio asks of a context. That a client holds the key of its certificate is proven by
the handshake; whose certificate it is, nobody here says.
"""

import ssl
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

_PAGE = 65_536
_HEADER_BYTES = 5


class AskingContext(ssl.SSLContext):
    """A server's context. Raises ssl.SSLError where certificate and key cannot be used."""

    _context: SSL.Context

    def __new__(cls, certificate: Path, key: Path) -> Self:
        """A context with the server's own certificate chain and key, both PEM."""
        made = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        # RFC 9325 3.1.1: "Implementations MUST NOT negotiate TLS version 1.1"
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        try:
            context.use_certificate_chain_file(str(certificate))
            context.use_privatekey_file(str(key))
            context.check_privatekey()
        except SSL.Error as wrong:
            raise ssl.SSLError("no such pair of certificate and key") from wrong
        # Every connection brings its certificate by itself: nothing is resumed.
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET)
        context.set_verify(SSL.VERIFY_PEER, _take_any)
        made._context = context
        return made

    def wrap_bio(  # type: ignore[override]  # asyncio asks for no more of what it is given
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002, ARG002  # the library's signature
        server_hostname: str | bytes | None = None,  # noqa: ARG002  # the library's signature
        session: ssl.SSLSession | None = None,  # noqa: ARG002  # the library's signature
    ) -> "AskingConnection":
        """One connection between two buffers."""
        return AskingConnection(SSL.Connection(self._context, None), incoming, outgoing)


class AskingConnection:
    """As much of ``ssl.SSLObject`` as asyncio uses."""

    def __init__(self, connection: SSL.Connection, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        self._connection = connection
        self._incoming = incoming
        self._outgoing = outgoing
        self._header = b""
        self._left = 0
        connection.set_accept_state()

    def do_handshake(self) -> None:
        """Goes on with the handshake. Raises SSLWantReadError until it is done."""
        self._do(self._connection.do_handshake)

    def read(self, size: int = _PAGE, buffer: Any = None) -> Any:
        """What has come; into ``buffer`` where there is one, and then how much. Raises SSLWantReadError."""
        try:
            found: bytes = self._do(self._connection.recv, size)
        except SSL.ZeroReturnError:
            found = b""
        if buffer is None:
            return found
        buffer[: len(found)] = found
        return len(found)

    def write(self, data: Any) -> int:
        """Sends; how much of it. Raises SSLWantReadError."""
        sent: int = self._do(self._connection.send, bytes(data))
        return sent

    def unwrap(self) -> None:
        """Says goodbye; nobody waits for the same of the other side."""
        self._do(self._connection.shutdown)

    def getpeercert(self, binary_form: bool = False) -> Any:  # noqa: FBT001, FBT002  # the library's signature
        """The client's certificate in DER; None where it has shown none. Its names are nobody's business here."""
        found = self._connection.get_peer_certificate(as_cryptography=True)
        if found is None:
            return None
        return found.public_bytes(Encoding.DER) if binary_form else {}

    def cipher(self) -> None:
        """Asked for by asyncio, and by nobody else."""

    def compression(self) -> None:
        """There is none."""

    def pending(self) -> int:
        """How much was decrypted and not read."""
        return self._connection.pending()

    def _do(self, work: Any, *arguments: Any) -> Any:
        """One step of the protocol between the buffers, with the exceptions that asyncio knows."""
        while True:
            try:
                return work(*arguments)
            except SSL.WantReadError:
                if not self._feed():
                    raise ssl.SSLWantReadError from None
            except SSL.ZeroReturnError:
                raise
            except SSL.Error:
                raise ssl.SSLError("the client's TLS cannot be followed") from None
            finally:
                self._flush()

    def _feed(self) -> bool:
        """Hands OpenSSL one more record; whether anything was there.

        Not more than one: uvloop looks into the buffer to see whether there is more to read.
        """
        if not self._left:
            # RFC 8446 5.1: type, version and length before the fragment
            self._header += self._incoming.read(_HEADER_BYTES - len(self._header))
            if len(self._header) < _HEADER_BYTES:
                return False
            self._connection.bio_write(self._header)
            self._left, self._header = int.from_bytes(self._header[3:]), b""
        part = self._incoming.read(self._left)
        self._left -= len(part)
        if part:
            self._connection.bio_write(part)
        return bool(part)

    def _flush(self) -> None:
        while True:
            try:
                self._outgoing.write(self._connection.bio_read(_PAGE))
            except SSL.Error:
                return


def _take_any(*_about: object) -> bool:
    """The handshake proves possession of the key; that is all that is asked of it."""
    return True
