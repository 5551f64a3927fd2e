"""Writes the JSON Schema of every event version that has none yet, and enters it in the manifest.

Run ``python ops/event_schemas.py`` after adding an event or raising its version. What is published is never written again:
a class that no longer fits its schema needs a new version and an upcast (CONTRIBUTING).
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from grantlog.core.events import REGISTRY, EventType
from grantlog.projections import streams

FOLDER = Path(__file__).parent.parent / "schema" / "events"
MANIFEST = FOLDER / "manifest.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_UUID = "^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_LARGEST = 2**53 - 1


def path_of(kind: EventType) -> str:
    """Where the schema of an event stands below ``schema/events``: ``<stream>/<name>.v<N>.json``."""
    return f"{kind.stream}/{kind.name.partition('.')[2]}.v{kind.version}.json"


def derive(kind: EventType) -> bytes:
    """The schema of what the program writes for an event: every member, and nothing else."""
    shape = msgspec.json.schema(kind.cls)
    definitions = shape.get("$defs", {})
    schema = {
        "$schema": DIALECT,
        "title": f"{kind.name} version {kind.version}",
        **_strict(definitions.pop(kind.cls.__name__)),
        **({"$defs": _strict(definitions)} if definitions else {}),
    }
    return json.dumps(schema, indent=2, sort_keys=True).encode() + b"\n"


def digest(schema: bytes) -> str:
    """What the manifest says of a schema."""
    return sha256(schema).hexdigest()


def manifest() -> dict[str, str]:
    """Path below ``schema/events`` to SHA-256, of everything that was ever published."""
    published: dict[str, str] = json.loads(MANIFEST.read_bytes())
    return published


def main() -> None:
    """Publishes what is new."""
    assert streams.STATE_TYPES  # importing it has registered every event
    published = manifest() if MANIFEST.exists() else {}
    for kind in REGISTRY.all():
        path = path_of(kind)
        if path in published:
            continue
        schema = derive(kind)
        (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / path).write_bytes(schema)
        published[path] = digest(schema)
        print(path)
    MANIFEST.write_text(json.dumps(published, indent=2, sort_keys=True) + "\n")


def _strict(shape: Any) -> Any:
    """Tightens a schema to what stands on the log, and takes the program's prose and defaults out of it."""
    if isinstance(shape, list | tuple):
        return [_strict(item) for item in shape]
    if not isinstance(shape, dict):
        return shape
    strict = {key: _strict(value) for key, value in shape.items() if key not in {"title", "description", "default"}}
    if "properties" in strict:
        # Not prose but members: kept whatever they are called. Defaults are written out too.
        strict["properties"] = {name: _strict(value) for name, value in shape["properties"].items()}
        strict["required"] = sorted(strict["properties"])
    if strict.get("type") == "object":
        strict["additionalProperties"] = False
        strict.setdefault("properties", {})
    if strict.get("type") == "integer":
        strict |= {"minimum": 0, "maximum": _LARGEST}
    if strict.get("contentEncoding") == "base64":
        strict["pattern"] = _BASE64
    if strict.get("format") == "uuid":
        strict["pattern"] = _UUID
    return strict


if __name__ == "__main__":
    main()
