"""A family as the projection holds it: plain values, as few bytes of msgpack as they can be.

``pack`` and ``unpack`` are exact inverses but for the truncated token hashes. The adapter turns the tuple into msgpack
and, reading, lets the type ``Packed`` check its shape; what a type cannot tell is checked here. Nothing is ever guessed.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from grantlog.core.decision import GateKind, Stamp
from grantlog.core.grant.events import AccessToken, Profile
from grantlog.core.grant.standing import Family
from grantlog.core.identifiers import ClientId

CODEC: Final = 1
"""The version of this layout. A reader that meets another asks PostgreSQL."""

HASH_BYTES: Final = 16
"""Of a token's SHA-256 the projection keeps so much."""

Text = str | bytes
"""A text, or the 16 bytes of a UUID, or the 32 bytes of a base64url value of 43 characters."""

PackedStamp = tuple[int, int | Text, int]
"""Number of the gate's kind; its id, or 0 for the subject and 1 for the client; epoch."""

PackedProfile = tuple[str, tuple[str, ...]]
"""Scope, separated by blanks (RFC 6749 section 3.3); audience."""

PackedToken = tuple[bytes, int, int, int, Text | None]
"""Truncated hash, expiry (NumericDate), lifetime in seconds, index of the profile, signing key."""

Packed = tuple[int, int, Text, Text, tuple[PackedStamp, ...], tuple[PackedProfile, ...], tuple[PackedToken, ...]]
"""Codec, version, client, subject, stamps, profiles, tokens."""

_GATE_KINDS: Final[tuple[GateKind, ...]] = ("account", "session", "client", "resource", "key", "tenant")
"""Their order is part of the layout: add at the end only."""

_SUBJECT, _CLIENT = 0, 1


class UnreadableFamilyError(Exception):
    """The projection holds what this program cannot read: it must ask PostgreSQL."""


def pack(family: Family) -> Packed:
    """The family as plain values. One without tokens is a tombstone: only its version matters."""
    profiles = tuple(dict.fromkeys(token.profile for token in family.tokens))
    return (
        CODEC,
        family.version,
        _squeeze(family.client_id),
        _squeeze(family.subject),
        tuple(_pack_stamp(stamp, family) for stamp in family.stamps),
        tuple((" ".join(profile.scope), profile.audience) for profile in profiles),
        tuple(_pack_token(token, profiles) for token in family.tokens),
    )


def unpack(packed: Packed) -> Family:
    """The family that ``pack`` was given, its token hashes truncated. Raises UnreadableFamilyError."""
    if packed[0] != CODEC:
        raise UnreadableFamilyError(f"codec {packed[0]} is not known here")
    _, version, packed_client, packed_subject, stamps, packed_profiles, tokens = packed
    client_id, subject = _stretch(packed_client), _stretch(packed_subject)
    profiles = tuple(Profile(scope=tuple(scope.split()), audience=audience) for scope, audience in packed_profiles)
    return Family(
        version,
        ClientId(client_id),
        subject,
        tuple(_unpack_stamps(stamps, subject, client_id)),
        tuple(_unpack_tokens(tokens, profiles)),
    )


def _pack_stamp(stamp: Stamp, family: Family) -> PackedStamp:
    name: int | Text
    if stamp.id == family.subject:
        name = _SUBJECT
    elif stamp.id == family.client_id:
        name = _CLIENT
    else:
        name = _squeeze(stamp.id)
    return (_GATE_KINDS.index(stamp.kind), name, stamp.epoch)


def _unpack_stamps(stamps: Iterable[PackedStamp], subject: str, client_id: str) -> Iterable[Stamp]:
    for kind, name, epoch in stamps:
        if not 0 <= kind < len(_GATE_KINDS):
            raise UnreadableFamilyError(f"gate kind {kind} is not known here")
        if isinstance(name, int):
            if name not in {_SUBJECT, _CLIENT}:
                raise UnreadableFamilyError(f"name {name} of a stamp is not known here")
            yield Stamp(_GATE_KINDS[kind], subject if name == _SUBJECT else client_id, epoch)
        else:
            yield Stamp(_GATE_KINDS[kind], _stretch(name), epoch)


def _pack_token(token: AccessToken, profiles: Sequence[Profile]) -> PackedToken:
    return (
        token.hash[:HASH_BYTES],
        token.expires_at,
        token.expires_at - token.issued_at,
        profiles.index(token.profile),
        None if token.kid is None else _squeeze(token.kid),
    )


def _unpack_tokens(tokens: Iterable[PackedToken], profiles: Sequence[Profile]) -> Iterable[AccessToken]:
    for token_hash, expires_at, lifetime, profile, kid in tokens:
        # A shorter hash would be compared by fewer bytes: an empty one would equal every token.
        if len(token_hash) != HASH_BYTES or not 0 <= profile < len(profiles):
            raise UnreadableFamilyError("a token is damaged")
        yield AccessToken(
            hash=token_hash,
            issued_at=expires_at - lifetime,
            expires_at=expires_at,
            profile=profiles[profile],
            kid=None if kid is None else _stretch(kid),
        )


def _squeeze(text: str) -> Text:
    """The bytes behind a canonical UUID or a base64url value of 32 bytes; any other text as it is."""
    if len(text) == 36:
        try:
            value = UUID(text)
        except ValueError:
            return text
        return value.bytes if str(value) == text else text
    if len(text) == 43 and text.isascii():
        try:
            raw = urlsafe_b64decode(text + "=")
        except ValueError:
            return text
        return raw if _base64url(raw) == text else text
    return text


def _stretch(text: Text) -> str:
    if isinstance(text, str):
        return text
    if len(text) == 16:
        digits = text.hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    if len(text) == 32:
        return _base64url(text)
    raise UnreadableFamilyError("a text is damaged")


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
