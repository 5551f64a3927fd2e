"""A family as the projection holds it: small, exact, and never guessed."""

from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, strategies
from tests.support.grants import ACCOUNT, READ, SESSION, access

from grantlog.core.decision import GateKind, Stamp
from grantlog.core.grant.events import AccessToken, Confirmation, Profile
from grantlog.core.grant.standing import Family, Login
from grantlog.core.identifiers import ClientId
from grantlog.projections.family import CODEC, HASH_BYTES, Packed, UnreadableFamilyError, pack, unpack

ID = ClientId("c-0A1b2C3d4E5f6G7h8I9j0K")
KID = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
STAMPS = (Stamp("account", str(ACCOUNT), 3), Stamp("session", str(SESSION), 0), Stamp("client", ID, 1))
JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
LOGIN = Login(1_760_000_000, "urn:grantlog:acr:pwd", ("pwd",))
DETAILS = '[{"type":"payment_initiation","locations":["https://example.com/payments"],"amount":{"b":"1","a":"2"}}]'
READ_WRITE = Profile(scope=("api:read", "api:write"), audience=("https://api.example.com/",))
TYPICAL = Family(7, ID, str(ACCOUNT), STAMPS, (access("a1", profile=READ_WRITE),))
LOGGED_IN = replace(TYPICAL, login=LOGIN)
BOUND = replace(
    READ_WRITE,
    confirmation=Confirmation(method="jkt", thumbprint=JKT),
    details=DETAILS,
    actor='{"sub":"service"}',
    attributes='{"roles":["admin"]}',
)
TOMBSTONE = replace(TYPICAL, tokens=())

GOLDEN = (
    "98020793b8632d304131623243336434453566364737683849396a304bc41001980f2c3a007abc8123456789abcdefc41001"
    "980f2c3b007abc9123456789abcdef960308001101029192b26170693a72656164206170693a777269746591b86874747073"
    "3a2f2f6170692e6578616d706c652e636f6d2f9195c410f55ff16f66f43360266b95db6f8fec01ce68e77a58cd02580000c090"
)

_decoder: msgspec.msgpack.Decoder[Packed] = msgspec.msgpack.Decoder(Packed)


def stored(family: Family) -> bytes:
    return msgspec.msgpack.encode(pack(family))


def read(blob: bytes) -> Family:
    return unpack(_decoder.decode(blob))


def truncated(family: Family) -> Family:
    return replace(family, tokens=tuple(replace(token, hash=token.hash[:HASH_BYTES]) for token in family.tokens))


def test_a_typical_family_with_one_token_takes_152_bytes_at_most() -> None:
    assert len(stored(TYPICAL)) <= 152


def test_a_family_of_a_user_with_one_token_takes_260_bytes_at_most() -> None:
    consent = Stamp("consent", JKT, 0)
    assert len(stored(replace(LOGGED_IN, stamps=(*STAMPS, consent)))) <= 260


def test_what_a_family_does_not_have_takes_a_byte_each() -> None:
    assert stored(TYPICAL)[-2:] == b"\xc0\x90"


def test_a_bound_token_beside_a_plain_one_costs_its_thumbprint_and_its_texts() -> None:
    bound = replace(READ_WRITE, confirmation=Confirmation(method="jkt", thumbprint=JKT))
    both = replace(TYPICAL, tokens=(*TYPICAL.tokens, access("a2", profile=bound)))
    plain = replace(TYPICAL, tokens=(*TYPICAL.tokens, access("a2", profile=READ)))
    assert len(stored(both)) - len(stored(plain)) <= 34 + 20 + 10


def test_a_client_credentials_family_takes_less() -> None:
    own = Family(1, ID, ID, STAMPS[2:], (access("a1", profile=READ_WRITE),))
    assert len(stored(own)) <= 120


def test_one_more_token_of_the_same_profile_takes_30_bytes_at_most() -> None:
    more = replace(TYPICAL, tokens=(*TYPICAL.tokens, access("a2", profile=READ_WRITE)))
    assert len(stored(more)) - len(stored(TYPICAL)) <= 30


def test_the_bytes_of_a_layout_never_change() -> None:
    """Golden: whoever changes the layout raises CODEC, or processes of two versions misread each other."""
    assert (CODEC, stored(TYPICAL).hex()) == (2, GOLDEN)


def test_a_family_comes_back_as_it_was_but_for_the_truncated_hashes() -> None:
    full = replace(
        TYPICAL,
        tokens=(*TYPICAL.tokens, access("a2", profile=READ, kid=KID), access("a3", profile=READ, kid="by-hand")),
    )
    assert read(stored(full)) == truncated(full)


@pytest.mark.parametrize("method", ["jkt", "x5t#S256"])
def test_what_binds_a_token_and_what_it_says_comes_back(method: Any) -> None:
    bound = replace(BOUND, confirmation=Confirmation(method=method, thumbprint=JKT))
    full = replace(LOGGED_IN, tokens=(*TYPICAL.tokens, access("a2", profile=bound), access("a3", profile=BOUND)))
    assert read(stored(full)) == truncated(full)


def test_a_child_and_a_consent_are_stamped_as_they_were() -> None:
    stamps = (*STAMPS, Stamp("family", str(SESSION), 0), Stamp("consent", JKT, 2))
    assert read(stored(replace(TYPICAL, stamps=stamps))).stamps == stamps


def test_a_tombstone_comes_back_without_tokens() -> None:
    assert read(stored(TOMBSTONE)) == TOMBSTONE


