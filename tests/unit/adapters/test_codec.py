"""What may stand on the log, and how it is read again."""

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from tests.support.appends import authorized, issued, redeemed, registered, revoked, suspended

from grantlog.adapters import codec
from grantlog.adapters.codec import CodecError
from grantlog.core.decision import Envelope, GateChange, Name
from grantlog.core.events import REGISTRY, EventType, UnknownEventError
from grantlog.core.grant.events import ClientCredentialsIssued, Profile
from grantlog.core.identifiers import Micros, StreamId
from grantlog.ports import Append, Replay
from grantlog.projections.streams import LONG_LIVED, STATE_TYPES

NOW = Micros(1_800_000_000_000_000)
STREAM = StreamId(UUID("01a1fbda-90dc-786f-9444-0f3c1e25e602"))


def lives() -> list[Append]:
    grant = authorized(STREAM, NOW, account=UUID(int=1), session=UUID(int=2))
    client = registered(STREAM, NOW)
    return [issued(STREAM, NOW), grant, redeemed(grant, NOW), revoked(grant), client, suspended(client)]


@pytest.mark.parametrize("row", lives(), ids=lambda row: type(row.event).__name__)
def test_what_is_written_is_read_again(row: Append) -> None:
    encoded = codec.encode_row(row)
    assert codec.decode_event(encoded.type, encoded.schema, encoded.payload) == row.event
    assert codec.decode_envelope(encoded.envelope) == row.envelope
    assert codec.decode_state(encoded.kind, encoded.codec, encoded.state) == row.state


def test_keys_are_sorted_and_nothing_is_padded() -> None:
    _, _, payload = codec.encode_event(issued(STREAM, NOW).event)
    assert payload == json.dumps(json.loads(payload), sort_keys=True, separators=(",", ":")).encode()


def test_a_row_says_when_its_last_token_expires() -> None:
    assert codec.encode_row(issued(STREAM, NOW, lifetime=60)).last_expiry == 1_800_000_060
    assert codec.encode_row(registered(STREAM, NOW)).last_expiry == 0


def test_kinds_that_outlive_partitions_are_marked() -> None:
    assert not codec.encode_row(issued(STREAM, NOW)).lasting
    assert codec.encode_row(registered(STREAM, NOW)).lasting
    assert set(STATE_TYPES) - LONG_LIVED == {"grant", "session"}, "append_v1 knows these by name"


def event(**changes: Any) -> ClientCredentialsIssued:
    found = issued(STREAM, NOW).event
    assert isinstance(found, ClientCredentialsIssued)
    return replace(found, **changes)


@pytest.mark.parametrize(
    "wrong",
    [
        event(issued_at=1.5),
        event(issued_at=float("nan")),
        event(issued_at=2**53),
        event(issued_at=-(2**53)),
        event(issued_at=10**30),
        event(issued_at="soon"),
        event(client_id="a\x00b"),
        event(access_token=None),
    ],
    ids=repr,
)
def test_what_could_not_be_read_everywhere_is_refused(wrong: ClientCredentialsIssued) -> None:
    with pytest.raises(CodecError):
        codec.encode_event(wrong)


@pytest.mark.parametrize(
    "fine",
    [
        event(issued_at=Micros(2**53 - 1)),
        event(issued_at=Micros(-(2**53) + 1)),
        event(client_id=":99999999999999999 and [1.5"),
        event(client_id="\\u0000"),
        event(client_id="é 💡"),
    ],
    ids=repr,
)
def test_what_only_looks_wrong_is_written(fine: ClientCredentialsIssued) -> None:
    name, schema, payload = codec.encode_event(fine)
    assert codec.decode_event(name, schema, payload) == fine


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        codec.encode_event(event(client_id="\ud800"))


def test_an_unregistered_event_is_refused() -> None:
    with pytest.raises(UnknownEventError):
        codec.encode_event(Profile(scope=(), audience=()))


@pytest.mark.parametrize("version", [0, -1, 2**31])
def test_a_version_is_a_positive_number_of_31_bits(version: int) -> None:
    with pytest.raises(CodecError, match="no version"):
        codec.encode_row(replace(issued(STREAM, NOW), version=version))


def test_a_state_must_be_of_its_streams_kind() -> None:
    with pytest.raises(CodecError, match="NoneType"):
        codec.encode_row(replace(issued(STREAM, NOW), state=None))


@pytest.mark.parametrize("value", ["a\x00b", "\udfff", "x" * 1025])
def test_names_and_gates_fit_an_index(value: str) -> None:
    with pytest.raises(CodecError):
        codec.encode_row(issued(STREAM, NOW, names=(Name("username", value),)))
    with pytest.raises(CodecError):
        codec.encode_row(issued(STREAM, NOW, gate=GateChange("account", value)))


