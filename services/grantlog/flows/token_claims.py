"""What an access token says beside scope and audience, as members of a JWT or of an introspection answer."""

from functools import lru_cache
from typing import Any

import msgspec

from grantlog.core.grant.events import Confirmation, Profile

_attributes = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def extra_claims(profile: Profile) -> dict[str, Any]:
    """``cnf`` (RFC 7800 section 3.1), ``act``, ``authorization_details``, and ``roles groups entitlements``.

    What is JSON already is spliced in as it stands, its members in their order (RFC 9396 section 7), parsed by nobody.
    """
    told: dict[str, Any] = {}
    if profile.confirmation is not None:
        told["cnf"] = cnf(profile.confirmation)
    if profile.actor:
        told["act"] = msgspec.Raw(profile.actor.encode())
    if profile.details:
        told["authorization_details"] = msgspec.Raw(profile.details.encode())
    if profile.attributes:
        told |= _members(profile.attributes)
    return told


def cnf(confirmation: Confirmation) -> dict[str, str]:
    """RFC 9449 section 6.1 (``jkt``) or RFC 8705 section 3.1 (``x5t#S256``)."""
    return {confirmation.method: confirmation.thumbprint}


@lru_cache(maxsize=4096)
def _members(text: str) -> dict[str, msgspec.Raw]:
    """Every token of an account carries the same text."""
    return _attributes(text)
