"""Resource indicators (RFC 8707): for which protected resources a token is meant, and what it may do there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.scope import OIDC_SCOPES, implied, invalid_scope

TokenFormat = Literal["opaque", "jwt"]
SigningAlg = Literal["ES256", "EdDSA", "PS256", "RS256"]
URI_LIMIT = 2048
RESOURCES_LIMIT = 10

_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")


@dataclass(frozen=True, slots=True)
class ResourceRule:
    """One protected resource, as the operator configured it."""

    uri: str
    scopes: tuple[str, ...]
    token_format: TokenFormat = "opaque"  # a format, no secret
    signing_alg: SigningAlg = "ES256"
    attributes: bool = False
    """Whether its tokens carry the ``roles``, ``groups`` and ``entitlements`` of the account (RFC 9068 section 2.2.3.1)."""
    texts: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What a scope of it is called on the consent page."""
    implies: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """Scopes of it that hold others of it (a hierarchy)."""
    name: str = ""
    """What people call it; empty: its URI."""

    def holds(self, scope: tuple[str, ...]) -> tuple[str, ...]:
        """What a token of this scope may do here: of ``scope`` what the resource knows, and what that implies here."""
        return implied((token for token in scope if token in self.scopes), self.implies)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All protected resources, in the order in which they are defaults."""

    rules: tuple[ResourceRule, ...] = ()
    has_hierarchy: bool = field(init=False)
    """Whether any scope implies another; told once, because every introspection asks."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "has_hierarchy", any(rule.implies for rule in self.rules))

    def find(self, uri: str) -> ResourceRule | None:
        """The resource with exactly this URI."""
        return next((rule for rule in self.rules if rule.uri == uri), None)

    def default_for(self, scope: str, allowed: tuple[str, ...], held: tuple[str, ...] = ()) -> ResourceRule | None:
        """The first resource that knows a scope, among ``allowed`` (none: among all).

        ``held``: what was granted, where the scope itself was not: only a resource at which that implies it will do.
        """
        return next(
            (
                rule
                for rule in self.rules
                if scope in rule.scopes
                and (not allowed or rule.uri in allowed)
                and (not held or scope in rule.holds(held))
            ),
            None,
        )

    def holds(self, scope: tuple[str, ...], audience: tuple[str, ...]) -> tuple[str, ...]:
        """``scope``, then what it implies at the resources of ``audience`` (none: at any), each once."""
        if not self.has_hierarchy:
            return scope
        rules = [rule for rule in self.rules if not audience or rule.uri in audience]
        return tuple(dict.fromkeys((*scope, *(token for rule in rules for token in rule.holds(scope)))))

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope of any resource, each once."""
        return tuple(dict.fromkeys(scope for rule in self.rules for scope in rule.scopes))


@dataclass(frozen=True, slots=True)
class Choice:
    """What an access token will be meant for."""

    audience: tuple[str, ...]
    scope: tuple[str, ...]


def check_uri(uri: str) -> str:
    """A value of ``resource``. Raises invalid_target."""
    # RFC 8707 2: "Its value MUST be an absolute URI, as specified by Section 4.3 of [RFC3986]. The URI MUST NOT include
    # a fragment component."
    if len(uri) > URI_LIMIT or _ABSOLUTE_URI.fullmatch(uri) is None:
        raise invalid_target("resource must be an absolute URI without a fragment", "resource_malformed")
    return uri


def choose(
    catalog: Catalog,
    issuer: str,
    scope: tuple[str, ...],
    requested: tuple[str, ...],
    allowed: tuple[str, ...],
) -> Choice:
    """The audience of a token of this scope: the ``requested`` resources or, where none is, those its scopes name.

    ``allowed``: the resources the client may ask for; none means all. Raises invalid_target and invalid_scope.
    """
    if not requested:
        return Choice(_defaults(catalog, issuer, scope, allowed), scope)
    rules = _known(catalog, issuer, requested, allowed)
    understood = _understood(rules)
    if any(token not in understood for token in scope):
        raise invalid_scope("no requested resource knows all of the scope", "scope_not_of_resource")
    return Choice(tuple(rule.uri for rule in rules), scope)


def narrow(
    catalog: Catalog,
    issuer: str,
    granted: Choice,
    scope: tuple[str, ...],
    requested: tuple[str, ...],
    allowed: tuple[str, ...],
) -> Choice:
    """What a token request gets of a grant, whose ``audience`` holds the resources that the authorization named.

    ``scope`` and ``requested`` are those of the token request, none meaning: as granted. A resource asked for without a
    scope takes of the granted scope what it knows. Raises invalid_target and invalid_scope.
    """
    # RFC 6749 6: "if omitted is treated as equal to the scope originally granted by the resource owner"
    wanted = scope or granted.scope
    below = tuple(token for token in wanted if token not in granted.scope)
    # RFC 6749 6: "The requested scope MUST NOT include any scope not originally granted by the resource owner". What a
    # granted scope implies was granted with it, at the resources where it does.
    held = catalog.holds(granted.scope, granted.audience or allowed)
    if any(token not in held for token in below):
        raise invalid_scope("scope exceeds what is allowed", "scope_exceeded")
    if not requested and not granted.audience:
        return Choice(_defaults(catalog, issuer, wanted, allowed, granted.scope), wanted)
    if not requested:
        return _held(catalog, choose(catalog, issuer, wanted, granted.audience, allowed), granted.scope, below)
    # RFC 8707 2.2: the token request names "a subset of the resources" that were granted
    if granted.audience and any(uri not in granted.audience for uri in requested):
        raise invalid_target("resource was not part of the authorization", "resource_not_granted")
    if not scope:
        understood = _understood(_known(catalog, issuer, requested, allowed))
        wanted = tuple(token for token in wanted if token in understood)
        if not wanted:
            raise invalid_scope("the resource knows nothing of the granted scope", "scope_not_of_resource")
    return _held(catalog, choose(catalog, issuer, wanted, requested, allowed), granted.scope, below)


def _held(catalog: Catalog, choice: Choice, granted: tuple[str, ...], below: tuple[str, ...]) -> Choice:
    """``choice``, where every resource of it that knows a scope of ``below`` has it implied by what was granted.

    Two resources may call two things by one name: what is implied at one of them is not granted at the other.
    """
    for rule in (catalog.find(uri) for uri in choice.audience):
        if rule is not None and any(token in rule.scopes and token not in rule.holds(granted) for token in below):
            raise invalid_scope("scope exceeds what is allowed at the resource", "scope_exceeded")
    return choice


def reachable(
    catalog: Catalog, scope: tuple[str, ...], requested: tuple[str, ...], allowed: tuple[str, ...]
) -> tuple[str, ...]:
    """Every resource for which a grant of this scope can get a token: what the user has to be told.

    A grant that named none leaves the choice to the token requests: ``narrow`` then takes any that knows its scope.
    """
    if requested:
        return tuple(dict.fromkeys(requested))
    return tuple(
        rule.uri
        for rule in catalog.rules
        if (not allowed or rule.uri in allowed) and any(token in rule.scopes for token in scope)
    )


def invalid_target(description: str, reason: str) -> ProtocolError:
    """RFC 8707 section 2: "The requested resource is invalid, missing, unknown, or malformed."."""
    return ProtocolError("invalid_target", description, reason)


def own_resources(issuer: str) -> tuple[str, str]:
    """The protected resource that we are ourselves, by both names that its metadata has (RFC 9728 section 3.3)."""
    return issuer, f"{issuer}/userinfo"


def _known(
    catalog: Catalog, issuer: str, requested: tuple[str, ...], allowed: tuple[str, ...]
) -> tuple[ResourceRule, ...]:
    if len(requested) > RESOURCES_LIMIT:
        raise invalid_target("too many resources", "resource_too_many")
    rules = []
    for uri in dict.fromkeys(requested):
        rule = catalog.find(check_uri(uri))
        if rule is None and uri in own_resources(issuer):
            rules.append(ResourceRule(uri, OIDC_SCOPES))
            continue
        if rule is None:
            raise invalid_target("the resource is not known", "resource_unknown")
        if allowed and uri not in allowed:
            raise invalid_target("the client may not ask for this resource", "resource_not_allowed")
        rules.append(rule)
    return tuple(rules)


def _understood(rules: tuple[ResourceRule, ...]) -> frozenset[str]:
    return frozenset(OIDC_SCOPES).union(*(rule.scopes for rule in rules))


def _defaults(
    catalog: Catalog, issuer: str, scope: tuple[str, ...], allowed: tuple[str, ...], granted: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """``granted``: the scope of the grant, where the token request may have named what that only implies."""
    audience: dict[str, None] = {}
    for token in scope:
        if token in OIDC_SCOPES:
            continue
        below = bool(granted) and token not in granted
        rule = catalog.default_for(token, allowed, granted if below else ())
        if rule is None:
            raise invalid_scope("the scope is not known", "scope_unknown")
        audience[rule.uri] = None
    # RFC 9068 3: "If a 'scope' parameter is present in the request, the authorization server SHOULD use it to infer the
    # value of the default resource indicator to be used in the 'aud' claim." openid is a scope of our own UserInfo endpoint.
    if not audience or "openid" in scope:
        audience[issuer] = None
    return tuple(audience)
