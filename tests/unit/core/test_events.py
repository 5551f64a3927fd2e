"""The registry of event types, and the upcast chain."""

from dataclasses import dataclass
from typing import Any

import pytest

from grantlog.core.events import EventType, Registry, UnknownEventError, event, new_registry, upcast


@dataclass(frozen=True, slots=True)
class Happened:
    what: str


@dataclass(frozen=True, slots=True)
class Stranger:
    pass


@dataclass
class Mutable:
    pass


class NoDataclass:
    pass


@pytest.fixture
def registry() -> Registry:
    """One event in its third version, with both steps that lead to it."""
    fresh = new_registry()
    event("thing.happened", version=3, registry=fresh)(Happened)

    @upcast("thing.happened", from_version=1, registry=fresh)
    def rename(payload: dict[str, Any]) -> dict[str, Any]:
        return {"label": payload["name"]}

    @upcast("thing.happened", from_version=2, registry=fresh)
    def shout(payload: dict[str, Any]) -> dict[str, Any]:
        return {"what": payload["label"].upper()}

    assert rename({"name": "x"}) == {"label": "x"}
    assert shout({"label": "x"}) == {"what": "X"}
    return fresh


def test_a_type_is_found_by_its_object_and_by_its_name(registry: Registry) -> None:
    expected = EventType("thing.happened", 3, Happened)
    assert registry.of(Happened("x")) == expected
    assert registry.named("thing.happened") == expected
    assert registry.all() == (expected,)


def test_the_stream_is_the_name_up_to_the_first_dot() -> None:
    assert EventType("grant.code.redeemed", 1, Happened).stream == "grant"


def test_types_are_listed_by_name(registry: Registry) -> None:
    event("a.first", version=1, registry=registry)(Stranger)
    assert [kind.name for kind in registry.all()] == ["a.first", "thing.happened"]


def test_a_name_and_a_class_are_registered_once(registry: Registry) -> None:
    with pytest.raises(ValueError, match="registered already"):
        event("thing.happened", version=4, registry=registry)(Stranger)
    with pytest.raises(ValueError, match="registered already"):
        event("thing.again", version=1, registry=registry)(Happened)


@pytest.mark.parametrize("cls", [Mutable, NoDataclass])
def test_an_event_is_a_frozen_dataclass(cls: type) -> None:
    with pytest.raises(ValueError, match="frozen dataclass"):
        event("thing.broken", version=1, registry=new_registry())(cls)


def test_what_nobody_registered_is_an_error_and_never_skipped(registry: Registry) -> None:
    with pytest.raises(UnknownEventError, match="Stranger"):
        registry.of(Stranger())
    with pytest.raises(UnknownEventError, match=r"thing\.unheard_of"):
        registry.named("thing.unheard_of")
    with pytest.raises(UnknownEventError, match=r"thing\.unheard_of"):
        registry.upcast("thing.unheard_of", 1, {})


@pytest.mark.parametrize(("version", "stored"), [(1, {"name": "rain"}), (2, {"label": "rain"}), (3, {"what": "RAIN"})])
def test_every_old_version_is_brought_up_step_by_step(registry: Registry, version: int, stored: dict[str, Any]) -> None:
    before = dict(stored)
    kind, payload = registry.upcast("thing.happened", version, stored)
    assert kind.cls is Happened
    assert payload == {"what": "RAIN"}
    assert stored == before


def test_a_version_newer_than_ours_is_refused(registry: Registry) -> None:
    with pytest.raises(UnknownEventError, match="newer than version 3"):
        registry.upcast("thing.happened", 4, {})


def test_a_missing_step_is_refused() -> None:
    gapped = new_registry()
    event("thing.happened", version=2, registry=gapped)(Happened)
    with pytest.raises(UnknownEventError, match="no upcast from version 1"):
        gapped.upcast("thing.happened", 1, {})


def test_a_step_is_registered_once(registry: Registry) -> None:
    with pytest.raises(ValueError, match="upcast from version 1 already"):
        registry.add_upcast("thing.happened", 1, dict)
