"""From a presented access or refresh token to its place on the log: by its own bytes, without I/O."""

from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from hashlib import sha256
from json import loads

from grantlog.core.protocol.token_text import Handle, Kind, read, read_handle
from grantlog.flows.recent_tokens import Located, key_of
from grantlog.flows.service import Service

__all__ = ["Located", "locate"]

JWT_LIMIT = 32_768
"""Authorization details (RFC 9396) may take 16 KiB of a JWT of ours, in base64url a third more."""


def locate(service: Service, text: str) -> Located | None:
    """Where the token stands; None for anything that is not one of ours. Never raises."""
    key = key_of(text)
    known = service.recent.recall(key)
    if known is not None:
        return known
    found = _read(service, text)
    if found is not None:
        service.recent.remember(key, found)
    return found


def _read(service: Service, text: str) -> Located | None:
    keys, prefix = service.ports.secrets.token_mac_keys(), service.policy.token_prefix
    if text.startswith(f"{prefix}_"):
        kind = Kind.REFRESH if text.startswith(f"{prefix}_{Kind.REFRESH.letters}_") else Kind.ACCESS
        presented = read(text, kind, keys, prefix)
        return None if presented is None else Located(presented.handle, sha256(presented.secret).digest())
    if text.count(".") == 2 and len(text) <= JWT_LIMIT:
        handle = _handle_in_jwt(text, keys)
        return None if handle is None else Located(handle, sha256(text.encode()).digest())
    return None


def _handle_in_jwt(text: str, keys: Sequence[bytes]) -> Handle | None:
    """The handle in ``jti``. No signature is verified: the family holds the hash of the whole JWT."""
    try:
        payload = text.split(".")[1]
        claims = loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (Base64Error, ValueError, RecursionError):
        return None
    jti = claims.get("jti") if isinstance(claims, dict) else None
    return read_handle(jti, Kind.JWT, keys) if isinstance(jti, str) else None
