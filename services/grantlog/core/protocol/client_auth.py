"""How a client says who it is (RFC 6749 section 2.3): reading the proof, and comparing secrets."""

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from hmac import compare_digest
from typing import Literal

from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.client_assertion import ASSERTION_TYPE, SECRET_ALG, assertion_subject, read_assertion
from grantlog.core.protocol.errors import InvalidClientError, ProtocolError, invalid_request
from grantlog.core.protocol.jwt_text import MalformedJwtError, ReadJwt
from grantlog.core.protocol.requests import Parameters, decode_component

Method = Literal["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"]
"""How a request proves its client by itself. ``none``: only named; a certificate of the connection may prove it still."""
NAMING = frozenset({"client_id", "client_secret", "client_assertion", "client_assertion_type"})
"""Parameters by which a request names or proves its client, beside the Authorization header."""
CLIENT_ID_LIMIT = 256
SECRET_LIMIT = 1024
_HEADER_LIMIT = 8192


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """Who a client says it is, and its proof. Nothing is proven yet. ``secret`` is never printed."""

    method: Method
    client_id: ClientId
    secret: str | None = field(repr=False)
    assertion: ReadJwt | None = field(default=None, repr=False)


def read_credentials(authorization: str | None, parameters: Parameters) -> ClientCredentials:
    """The one way in which this request authenticates its client; ``none`` where it only names it.

    Raises InvalidClientError, and invalid_request where there is more than one way.
    """
    named, secret = parameters.get("client_id"), parameters.get("client_secret")
    assertion, kind = parameters.get("client_assertion"), parameters.get("client_assertion_type")
    if assertion is not None or kind is not None:
        if authorization is not None or secret is not None:
            raise invalid_request("more than one client authentication method", "client_auth_twice")
        return _asserted(assertion, kind, named)
    if authorization is not None:
        # RFC 6749 2.3: "The client MUST NOT use more than one authentication method in each request."
        if secret is not None:
            raise invalid_request("more than one client authentication method", "client_auth_twice")
        credentials = _basic(authorization)
        if named is not None and named != credentials.client_id:
            raise invalid_request("client_id differs from the authenticated client", "client_id_differs")
        return credentials
    if named is None:
        raise InvalidClientError("client_unnamed")
    if secret is None:
        return _checked("none", named, None)
    return _checked("client_secret_post", named, secret)


def _asserted(text: str | None, kind: str | None, named: str | None) -> ClientCredentials:
    """RFC 7521 section 4.2."""
    if text is None or kind != ASSERTION_TYPE:
        raise InvalidClientError("client_assertion_type")
    try:
        assertion = read_assertion(text)
        subject = assertion_subject(assertion)
    except MalformedJwtError as wrong:
        raise InvalidClientError(f"client_assertion_{wrong.reason}") from None
    # RFC 7521 4.2: "If present, the value of the 'client_id' parameter MUST identify the same client as is identified by the
    # client assertion."
    if named is not None and named != subject:
        raise InvalidClientError("client_assertion_client_id")
    credentials = _checked("client_secret_jwt" if assertion.alg == SECRET_ALG else "private_key_jwt", subject, None)
    return replace(credentials, assertion=assertion)


def _basic(authorization: str) -> ClientCredentials:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic" or len(authorization) > _HEADER_LIMIT:
        raise InvalidClientError("authorization_scheme", basic=True)
    try:
        name, colon, secret = b64decode(encoded.strip(" "), validate=True).decode().partition(":")
        # RFC 6749 2.3.1: "The client identifier is encoded using the 'application/x-www-form-urlencoded' encoding
        # algorithm per Appendix B, and the encoded value is used as the username; the client password is encoded using
        # the same algorithm and used as the password."
        name, secret = decode_component(name), decode_component(secret)
    except (ValueError, ProtocolError):
        raise InvalidClientError("basic_malformed", basic=True) from None
    if not colon:
        raise InvalidClientError("basic_malformed", basic=True)
    return _checked("client_secret_basic", name, secret)


def _checked(method: Method, client_id: str, secret: str | None) -> ClientCredentials:
    basic = method == "client_secret_basic"
    # RFC 6749 A.1: "client-id = *VSCHAR"
    if not client_id or len(client_id) > CLIENT_ID_LIMIT or not (client_id.isascii() and client_id.isprintable()):
        raise InvalidClientError("client_id_malformed", basic=basic)
    if secret is not None and len(secret) > SECRET_LIMIT:
        raise InvalidClientError("client_secret_malformed", basic=basic)
    return ClientCredentials(method, ClientId(client_id), secret)


def secret_digest(secret: str) -> bytes:
    """SHA-256 of a client secret, as it is stored: of 256 random bits, so without salt and stretching."""
    return sha256(secret.encode()).digest()


def matches(secret: str, hashes: Sequence[bytes]) -> int | None:
    """Index of the hash that ``secret`` has, or None. Takes equally long whichever it is."""
    digest = secret_digest(secret)
    found = None
    for index, known in enumerate(hashes):
        if compare_digest(digest, known):
            found = index
    return found
