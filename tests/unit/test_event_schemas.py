"""Event names, versions and shapes are for ever: schemas are add-only, and golden examples keep their bytes."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, ValidationError
from ops.event_schemas import FOLDER, derive, digest, manifest, path_of

from grantlog.core.events import REGISTRY, EventType
from grantlog.projections.streams import STATE_TYPES, kind_of

GOLDEN = Path(__file__).parent.parent / "support" / "golden"
OURS = [kind for kind in REGISTRY.all() if kind.stream in STATE_TYPES]


def by_name(kind: EventType) -> str:
    return f"{kind.name}.v{kind.version}"


def golden(kind: EventType) -> bytes:
    return (GOLDEN / f"{by_name(kind)}.json").read_bytes()


def validator(path: str) -> Draft202012Validator:
    schema = json.loads((FOLDER / path).read_bytes())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("kind", OURS, ids=by_name)
def test_every_event_has_a_published_schema_that_is_exactly_what_its_class_writes(kind: EventType) -> None:
    published = (FOLDER / path_of(kind)).read_bytes()
    assert published == derive(kind), f"{kind.name} changed: raise its version, add an upcast and a schema"


def test_no_published_schema_was_changed_removed_or_slipped_in() -> None:
    found = {
        path.relative_to(FOLDER).as_posix(): digest(path.read_bytes())
        for path in FOLDER.rglob("*.json")
        if path.name != "manifest.json"
    }
    assert found == manifest()


@pytest.mark.parametrize("kind", OURS, ids=by_name)
def test_a_golden_example_is_reproduced_byte_for_byte(kind: EventType) -> None:
    read: object = msgspec.json.decode(golden(kind), type=kind.cls)
    assert msgspec.json.encode(read, order="sorted") == golden(kind)


@pytest.mark.parametrize("kind", OURS, ids=by_name)
def test_a_golden_example_fits_its_schema_and_nothing_may_be_added_or_left_out(kind: EventType) -> None:
    check = validator(path_of(kind))
    example: dict[str, Any] = json.loads(golden(kind))
    check.validate(example)
    with pytest.raises(ValidationError):
        check.validate(example | {"one_more": 1})
    for member in example:
        with pytest.raises(ValidationError):
            check.validate({name: value for name, value in example.items() if name != member})


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_every_version_that_was_ever_written_can_still_be_read(path: Path) -> None:
    name, _, version = path.stem.rpartition(".v")
    kind, payload = REGISTRY.upcast(name, int(version), json.loads(path.read_bytes()))
    assert kind_of(name) in STATE_TYPES
    assert type(msgspec.convert(payload, kind.cls)) is kind.cls


def test_every_published_version_has_a_golden_example() -> None:
    examples = {path.stem for path in GOLDEN.glob("*.json")}
    assert examples == {path.removesuffix(".json").replace("/", ".", 1) for path in manifest()}
