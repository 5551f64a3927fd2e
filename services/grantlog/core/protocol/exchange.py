"""Token exchange (RFC 8693): what is asked for, who may have it, and who is said to act."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from grantlog.core.protocol import resource
from grantlog.core.protocol.errors import ProtocolError, invalid_request
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.resource import Catalog, Choice, invalid_target
from grantlog.core.protocol.scope import OIDC_SCOPES, invalid_scope, parse
from grantlog.core.protocol.supported import TOKEN_EXCHANGE

GRANT_TYPE: Final = TOKEN_EXCHANGE
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
MAY_ACT: Final = "may_act"
TARGETS_LIMIT: Final = resource.RESOURCES_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request of RFC 8693 section 2.1. Nothing in it is proven. Its tokens are not printed."""

    subject_token: str = field(repr=False)
    subject_is_jwt: bool
    actor_token: str | None = field(repr=False)
    actor_is_jwt: bool
    resources: tuple[str, ...]
    audiences: tuple[str, ...]
    scope: tuple[str, ...]


def read_request(parameters: Parameters) -> Asked:
    """Raises invalid_request, invalid_target, invalid_scope."""
    # RFC 8693 2.1: "requested_token_type: OPTIONAL"; nothing but access tokens is issued here
    if parameters.get("requested_token_type") not in {None, ACCESS_TOKEN}:
        raise invalid_request("only access tokens are issued", "exchange_requested_type")
    actor, actor_type = parameters.get("actor_token"), parameters.get("actor_token_type")
    # RFC 8693 2.1: "actor_token_type: [...] This is REQUIRED when the actor_token parameter is present in the request but
    # MUST NOT be included otherwise."
    if (actor is None) != (actor_type is None):
        raise invalid_request("actor_token and actor_token_type come together", "exchange_actor_type_missing")
    resources, audiences = parameters.all("resource"), parameters.all("audience")
    if len(resources) + len(audiences) > TARGETS_LIMIT:
        raise invalid_target("too many targets", "exchange_targets")
    return Asked(
        subject_token=parameters.require("subject_token"),
        subject_is_jwt=_is_jwt(parameters.require("subject_token_type")),
        actor_token=actor,
        actor_is_jwt=actor_type is not None and _is_jwt(actor_type),
        resources=resources,
        audiences=audiences,
        scope=parse(parameters.get("scope")),
    )


