"""One grant a file, three names each: ``GRANT_TYPE``, ``PARAMETERS``, ``redeem``. Unknown parameters never reach one."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from grantlog.core.decision import Origin
from grantlog.core.protocol.requests import Parameters
from grantlog.flows.authenticate import Authenticated
from grantlog.flows.grants import (
    authorization_code,
    client_credentials,
    device_code,
    jwt_bearer,
    refresh_token,
    token_exchange,
)
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


NamesClient = Callable[[Service, str, Parameters, Origin], Awaitable[Authenticated]]

_FILES: tuple[Grant, ...] = (
    authorization_code,
    client_credentials,
    device_code,
    refresh_token,
    token_exchange,
    jwt_bearer,
)
GRANTS: dict[str, Grant] = {grant.GRANT_TYPE: grant for grant in _FILES}
NAME_CLIENTS: dict[str, NamesClient] = {jwt_bearer.GRANT_TYPE: jwt_bearer.client_by_rule}
"""Grants whose requests may leave it to something else to say which client they are for."""
