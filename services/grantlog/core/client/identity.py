"""What a client is to people who give it their consent."""

from hashlib import sha256
from json import dumps

from grantlog.core.client.events import ClientMetadata


def identity_digest(metadata: ClientMetadata) -> bytes:
    """SHA-256 of a client's name, its kind, and everywhere it may be answered: what somebody meant who allowed it.

    A client that may become another (RFC 7592, a metadata document) has to ask again when it has.
    """
    seen = (
        metadata.name,
        metadata.public,
        metadata.application_type,
        metadata.verified,
        sorted(metadata.redirect_uris),
        metadata.client_uri,
        metadata.subject_type,
        metadata.sector_identifier,
    )
    return sha256(dumps(seen, separators=(",", ":")).encode()).digest()