def texts() -> strategies.SearchStrategy[str]:
    """Texts of all kinds, and those that nearly look like something that takes fewer bytes."""
    return strategies.one_of(
        strategies.text(max_size=50).filter(_encodable),
        strategies.uuids().map(str),
        strategies.uuids().map(lambda value: str(value).upper()),
        strategies.binary(min_size=32, max_size=32).map(lambda raw: urlsafe_b64encode(raw).decode().rstrip("=")),
        strategies.text(alphabet="-_.AQagw09+/", min_size=43, max_size=43),
        strategies.text(alphabet="-0aF{}é", min_size=36, max_size=36),
        strategies.sampled_from(["", "x" * 16, "y" * 32, "é" * 43, "z" * 42 + "z"]),
    )


def _encodable(text: str) -> bool:
    return text.isprintable() and text.encode(errors="ignore").decode() == text


KINDS: tuple[GateKind, ...] = ("account", "session", "client", "resource", "key", "tenant", "family", "consent")
NUMBERS = strategies.integers(min_value=0, max_value=2**40)
SCOPES = strategies.lists(strategies.sampled_from(["openid", "api:read", "api:write"]), max_size=3, unique=True)


TEXTS = texts()
CONFIRMATIONS = strategies.builds(Confirmation, method=strategies.sampled_from(["jkt", "x5t#S256"]), thumbprint=TEXTS)
PROFILES = strategies.builds(
    Profile,
    scope=SCOPES.map(tuple),
    audience=strategies.lists(TEXTS, max_size=2).map(tuple),
    confirmation=strategies.none() | CONFIRMATIONS,
    details=strategies.just("") | TEXTS,
    actor=strategies.just("") | TEXTS,
    attributes=strategies.just("") | TEXTS,
)
LOGINS = strategies.builds(Login, NUMBERS, strategies.none() | TEXTS, strategies.lists(TEXTS, max_size=3).map(tuple))
TOKENS = strategies.builds(
    AccessToken,
    hash=strategies.binary(min_size=32, max_size=32),
    issued_at=NUMBERS,
    expires_at=NUMBERS,
    profile=PROFILES,
    kid=strategies.none() | TEXTS,
)


@strategies.composite
def families(draw: strategies.DrawFn) -> Family:
    client, subject = ClientId(draw(TEXTS)), draw(TEXTS)
    ids = strategies.one_of(TEXTS, strategies.just(subject), strategies.just(str(client)))
    stamps = strategies.builds(Stamp, strategies.sampled_from(KINDS), ids, NUMBERS)
    return Family(
        draw(NUMBERS),
        client,
        subject,
        tuple(draw(strategies.lists(stamps, max_size=4))),
        tuple(draw(strategies.lists(TOKENS, max_size=3))),
        draw(strategies.none() | LOGINS),
    )


@given(families())
def test_every_family_survives_the_way_through_the_store(family: Family) -> None:
    assert read(stored(family)) == truncated(family)


def changed(at: int, value: Any) -> Any:
    """The typical family as a reader finds it when one part of it was damaged."""
    parts: list[Any] = list(pack(TYPICAL))
    parts[at] = value
    return tuple(parts)


TOKEN = (b"h" * HASH_BYTES, 2, 1, 0, 0)


@pytest.mark.parametrize(
    "damaged",
    [
        changed(0, CODEC + 1),
        changed(2, ()),
        changed(2, ("client",)),
        changed(2, ("client", 5)),
        changed(2, ("client", b"short")),
        changed(3, (0,)),
        changed(3, (0, 8 * 99)),
        changed(3, (0, -8)),
        changed(5, ((b"", 2, 1, 0, 0),)),
        changed(5, ((b"h" * 32, 2, 1, 0, 0),)),
        changed(5, ((*TOKEN[:3], 1, 0),)),
        changed(5, ((*TOKEN[:3], -1, 0),)),
        changed(5, ((*TOKEN[:4], 99),)),
        changed(5, ((*TOKEN[:4], -1),)),
        changed(7, ((-1, "", "", ""),)),
        changed(7, ((99, "", "", ""),)),
        changed(7, ((0, "", "", ""),) * 2),
    ],
)
def test_what_cannot_be_read_is_an_error_and_never_a_guess(damaged: Packed) -> None:
    with pytest.raises(UnreadableFamilyError):
        unpack(damaged)


def test_the_undamaged_example_can_be_read() -> None:
    assert unpack(changed(5, (TOKEN,))).tokens[0].hash == b"h" * HASH_BYTES


@pytest.mark.parametrize("blob", [b"", b"\x90", msgspec.msgpack.encode((2, "7", (), (), (), (), None, ()))])
def test_another_shape_does_not_pass_the_type(blob: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read(blob)


def test_ids_that_are_uuids_take_their_16_bytes() -> None:
    plain, squeezed = replace(TYPICAL, subject="x" * 36, stamps=()), replace(TYPICAL, stamps=())
    assert str(UUID(squeezed.subject)) == squeezed.subject
    assert len(stored(plain)) - len(stored(squeezed)) == 20


@pytest.mark.parametrize("text", ["x" * 43, "y" * 36, "é" * 43, "." * 42 + "A", "_" * 36])
def test_what_only_has_the_length_of_an_id_stays_what_it_is(text: str) -> None:
    family = replace(TYPICAL, subject=text, stamps=(Stamp("resource", text, 1),))
    assert read(stored(family)) == truncated(family)
