"""A family as the projection holds it: plain values, as few bytes of msgpack as they can be.

``pack`` and ``unpack`` are exact inverses but for the truncated token hashes. The adapter turns the tuple into msgpack
and, reading, lets the type ``Packed`` check its shape; what a type cannot tell is checked here, and nothing is guessed.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal
from uuid import UUID

from grantlog.core.decision import GateKind, Stamp
from grantlog.core.grant.events import AccessToken, Confirmation, Profile
from grantlog.core.grant.standing import Family, Login
from grantlog.core.identifiers import ClientId

CODEC: Final = 2
"""The version of this layout. A reader that meets another asks PostgreSQL."""

HASH_BYTES: Final = 16
"""Of a token's SHA-256 the projection keeps so much."""

Packed = tuple[
    int,
    int,
    tuple[object, ...],
    tuple[int, ...],
    tuple[tuple[str, tuple[str, ...]], ...],
    tuple[tuple[bytes, int, int, int, int], ...],
    Login | None,
    tuple[tuple[int, str, str, str], ...],
]
"""What the projection stores:

- codec and version;
- texts: client, subject (nil: the client itself), then every other id and thumbprint named below, as ``_squeeze`` leaves it;
- stamps, two numbers each: epoch, and 8 x index of the id's text + number of the gate's kind;
- profiles: scope, separated by blanks (RFC 6749 section 3.3), and audience;
- tokens: truncated hash, expiry (NumericDate), lifetime in seconds, index of the profile, and 1 + index of the signing key's text
  (0: it has none);
- how the user authenticated; nil: nobody did;
- what the profiles say besides, in their order (empty: nothing at all): what the sender has to prove (0: nothing; else
  1 + 2 x index of the thumbprint's text + number of the method), then details, actor and attributes as JSON.
"""

_METHODS: Final[tuple[Literal["jkt", "x5t#S256"], ...]] = ("jkt", "x5t#S256")
"""Their order is part of the layout."""

_GATE_KINDS: Final[tuple[GateKind, ...]] = (
    "account",
    "session",
    "client",
    "resource",
    "key",
    "tenant",
    "family",
    "consent",
)
"""Their order is part of the layout: add at the end only, and 8 at most."""

_KINDS_STRIDE: Final = 8


class UnreadableFamilyError(Exception):
    """The projection holds what this program cannot read: it must ask PostgreSQL."""


def pack(family: Family) -> Packed:
    """The family as plain values. One without tokens is a tombstone: only its version matters."""
    named = (stamp.id for stamp in family.stamps)
    keys = (token.kid for token in family.tokens if token.kid is not None)
    profiles = tuple(dict.fromkeys(token.profile for token in family.tokens))
    proofs = (profile.confirmation.thumbprint for profile in profiles if profile.confirmation is not None)
    others = dict.fromkeys(text for text in (*named, *keys, *proofs) if text not in {family.client_id, family.subject})
    texts = (family.client_id, family.subject, *others)
    subject = None if family.subject == family.client_id else _squeeze(family.subject)
    extras = tuple(_pack_extras(profile, texts) for profile in profiles)
    return (
        CODEC,
        family.version,
        (_squeeze(family.client_id), subject, *(_squeeze(text) for text in others)),
        tuple(number for stamp in family.stamps for number in _pack_stamp(stamp, texts)),
        tuple((" ".join(profile.scope), profile.audience) for profile in profiles),
        tuple(
            (
                token.hash[:HASH_BYTES],
                token.expires_at,
                token.expires_at - token.issued_at,
                profiles.index(token.profile),
                0 if token.kid is None else 1 + texts.index(token.kid),
            )
            for token in family.tokens
        ),
        family.login,
        extras if any(each != _NO_EXTRAS for each in extras) else (),
    )


