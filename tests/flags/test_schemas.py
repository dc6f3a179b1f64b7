"""A flag's JSON Schema: refused where it cannot be evaluated safely, and held against every payload."""

import pytest

from flags.schemas import check_payloads, check_schema
from pointsman.core.model import Json

MODEL: dict[str, Json] = {
    "type": "object",
    "required": ["model", "params"],
    "properties": {
        "model": {"type": "string", "pattern": "^[a-z-]+$"},
        "params": {"$ref": "#/$defs/params"},
    },
    "patternProperties": {"^x-": {"type": "integer"}},
    "$defs": {"params": {"type": "object", "properties": {"k": {"type": "integer", "maximum": 100}}}},
}


def refused(schema: dict[str, Json]) -> list[str]:
    return [each.field for each in check_schema(schema)]


def unmet(payload: Json) -> list[str]:
    return [each.field for each in check_payloads(MODEL, {"v1": payload})]


def test_a_schema_with_patterns_and_references_of_its_own_is_taken() -> None:
    assert refused(MODEL) == []


def test_a_payload_that_meets_it_passes() -> None:
    assert unmet({"model": "small", "params": {"k": 3}, "x-size": 4}) == []


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"model": "small"}, "variants.v1"),
        ({"model": "Small!", "params": {}}, "variants.v1.model"),
        ({"model": "small", "params": {"k": 101}}, "variants.v1.params.k"),
        ({"model": "small", "params": {}, "x-size": "big"}, "variants.v1.x-size"),
    ],
)
def test_a_payload_that_does_not_is_named_where_it_fails(payload: Json, field: str) -> None:
    assert unmet(payload) == [field]


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"type": "objekt"}, "schema.type"),
        ({"$ref": "https://example.org/schema.json"}, "schema.$ref"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "schema.properties.a.$ref"),
        ({"pattern": "(?=a)b"}, "schema.pattern"),
        ({"patternProperties": {"(a": {}}}, "schema.pattern"),
        ({"$ref": "#/$defs/nowhere"}, "schema"),
        ({"description": "x" * 70_000}, "schema"),
        ({"const": 2**60}, "schema.const"),
    ],
)
def test_a_schema_that_cannot_be_evaluated_safely_is_refused(schema: dict[str, Json], field: str) -> None:
    assert field in refused(schema)


def test_a_pattern_that_would_take_for_ever_elsewhere_takes_no_time_here() -> None:
    schema: dict[str, Json] = {"type": "string", "pattern": "^(a+)+$"}

    assert refused(schema) == []
    assert [each.field for each in check_payloads(schema, {"v1": "a" * 5_000 + "!"})] == ["variants.v1"]
