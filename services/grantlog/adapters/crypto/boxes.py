"""Boxes: authenticated encryption under the root key list, and the one format of all that is sealed and wrapped.

``format (1) ‖ root key name (4) ‖ nonce (12) ‖ AES-256-GCM ciphertext and tag``. Every box has a key of its own,
derived from the root key, the label, the context and (for seals) a secret as salt, so that boxes share no nonce budget.
"""

from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from grantlog.adapters.crypto.root_keys import ID_BYTES, RootKeys, derive

_FORMAT = b"\x01"
_NONCE_BYTES = 12
_HEAD_BYTES = len(_FORMAT) + ID_BYTES
_TAG_BYTES = 16
_SMALLEST = _HEAD_BYTES + _NONCE_BYTES + _TAG_BYTES


def close_box(root: RootKeys, label: str, context: bytes, plaintext: bytes, *, salt: bytes | None = None) -> bytes:
    """Closes ``plaintext`` under the newest root key; whoever opens it must name the same label, context and salt."""
    head = _FORMAT + root.newest_id
    nonce = urandom(_NONCE_BYTES)
    key = derive(root.newest, label, context, salt=salt)
    return head + nonce + AESGCM(key).encrypt(nonce, plaintext, head)


def open_box(root: RootKeys, label: str, context: bytes, box: bytes, *, salt: bytes | None = None) -> bytes | None:
    """The plaintext; None where label, context, salt or box do not fit, or the root key is not listed. Never raises."""
    if len(box) < _SMALLEST or box[:1] != _FORMAT:
        return None
    head, nonce, sealed = (
        box[:_HEAD_BYTES],
        box[_HEAD_BYTES : _HEAD_BYTES + _NONCE_BYTES],
        box[_HEAD_BYTES + _NONCE_BYTES :],
    )
    key = root.named(head[1:])
    if key is None:
        return None
    try:
        return AESGCM(derive(key, label, context, salt=salt)).decrypt(nonce, sealed, head)
    except InvalidTag:
        return None


def is_newest(root: RootKeys, box: bytes) -> bool:
    """Whether a box is closed under the newest root key."""
    return box[:_HEAD_BYTES] == _FORMAT + root.newest_id


def wrap(root: RootKeys, purpose: str, name: bytes, key: bytes) -> bytes:
    """Wraps a key for storage. It opens only for the same purpose (``signing``) and name (the ``kid``)."""
    return close_box(root, "wrap", purpose.encode() + b"\x00" + name, key)


def unwrap(root: RootKeys, purpose: str, name: bytes, box: bytes) -> bytes | None:
    """A wrapped key; None where purpose, name, box or root keys do not fit."""
    return open_box(root, "wrap", purpose.encode() + b"\x00" + name, box)
