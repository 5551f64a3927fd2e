"""The ``claims`` parameter (OpenID Connect Core section 5.5): bounded, and what of it decides whether a request succeeds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grantlog.core.protocol.errors import invalid_request
from grantlog.core.protocol.jwt_text import MalformedJwtError, read_object

LENGTH_LIMIT = 8192
VALUES_LIMIT = 16
MEMBERS = ("userinfo", "id_token")


@dataclass(frozen=True, slots=True)
class RequestedClaims:
    """``text``: compact JSON with the members ``userinfo`` and ``id_token`` and nothing else; empty: none was sent."""

    text: str = ""
    essential_acr: tuple[str, ...] = ()
    """One of them, or the request fails (section 5.5.1.1)."""
    acr_values: tuple[str, ...] = ()
    """Those that would be nice."""
    subject: str | None = None
    """Who has to be logged in (section 5.5.1, ``value`` of ``sub``)."""


def parse(text: str | None) -> RequestedClaims:
    """What a request asks for. Raises invalid_request."""
    if text is None:
        return RequestedClaims()
    if len(text) > LENGTH_LIMIT:
        raise invalid_request("claims is too long", "claims_too_long")
    try:
        found = read_object(text.encode())
    except MalformedJwtError as malformed:
        raise invalid_request("claims must be a JSON object", f"claims_{malformed.reason}") from None
    # OIDC Core 5.5: "Other members MAY be present. Any members used that are not understood MUST be ignored."
    kept = {name: _entries(found[name]) for name in MEMBERS if found.get(name) is not None}
    identity = kept.get("id_token", {})
    acr, subjects = identity.get("acr"), {_subject(entries.get("sub")) for entries in kept.values()} - {None}
    if len(subjects) > 1:
        raise invalid_request("claims names two different people", "claims_subjects_differ")
    values = () if acr is None else _texts(acr)
    essential = acr is not None and acr.get("essential") is True
    compact = json.dumps(kept, separators=(",", ":"), ensure_ascii=False)
    return RequestedClaims(
        compact,
        values if essential else (),
        () if essential else values,
        next(iter(subjects), None),
    )


def _entries(member: object) -> dict[str, Mapping[str, Any] | None]:
    if not isinstance(member, dict):
        raise _malformed("claims_member")
    for asked in member.values():
        # OIDC Core 5.5.1: "null [...] or a JSON object with the following members"
        if asked is None:
            continue
        if not isinstance(asked, dict) or not isinstance(asked.get("essential", False), bool):
            raise _malformed("claims_entry")
        values = asked.get("values", [])
        if not isinstance(values, list) or len(values) > VALUES_LIMIT:
            raise _malformed("claims_values")
    return member


def _texts(asked: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes that a request for ``acr`` names, by ``value`` or ``values``."""
    values = [asked["value"]] if "value" in asked else asked.get("values", [])
    if not all(isinstance(value, str) for value in values):
        raise _malformed("claims_acr")
    return tuple(dict.fromkeys(values))


def _subject(asked: Mapping[str, Any] | None) -> str | None:
    if asked is None or "value" not in asked:
        return None
    value = asked["value"]
    if not isinstance(value, str):
        raise _malformed("claims_sub")
    return value


def _malformed(reason: str) -> Exception:
    return invalid_request("claims has an entry that is malformed", reason)
