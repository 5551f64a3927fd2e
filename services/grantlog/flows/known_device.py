"""The device cookie: this browser has logged in to this account before, so nobody locks its user out of it from afar."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hmac import compare_digest

from grantlog.core.identifiers import StreamId
from grantlog.flows.service import Service

NOISE_BYTES = 16
_DEVICE_BYTES = NOISE_BYTES + 32


def known_device(service: Service, account: StreamId | None, cookie: str | None) -> bytes | None:
    """What names the device, where its cookie proves that it has logged in to this account before."""
    if account is None or cookie is None:
        return None
    try:
        raw = urlsafe_b64decode(cookie)
    except (Base64Error, ValueError):
        return None
    noise = raw[:NOISE_BYTES]
    if len(raw) != _DEVICE_BYTES or not compare_digest(cookie.encode(), device_text(service, account, noise).encode()):
        return None
    return noise


def device_text(service: Service, account: StreamId, noise: bytes) -> str:
    """A device cookie: it tells nobody whose it is, and only for its account does it prove anything."""
    proof = service.ports.secrets.keyed_hash("device cookie", account.bytes + noise)
    return urlsafe_b64encode(noise + proof).decode()


def failures_of(account: StreamId, noise: bytes | None) -> str:
    """What failures on an account are counted under: a device that is known to it has a bucket of its own."""
    return str(account) if noise is None else f"device:{noise.hex()}"
