"""Scopes (RFC 6749 section 3.3)."""

import re
from collections.abc import Collection, Iterable, Mapping

from grantlog.core.protocol.errors import ProtocolError

LENGTH_LIMIT = 2048
TOKENS_LIMIT = 64
OFFLINE_ACCESS = "offline_access"
OIDC_SCOPES = ("openid", "profile", "email", "address", "phone", OFFLINE_ACCESS)
"""OpenID Connect Core sections 5.4 and 11. They ask for claims or a refresh token, and belong to no resource."""

# RFC 6749 3.3: "scope = scope-token *( SP scope-token )", "scope-token = 1*( %x21 / %x23-5B / %x5D-7E )"
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*")


def parse(text: str | None) -> tuple[str, ...]:
    """The scope tokens in their order, each once; none where there is no text. Raises invalid_scope."""
    if text is None:
        return ()
    if len(text) > LENGTH_LIMIT or _SCOPE.fullmatch(text) is None:
        raise invalid_scope("scope is malformed", "scope_malformed")
    tokens = tuple(dict.fromkeys(text.split(" ")))
    if len(tokens) > TOKENS_LIMIT:
        raise invalid_scope("scope names too many", "scope_too_long")
    return tokens


def write(tokens: Iterable[str]) -> str:
    """The text of a scope."""
    return " ".join(tokens)


def implied(tokens: Iterable[str], implies: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """``tokens``, then whatever they hold by the hierarchy ``implies``, each once. A cycle says nothing new."""
    found = dict.fromkeys(tokens)
    todo = list(found)
    while todo:
        held = [token for token in implies.get(todo.pop(0), ()) if token not in found]
        found.update(dict.fromkeys(held))
        todo.extend(held)
    return tuple(found)


def within(requested: tuple[str, ...], allowed: Collection[str]) -> tuple[str, ...]:
    """``requested``, if all of it is allowed. Raises invalid_scope."""
    # RFC 6749 6: "The requested scope MUST NOT include any scope not originally granted by the resource owner"
    if any(token not in allowed for token in requested):
        raise invalid_scope("scope exceeds what is allowed", "scope_exceeded")
    return requested


def invalid_scope(description: str, reason: str) -> ProtocolError:
    """RFC 6749 section 5.2: "invalid, unknown, malformed, or exceeds the scope granted by the resource owner"."""
    return ProtocolError("invalid_scope", description, reason)
