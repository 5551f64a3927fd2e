"""Subject identifiers (OpenID Connect Core section 8), in namespaces that no client id can lie in.

- a person, public: the account's id, a UUID in its canonical 36 characters;
- a person, pairwise: base64url of 32 bytes, 43 characters;
- a client that asks for itself: its client id (RFC 9068 section 2.2), which is neither.
"""

import re
from base64 import urlsafe_b64encode

LABEL = "subject.pairwise"
"""Under this label the keyed hash of ``pairwise_input`` is computed."""

_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_HASH = re.compile(r"[A-Za-z0-9_-]{43}=?")


def pairwise_input(sector: str, account: str) -> bytes:
    """What a pairwise subject is the keyed hash of. No sector holds a NUL."""
    # OIDC Core 8.1: "The Sector Identifier can be concatenated with a local account ID and a salt value that is kept secret"
    return f"{sector}\0{account}".encode()


def pairwise(keyed_hash: bytes) -> str:
    """The pairwise subject (OpenID Connect Core section 8.1) of a keyed hash of 32 bytes."""
    return urlsafe_b64encode(keyed_hash).rstrip(b"=").decode()


def is_of_a_person(text: str) -> bool:
    """Whether a text has the form of a person's subject: no client may be called like this."""
    return _UUID.fullmatch(text) is not None or _HASH.fullmatch(text) is not None
