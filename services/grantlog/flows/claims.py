"""What an account says about its person, for tokens and for UserInfo."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from grantlog.core.account.state import AccountState
from grantlog.core.identifiers import StreamId
from grantlog.core.protocol import claims
from grantlog.core.protocol.resource import Catalog
from grantlog.flows.accounts import read_profile
from grantlog.flows.service import Service


async def profile_of(service: Service, account: UUID) -> Mapping[str, Any] | None:
    """The claims of an account; None where there is no such account, or its person was erased. Raises UnavailableError."""
    loaded = await service.ports.log.load(StreamId(account))
    if not isinstance(loaded.state, AccountState):
        return None
    return await read_profile(service, StreamId(account), loaded.state)


async def attributes_of(service: Service, account: UUID | None, catalog: Catalog, audience: tuple[str, ...]) -> str:
    """``roles``, ``groups`` and ``entitlements`` for ``Profile.attributes``, where every resource of the token asks for them.

    Empty where one of them does not, where the account has none, or where there is no account. Raises UnavailableError.
    """
    rules = [catalog.find(uri) for uri in audience]
    known = [rule for rule in rules if rule is not None]
    if account is None or not known or not all(rule.attributes for rule in known):
        return ""
    return claims.attributes(await profile_of(service, account) or {})
