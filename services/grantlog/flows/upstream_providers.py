"""What this process knows of the OpenID providers whose users may log in here (OpenID Connect Discovery)."""

from http import HTTPStatus

from grantlog.core.identifiers import MICROS, Micros
from grantlog.core.protocol.jwt_text import MalformedJwtError, read_object
from grantlog.core.protocol.policy import UpstreamProvider
from grantlog.core.protocol.upstream import ProviderMetadata, UpstreamError, configuration_uri, read_metadata
from grantlog.ports import Egress, UnavailableError

FRESH = 600 * MICROS
"""So long a provider's metadata is not asked for again."""


class UpstreamProviders:
    """Metadata by issuer. There are as many as the operator has configured."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Micros, ProviderMetadata]] = {}

    async def metadata(self, egress: Egress, provider: UpstreamProvider, now: Micros) -> ProviderMetadata:
        """A provider's metadata. Raises UnavailableError where it does not answer, UpstreamError where it answers junk."""
        known = self._known.get(provider.issuer)
        if known is not None and now < known[0] + FRESH:
            return known[1]
        answer = await egress.get(configuration_uri(provider.issuer))
        if answer.status != HTTPStatus.OK:
            raise UnavailableError("the provider's metadata cannot be had")
        try:
            found = read_metadata(provider.issuer, read_object(answer.body))
        except MalformedJwtError:
            raise UpstreamError("upstream_metadata_malformed") from None
        self._known[provider.issuer] = (now, found)
        return found
