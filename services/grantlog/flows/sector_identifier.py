"""``sector_identifier_uri`` (OpenID Connect Registration section 5): who answers there vouches for all redirect URIs."""

from grantlog.core.client.events import ClientMetadata
from grantlog.core.protocol.jwt_text import MalformedJwtError, read_object
from grantlog.core.protocol.members import invalid
from grantlog.flows.service import Service
from grantlog.ports import UnavailableError


async def check_sector(service: Service, metadata: ClientMetadata) -> None:
    """Raises invalid_client_metadata where the document does not list every redirect URI, or cannot be had."""
    uri = metadata.sector_identifier_uri
    if uri is None:
        return
    try:
        fetched = await service.ports.egress.get(uri)
    except UnavailableError as gone:
        raise invalid("sector_identifier_uri does not answer", "registration_sector_unavailable") from gone
    if fetched.status != 200:
        raise invalid("sector_identifier_uri does not answer", "registration_sector_status")
    try:
        # read as the member of an object, so that it is bounded as every other document is
        listed = read_object(b'{"uris":' + fetched.body + b"}")["uris"]
    except (MalformedJwtError, KeyError) as wrong:
        raise invalid("sector_identifier_uri holds no array of URIs", "registration_sector_document") from wrong
    # OIDC Registration 5: "The values of the registered redirect_uris MUST be included in the elements of the array"
    if not isinstance(listed, list) or any(known not in listed for known in metadata.redirect_uris):
        raise invalid("sector_identifier_uri does not list every redirect URI", "registration_sector_lists")
