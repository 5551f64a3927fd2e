"""Every kind of stream has a state, and folds its own events only."""

import json
from pathlib import Path

import msgspec
import pytest
from tests.support.grants import authorized, redeemed

from grantlog.core.client.state import ClientState
from grantlog.core.events import REGISTRY, UnknownEventError
from grantlog.core.grant.events import Revoked
from grantlog.projections.streams import LONG_LIVED, STATE_TYPES, fold, kind_of

GOLDEN = Path(__file__).parents[2] / "support" / "golden"
BIRTHS = {
    "account": "account.created",
    "client": "client.registered",
    "grant": "grant.authorized",
    "incident": "incident.finding_recorded",
    "keyring": "keyring.key_published",
    "session": "session.started",
}


def example(name: str) -> object:
    kind = REGISTRY.named(name)
    return msgspec.convert(json.loads((GOLDEN / f"{name}.v{kind.version}.json").read_bytes()), kind.cls)


def test_every_registered_event_belongs_to_a_stream_with_a_state() -> None:
    assert {kind.stream for kind in REGISTRY.all()} == set(STATE_TYPES) == set(BIRTHS)
    assert set(STATE_TYPES) > LONG_LIVED


@pytest.mark.parametrize("kind", sorted(BIRTHS))
def test_a_birth_folds_to_the_state_of_its_kind(kind: str) -> None:
    assert type(fold(kind, None, example(BIRTHS[kind]), 1)) is STATE_TYPES[kind]


@pytest.mark.parametrize("kind", sorted(BIRTHS))
def test_a_state_survives_the_way_through_the_store(kind: str) -> None:
    state = fold(kind, None, example(BIRTHS[kind]), 1)
    encoded = msgspec.json.encode(state, order="sorted")
    read: object = msgspec.json.decode(encoded, type=STATE_TYPES[kind])
    assert read == state


def test_a_history_folds_event_by_event() -> None:
    state: object | None = None
    for version, event in enumerate((authorized(), redeemed(), Revoked(cause="x")), start=1):
        state = fold("grant", state, event, version)
    assert getattr(state, "version", None) == 3


def test_an_event_folds_into_its_own_kind_only() -> None:
    with pytest.raises(UnknownEventError, match="does not belong"):
        fold("client", None, authorized(), 1)
    with pytest.raises(UnknownEventError):
        fold("grant", None, ClientState, 1)
    with pytest.raises(UnknownEventError):
        fold("unheard_of", None, authorized(), 1)


def test_the_kind_is_found_by_the_events_name() -> None:
    assert kind_of("grant.authorized") == "grant"
    with pytest.raises(UnknownEventError):
        kind_of("grant.unheard_of")