def _is_jwt(kind: str) -> bool:
    # RFC 8693 3: refresh tokens, ID tokens and SAML assertions have types of their own, and none of them is taken
    if kind not in {ACCESS_TOKEN, JWT}:
        raise invalid_request("the type of a token is not supported", "exchange_token_type")
    return kind == JWT


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the subject token may do, and what the grant that it comes from was limited to (none: nothing)."""

    scope: tuple[str, ...]
    audience: tuple[str, ...]
    granted: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """What the client that asks was registered for; ``resources`` none: all that are configured."""

    scope: tuple[str, ...]
    resources: tuple[str, ...]
    own: bool
    """Whether the subject token was issued to this very client."""


def choose(
    catalog: Catalog, issuer: str, held: Held, requester: Requester, scope: tuple[str, ...], targets: tuple[str, ...]
) -> Choice:
    """Scope and audience of the new token: never more than the subject token holds, nor than the client may have.

    ``targets``: the resources asked for; none means those of the subject token. Raises invalid_scope, invalid_target.
    """
    have = catalog.holds(held.scope, held.audience)
    may = catalog.holds(requester.scope, ())
    # RFC 8693 2.2.2 with RFC 6749 5.2: a scope that "exceeds the scope granted by the resource owner"
    if any(token not in have or token not in may for token in scope):
        raise invalid_scope("scope exceeds what the subject token holds or the client may have", "exchange_scope")
    if not targets:
        targets = tuple(
            uri
            for uri in held.audience
            if catalog.find(uri) is not None and (not requester.resources or uri in requester.resources)
        )
    elif any(not _may_reach(uri, held, requester) for uri in targets):
        # RFC 8693 2.2.2: "If the authorization server is unwilling or unable to issue a token for any target service
        # indicated by the resource or audience parameters, the invalid_target error code SHOULD be used"
        raise invalid_target("the subject token does not reach this target", "exchange_target_widened")
    wanted = scope or _default_scope(catalog, held, may, targets)
    if not wanted:
        raise invalid_scope("nothing of the subject token's scope is left", "exchange_scope_empty")
    if not targets and any(token not in OIDC_SCOPES for token in wanted):
        raise invalid_target("the client may not ask for the subject token's resources", "exchange_no_target")
    return resource.choose(catalog, issuer, wanted, targets, requester.resources)


def _may_reach(uri: str, held: Held, requester: Requester) -> bool:
    """A grant that was limited to resources stays so: only another service goes further, to what it was registered for."""
    return not held.granted or uri in held.granted or (not requester.own and uri in requester.resources)


def _default_scope(catalog: Catalog, held: Held, may: tuple[str, ...], targets: tuple[str, ...]) -> tuple[str, ...]:
    rules = [rule for rule in (catalog.find(uri) for uri in targets) if rule is not None]
    common = tuple(token for token in held.scope if token in may)
    if not rules:
        return common
    # whoever wants to know who the user is asks for openid
    return tuple(token for token in common if any(token in rule.scopes for rule in rules))


def acting(previous: str, actor: str, limit: int) -> str:
    """``act`` (RFC 8693 section 4.1) with one more actor in front, as JSON. Raises invalid_request above ``limit`` actors."""
    chain: dict[str, Any] | None = json.loads(previous) if previous else None
    # RFC 8693 4.1: "A chain of delegation can be expressed by nesting one act claim within another. The outermost act claim
    # represents the current actor while nested act claims represent prior actors."
    act: dict[str, Any] = {"sub": actor} if chain is None else {"sub": actor, "act": chain}
    if _actors(act) > limit:
        raise invalid_request("too many actors follow each other", "exchange_depth")
    return json.dumps(act, separators=(",", ":"))


def _actors(act: dict[str, Any] | None) -> int:
    count = 0
    while isinstance(act, dict):
        count, act = count + 1, act.get("act")
    return count


def check_may_act(attributes: str, actor: str, client_id: str, issuer: str) -> None:
    """RFC 8693 section 4.4: where the subject token says who may act for its subject, nobody else may. Raises invalid_request.

    ``attributes``: those of the subject token's profile, as JSON.
    """
    allowed = may_act_of(attributes)
    if allowed is None:
        return
    acts: dict[str, tuple[str, ...]] = {"sub": (actor,), "client_id": (client_id,), "iss": (issuer,)}
    # a member that we do not understand could forbid anything; and one that names nobody allows nobody
    if not allowed.keys() & {"sub", "client_id"} or any(
        value not in acts.get(name, ()) for name, value in allowed.items()
    ):
        raise invalid_request("the actor may not act for the subject", "exchange_may_act")


def may_act_of(attributes: str) -> dict[str, Any] | None:
    """``may_act`` of a profile's attributes; None where it says nothing."""
    found: dict[str, Any] | None = json.loads(attributes).get(MAY_ACT) if attributes else None
    return found


def with_may_act(attributes: str, may_act: dict[str, Any] | None) -> str:
    """Attributes that say who may act as well: what is exchanged stays under the same word."""
    if may_act is None:
        return attributes
    members = json.loads(attributes) if attributes else {}
    return json.dumps({**members, MAY_ACT: may_act}, separators=(",", ":"), ensure_ascii=False)


def invalid_subject(reason: str) -> ProtocolError:
    """RFC 8693 section 2.2.2: one answer for every subject or actor token that does not count."""
    # RFC 8693 2.2.2: "if either the subject_token or actor_token are invalid for any reason, or are unacceptable based on
    # policy, the authorization server MUST construct an error response [...]. The value of the error parameter MUST be the
    # invalid_request error code."
    return invalid_request("a token of the exchange is not valid or not acceptable", reason)