def test_an_envelope_is_checked_like_an_event() -> None:
    with pytest.raises(CodecError):
        codec.encode_envelope(Envelope(actor="server", request_id="r", cause=2**53))
    with pytest.raises(CodecError):
        codec.decode_envelope(b'{"actor":"server"}')


def test_one_time_values_are_kept_as_their_hash() -> None:
    (claim,) = codec.encode_row(issued(STREAM, NOW, replays=(Replay(b"x" * 10_000, NOW),))).replays
    assert claim == Replay(sha256(b"x" * 10_000).digest(), NOW)


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"{}", b'{"cause":1}'])
def test_bytes_that_are_no_event_are_an_error(payload: bytes) -> None:
    with pytest.raises(CodecError, match=r"grant\.revoked version 1"):
        codec.decode_event("grant.revoked", 1, payload)


def test_an_unknown_name_or_a_newer_version_is_an_error() -> None:
    with pytest.raises(UnknownEventError):
        codec.decode_event("grant.from_tomorrow", 1, b"{}")
    with pytest.raises(UnknownEventError):
        codec.decode_event("grant.revoked", 2, b"{}")


@dataclass(frozen=True, slots=True)
class Moved:
    """An event that had another shape once."""

    place: str
    hash: bytes
    stream: UUID


def test_an_older_event_is_brought_up_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = EventType("grant.moved", 3, Moved)
    monkeypatch.setitem(REGISTRY._by_name, kind.name, kind)
    monkeypatch.setitem(REGISTRY._by_class, Moved, kind)
    monkeypatch.setitem(REGISTRY._upcasts, (kind.name, 1), lambda old: {**old, "hash": "YWJj"})
    monkeypatch.setitem(REGISTRY._upcasts, (kind.name, 2), lambda old: {**old, "place": old["place"].upper()})
    stored = json.dumps({"place": "here", "stream": str(STREAM)}).encode()
    assert codec.decode_event("grant.moved", 1, stored) == Moved("HERE", b"abc", STREAM)
    with pytest.raises(CodecError, match=r"grant\.moved version 2"):
        codec.decode_event("grant.moved", 2, stored)


def test_a_state_of_another_shape_is_not_decoded() -> None:
    row = codec.encode_row(issued(STREAM, NOW))
    assert codec.decode_state("grant", row.codec + 1, row.state) is None
    assert codec.decode_state("grant", row.codec, b"{}") is None
    assert codec.decode_state("unheard_of", row.codec, row.state) is None


def test_the_number_of_a_shape_follows_the_shape_and_not_its_prose(monkeypatch: pytest.MonkeyPatch) -> None:
    def number(state: type) -> int:
        codec.state_codec.cache_clear()
        monkeypatch.setattr(codec, "STATE_TYPES", {"grant": state})
        return codec.state_codec("grant")

    def shape(doc: str, **fields: type) -> type:
        made = type("State", (), {"__annotations__": fields, "__doc__": doc})
        return dataclass(frozen=True)(made)

    first = number(shape("One.", version=int, name=str))
    assert number(shape("Other.", version=int, name=str)) == first
    assert number(shape("One.", version=int, name=bytes)) != first
    assert number(shape("One.", version=int, nom=str)) != first
    assert 0 <= first < 2**31
    codec.state_codec.cache_clear()


def test_every_number_of_a_shape_differs() -> None:
    assert len({codec.state_codec(kind) for kind in STATE_TYPES}) == len(STATE_TYPES)


def test_a_history_folds_to_the_state() -> None:
    row = issued(STREAM, NOW)
    gone = revoked(row)
    assert codec.fold_history("grant", [(1, row.event), (2, gone.event)]) == gone.state
    assert codec.fold_history("grant", []) is None


def test_every_field_stands_under_the_leaf() -> None:
    fields = (UUID(int=1), 1, STREAM, 1, "grant.revoked", 1, NOW, b"{}", b"{}")
    others = (UUID(int=2), 2, StreamId(UUID(int=3)), 2, "grant.revokee", 2, Micros(NOW + 1), b"[]", b"[]")
    leaves = {codec.leaf_of(*fields)}
    for number, other in enumerate(others):
        changed: Any = (*fields[:number], other, *fields[number + 1 :])
        leaves.add(codec.leaf_of(*changed))
    assert len(leaves) == 10


def test_no_byte_can_wander_from_one_field_to_the_next() -> None:
    def leaf(type_: str, envelope: bytes, payload: bytes) -> bytes:
        return codec.leaf_of(UUID(int=1), 1, STREAM, 1, type_, 1, NOW, envelope, payload)

    assert leaf("ab", b"c", b"d") != leaf("a", b"bc", b"d")
    assert leaf("a", b"bc", b"d") != leaf("a", b"b", b"cd")
