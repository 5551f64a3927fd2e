"""JSON Schemas of authorization details: compiled at the boot, matched in linear time, and nothing is fetched for them."""

from time import perf_counter

import pytest

from grantlog.adapters.schemas import SchemaError, compiled


def test_a_schema_says_what_conforms() -> None:
    conforms = compiled(
        {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"const": "t"}, "at": {"type": "string", "format": "uri"}},
            "additionalProperties": False,
        },
        "t",
    )
    assert conforms({"type": "t", "at": "https://example.com/"})
    assert not conforms({"type": "t", "at": "no uri"})
    assert not conforms({"type": "other"})
    assert not conforms({"type": "t", "more": 1})
    assert not conforms([])


def test_no_pattern_can_be_made_to_backtrack() -> None:
    conforms = compiled({"type": "string", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}, "t")
    began = perf_counter()
    assert not conforms("a" * 16_000)
    assert perf_counter() - began < 1


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"pattern": "("},
        {"pattern": "(?=a)b"},
        {"pattern": r"(a)\1"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$ref": "file:///etc/hostname"},
        {"$ref": "#/nowhere"},
    ],
    ids=str,
)
def test_what_cannot_be_used_stops_the_boot_by_its_name(schema: dict[str, object]) -> None:
    with pytest.raises(SchemaError, match="payment_initiation"):
        compiled(schema, "payment_initiation")
