"""Claims about a person (OpenID Connect Core section 5): which there are, who asked for which, and what is told.

An account's profile is an object of them, and of ``roles``, ``groups`` and ``entitlements`` (RFC 9068 section 2.2.3.1), which
are for resource servers and never for UserInfo.
"""

from collections.abc import Mapping, Sequence
from json import dumps, loads
from typing import Any

SCOPE_CLAIMS: Mapping[str, tuple[str, ...]] = {
    # OIDC Core 5.4
    "profile": (
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}
STANDARD = tuple(claim for claims in SCOPE_CLAIMS.values() for claim in claims)
"""OpenID Connect Core section 5.1, without ``sub``."""
ATTRIBUTES = ("roles", "groups", "entitlements")
ADDRESS = ("formatted", "street_address", "locality", "region", "postal_code", "country")
"""OpenID Connect Core section 5.1.1."""
USERNAME = "username"
"""What the person logs in with: ours, no claim."""

TEXT_LIMIT = 1024
LIST_LIMIT = 100
_TRUTHS = frozenset({"email_verified", "phone_number_verified"})
_LARGEST = 2**53


def check_profile(profile: Mapping[str, Any]) -> dict[str, Any]:
    """The claims of an account, each of its own type. Raises ValueError, which names the claim and never its value."""
    for name, value in profile.items():
        if not _fits(name, value):
            raise ValueError(f"{name} is not a claim of an account, or this is no value for it")
    return dict(profile)


def _fits(name: str, value: object) -> bool:
    if name in _TRUTHS:
        return isinstance(value, bool)
    if name == "updated_at":
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST
    if name == "address":
        return isinstance(value, dict) and bool(value) and all(key in ADDRESS and _text(value[key]) for key in value)
    if name in ATTRIBUTES:
        return isinstance(value, list) and len(value) <= LIST_LIMIT and all(_text(each) for each in value)
    return (name in STANDARD or name == USERNAME) and _text(value)


def _text(value: object) -> bool:
    # OIDC Core 5.3.2: "If a Claim is not returned, that Claim Name SHOULD be omitted [...]; it SHOULD NOT be present with a
    # null or empty string value."
    return isinstance(value, str) and 0 < len(value) <= TEXT_LIMIT and "\x00" not in value


def standard_claims(profile: Mapping[str, Any]) -> dict[str, Any]:
    """What clients may be told of a profile: the standard claims; the user name as ``preferred_username``, if none is set."""
    told = {name: profile[name] for name in STANDARD if name in profile}
    if USERNAME in profile:
        told.setdefault("preferred_username", profile[USERNAME])
    return told


def requested(claims: str, member: str) -> Mapping[str, Any]:
    """The individual claims asked for at ``member`` (``userinfo`` or ``id_token``) of a ``claims`` parameter.

    ``claims`` is the parameter as it was checked when it came (OpenID Connect Core section 5.5), or empty.
    """
    if not claims:
        return {}
    asked: Mapping[str, Any] = loads(claims).get(member) or {}
    return asked


def scopes_of(claims: str) -> tuple[str, ...]:
    """The scopes that hold the claims asked for one by one: what the user consents to as if they had been asked for."""
    names = {*requested(claims, "userinfo"), *requested(claims, "id_token")}
    return tuple(scope for scope, held in SCOPE_CLAIMS.items() if not names.isdisjoint(held))


def within(claims: str, scope: Sequence[str]) -> str:
    """What is left of a ``claims`` parameter without the claims of every scope that is not in ``scope``."""
    refused = {name for value, held in SCOPE_CLAIMS.items() if value not in scope for name in held}
    if not claims or refused.isdisjoint({*requested(claims, "userinfo"), *requested(claims, "id_token")}):
        return claims
    kept = {
        member: {name: how for name, how in (asked or {}).items() if name not in refused}
        for member, asked in loads(claims).items()
    }
    return dumps(kept, separators=(",", ":"), ensure_ascii=False)


def told_by_scope(profile: Mapping[str, Any], scope: Sequence[str]) -> dict[str, Any]:
    """OpenID Connect Core section 5.4: the claims that the granted scopes ask for, as far as they are known."""
    names = {name for value in scope for name in SCOPE_CLAIMS.get(value, ())}
    return {name: value for name, value in standard_claims(profile).items() if name in names}


def told_by_request(profile: Mapping[str, Any], asked: Mapping[str, Any], allowed: Sequence[str]) -> dict[str, Any]:
    """OpenID Connect Core section 5.5: the claims asked for one by one, as far as they are known and have the value asked for.

    ``allowed``: the scopes that the client may have at all; what is in none of them it gets by no other way either. Section
    5.5.1: "the Authorization Server MUST NOT generate an error when Claims are not returned, whether they are Essential or
    Voluntary".
    """
    known = told_by_scope(profile, allowed)
    return {name: known[name] for name, how in asked.items() if name in known and _has_value(known[name], how)}


def _has_value(value: object, how: object) -> bool:
    """OpenID Connect Core section 5.5.1, ``value`` and ``values``."""
    if not isinstance(how, Mapping):
        return True
    if "value" in how:
        return bool(value == how["value"])
    values = how.get("values")
    return value in values if isinstance(values, list) else True


def attributes(profile: Mapping[str, Any]) -> str:
    """``roles``, ``groups`` and ``entitlements`` of a profile as compact JSON; empty where it has none of them."""
    held = {name: profile[name] for name in ATTRIBUTES if profile.get(name)}
    return dumps(held, separators=(",", ":")) if held else ""
