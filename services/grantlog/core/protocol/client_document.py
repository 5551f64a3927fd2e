"""Clients that are known by the URL of their metadata document (draft-ietf-oauth-client-id-metadata-document)."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from grantlog.core.protocol.jwt_text import MalformedJwtError, read_object
from grantlog.core.protocol.redirect_uri import sound_host

LENGTH_LIMIT = 256
MEDIA_TYPES = frozenset({"application/json", "application/client-id+json"})
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?P<port>:[1-9][0-9]{0,4})?"
    r"(?P<path>/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)(?:\?(?P<query>[A-Za-z0-9._~!$&'()*+,;=:@/?-]*))?"
)
_SLASH = re.compile(r"/|%2f|%5c", re.IGNORECASE)
_LOOPBACK = frozenset({"127.0.0.1", "[::1]", "localhost"})
_SECRETS = ("client_secret", "client_secret_expires_at")


class DocumentError(ValueError):
    """A document is none of the client's; ``reason`` is private and stable."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def looks_like_url(client_id: str) -> bool:
    """Whether a client_id is one that only a document may have: our own ids and those of operators never are."""
    return client_id.startswith(("https://", "http://"))


def is_document_id(client_id: str, *, loopback: bool) -> bool:
    """Section 3: whether a client_id may be fetched. ``loopback``: a demo's may be plain http to this machine."""
    # "Client identifier URLs MUST have an 'https' scheme, MUST contain a path component, MUST NOT contain single-dot or
    # double-dot path segments, MUST NOT contain a fragment component and MUST NOT contain a username or password."
    found = _URL.fullmatch(client_id)
    if found is None or len(client_id) > LENGTH_LIMIT or not sound_host(found["host"]):
        return False
    if found["scheme"] == "http" and not (loopback and found["host"] in _LOOPBACK):
        return False
    if found["port"] is not None and int(found["port"][1:]) > 65_535:
        return False
    return all(unquote(segment) not in {".", ".."} for segment in _SLASH.split(found["path"]))


def read_document(client_id: str, status: int, media_type: str, body: bytes) -> Mapping[str, Any]:
    """The members of a fetched document. Raises DocumentError."""
    # section 4: every status but 200 is an error, and what it carries no document
    if status != 200:
        raise DocumentError("document_status")
    if media_type not in MEDIA_TYPES and not media_type.endswith("+json"):
        raise DocumentError("document_media_type")
    try:
        document = read_object(body)
    except MalformedJwtError as wrong:
        raise DocumentError(wrong.reason.replace("jwt", "document")) from wrong
    # "The client metadata document MUST contain a client_id property whose value MUST match the URL of the document using
    # simple string comparison"
    if document.get("client_id") != client_id:
        raise DocumentError("document_client_id")
    # section 4.1: what anybody can read is no place for a secret
    if any(name in document for name in _SECRETS):
        raise DocumentError("document_secret")
    return document