def unpack(packed: Packed) -> Family:
    """The family that ``pack`` was given, its token hashes truncated. Raises UnreadableFamilyError."""
    codec, version, squeezed, stamps, packed_profiles, tokens, login, extras = packed
    if codec != CODEC:
        raise UnreadableFamilyError(f"codec {codec} is not known here")
    if squeezed[1:2] == (None,):
        squeezed = (squeezed[0], squeezed[0], *squeezed[2:])
    # Introspection reads this: lists are made faster than what iterates over a generator.
    texts = [text if isinstance(text, str) else _stretch(text) for text in squeezed]
    profiles = [_profile(scope, audience) for scope, audience in packed_profiles]
    try:
        if extras:
            pairs = zip(profiles, extras, strict=True)
            profiles = [_with_extras(profile, extra, texts) for profile, extra in pairs]
        numbers = zip(stamps[::2], stamps[1::2], strict=True)
        return Family(
            version,
            ClientId(texts[0]),
            texts[1],
            tuple([_unpack_stamp(epoch, code, texts) for epoch, code in numbers]),
            tuple([_unpack_token(token, texts, profiles) for token in tokens]),
            login,
        )
    except (IndexError, ValueError) as damage:
        raise UnreadableFamilyError("a family is damaged") from damage


def _pack_stamp(stamp: Stamp, texts: Sequence[str]) -> tuple[int, int]:
    return (stamp.epoch, texts.index(stamp.id) * _KINDS_STRIDE + _GATE_KINDS.index(stamp.kind))


@lru_cache(maxsize=4096)
def _profile(scope: str, audience: tuple[str, ...]) -> Profile:
    """Profiles are few and every family names some: reading one again costs nothing."""
    return Profile(scope=tuple(scope.split()), audience=audience)


_NO_EXTRAS: Final = (0, "", "", "")


def _pack_extras(profile: Profile, texts: Sequence[str]) -> tuple[int, str, str, str]:
    proof, code = profile.confirmation, 0
    if proof is not None:
        code = 1 + texts.index(proof.thumbprint) * len(_METHODS) + _METHODS.index(proof.method)
    return (code, profile.details, profile.actor, profile.attributes)


def _with_extras(plain: Profile, extras: tuple[int, str, str, str], texts: Sequence[str]) -> Profile:
    code, details, actor, attributes = extras
    if code < 0:
        raise ValueError("a confirmation is damaged")
    proof = None
    if code:
        place, method = divmod(code - 1, len(_METHODS))
        proof = Confirmation(method=_METHODS[method], thumbprint=texts[place])
    return Profile(
        scope=plain.scope,
        audience=plain.audience,
        confirmation=proof,
        details=details,
        actor=actor,
        attributes=attributes,
    )


def _unpack_stamp(epoch: int, code: int, texts: Sequence[str]) -> Stamp:
    # Python would read a negative index from the end.
    if code < 0:
        raise ValueError("a stamp is damaged")
    return Stamp(_GATE_KINDS[code % _KINDS_STRIDE], texts[code // _KINDS_STRIDE], epoch)


def _unpack_token(
    token: tuple[bytes, int, int, int, int], texts: Sequence[str], profiles: Sequence[Profile]
) -> AccessToken:
    token_hash, expires_at, lifetime, profile, kid = token
    # A shorter hash would be compared by fewer bytes: an empty one would equal every token.
    if len(token_hash) != HASH_BYTES or profile < 0 or kid < 0:
        raise ValueError("a token is damaged")
    return AccessToken(
        hash=token_hash,
        issued_at=expires_at - lifetime,
        expires_at=expires_at,
        profile=profiles[profile],
        kid=texts[kid - 1] if kid else None,
    )


def _squeeze(text: str) -> str | bytes:
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


def _stretch(text: object) -> str:
    if isinstance(text, bytes) and len(text) == 16:
        digits = text.hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    if isinstance(text, bytes) and len(text) == 32:
        return _base64url(text)
    raise UnreadableFamilyError("a text is damaged")


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
