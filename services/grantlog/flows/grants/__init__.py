"""One grant a file, three names each: ``GRANT_TYPE``, ``PARAMETERS``, ``redeem``. Unknown parameters never reach one."""

from typing import Protocol

from grantlog.flows.grants import authorization_code, client_credentials, refresh_token
from grantlog.flows.service import Service
from grantlog.flows.token_request import TokenRequest


class Grant(Protocol):
    """What a grant file says."""

    @property
    def GRANT_TYPE(self) -> str:  # noqa: N802  # a constant of the file
        """The value of ``grant_type``."""

    @property
    def PARAMETERS(self) -> frozenset[str]:  # noqa: N802  # a constant of the file
        """The parameters it reads."""

    async def redeem(self, service: Service, request: TokenRequest, /) -> bytes:
        """The body of the answer. Raises ProtocolError, UnavailableError."""
        ...


_FILES: tuple[Grant, ...] = (authorization_code, client_credentials, refresh_token)
GRANTS: dict[str, Grant] = {grant.GRANT_TYPE: grant for grant in _FILES}
