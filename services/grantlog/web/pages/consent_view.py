"""What a person must see before he allows a client anything: the same on the consent page and on that of a device.

Nothing of it is loaded from elsewhere: a client's logo would tell it who looks, and could look like anybody's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from grantlog.core.client.state import ClientState
from grantlog.core.protocol.display_name import misleading
from grantlog.core.protocol.policy import Policy
from grantlog.core.protocol.resource import Catalog
from grantlog.core.protocol.scope import OFFLINE_ACCESS
from grantlog.flows.consents import Wish
from grantlog.flows.details import Shown, shown
from grantlog.web.pages.words import called, destination, scope_in_words


@dataclass(frozen=True, slots=True)
class ScopeRow:
    """One scope, and what it holds besides."""

    text: str
    holds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """One resource: what people call it, and its URI."""

    name: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentView:
    """Who asks for what; ``_consent.html`` shows it."""

    client_name: str
    client_id: str
    misleading: bool
    """The name may be taken for another: people are told, and see the id beside it."""
    unverified: bool
    """Nobody here has looked at who is behind it."""
    scopes: Sequence[ScopeRow]
    resources: Sequence[ResourceRow]
    details: Sequence[Shown]
    offline: bool
    destination: str | None
    """Where the browser goes afterwards; None: nowhere (a device)."""
    client_uri: str | None
    policy_uri: str | None
    tos_uri: str | None


def consent_view(
    policy: Policy, client: ClientState, scope: tuple[str, ...], wish: Wish, details: str, redirect_uri: str | None
) -> ConsentView:
    """The view of what ``client`` asks for: ``scope`` as it was asked, ``wish`` what that comes to."""
    metadata = client.metadata
    return ConsentView(
        client_name=called(client),
        client_id=client.client_id,
        misleading=misleading(metadata.name),
        unverified=not metadata.verified,
        scopes=[
            ScopeRow(scope_in_words(name, policy.catalog, wish.audience), _held(policy.catalog, name, wish, scope))
            for name in scope
            if name != OFFLINE_ACCESS
        ],
        resources=[_resource(policy.catalog, uri) for uri in wish.audience],
        details=shown(details, policy) if details else (),
        offline=OFFLINE_ACCESS in scope,
        destination=None if redirect_uri is None else destination(redirect_uri),
        client_uri=metadata.client_uri,
        policy_uri=metadata.policy_uri,
        tos_uri=metadata.tos_uri,
    )


def _held(catalog: Catalog, name: str, wish: Wish, scope: tuple[str, ...]) -> tuple[str, ...]:
    """What one scope implies, in words, as far as it was not asked for by name."""
    implied = [held for held in catalog.holds((name,), wish.audience) if held not in scope]
    return tuple(scope_in_words(held, catalog, wish.audience) for held in implied)


def _resource(catalog: Catalog, uri: str) -> ResourceRow:
    rule = catalog.find(uri)
    return ResourceRow(uri if rule is None or not rule.name else rule.name, uri)
