"""How a client secret is written: ``<prefix>_cs_``, base64url of 32 random bytes, and 6 characters of a CRC-32.
A registration access token (RFC 7592) is written the same way, with ``rg``.

A secret scanner recognises it off-line by its prefix and checksum. The server reads nothing from it: it stores and compares
the SHA-256 of the whole text, because RFC 6749 section 2.3.1 makes a secret any string.
"""

from base64 import urlsafe_b64encode

from grantlog.core.protocol.token_text import checksum

SECRET_BYTES = 32
LETTERS = "cs"
REGISTRATION_LETTERS = "rg"


def write_client_secret(secret: bytes, prefix: str) -> str:
    """The text of 32 secret bytes: 43 characters and the checksum behind the prefix."""
    return _write(secret, f"{prefix}_{LETTERS}_")


def write_registration_token(secret: bytes, prefix: str) -> str:
    """The text of a registration access token of 32 secret bytes."""
    return _write(secret, f"{prefix}_{REGISTRATION_LETTERS}_")


def _write(secret: bytes, start: str) -> str:
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret has {SECRET_BYTES} bytes")
    text = urlsafe_b64encode(secret).rstrip(b"=").decode()
    return f"{start}{text}{checksum(text)}"
