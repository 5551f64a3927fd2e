"""How facts of a client that were written by earlier versions are read: ``dict -> dict`` steps."""

from grantlog.core.events import Payload, upcast


@upcast("client.registered", from_version=1)
@upcast("client.updated", from_version=1)
def metadata_grew(payload: Payload) -> Payload:
    """Version 2: the rest of OpenID Connect Registration, FAPI 2.0 and RFC 7592; what was not said has its default."""
    return payload
