import math

import pytest

from flags.payloads import check_json, check_payload, text_problem
from pointsman.core.model import Json, Kind


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (Kind.BOOLEAN, True),
        (Kind.STRING, ""),
        (Kind.NUMBER, 1),
        (Kind.NUMBER, 0.5),
        (Kind.JSON, None),
        (Kind.JSON, [1, {"a": [None, "ü"]}]),
        (Kind.MODEL, {"model": "m"}),
        (Kind.MODEL, {"model": "models:/ranker/7"}),
        (Kind.MODEL, {"model": "models:/a ranker/7", "version": "7", "alias": "champion"}),
        (Kind.MODEL, {"model": "models:/m-0123456789abcdef0123456789abcdef", "version": "3"}),
        (
            Kind.MODEL,
            {
                "model": "m",
                "provider": "p",
                "version": "3",
                "endpoint": "http://127.0.0.1",
                "params": {"k": 1},
                "cost_per_call": 0,
                "offline_score": -1.5,
                "resources": {"gpu": 1},
            },
        ),
    ],
)
def test_a_payload_of_the_flags_kind_is_fine(kind: Kind, payload: Json) -> None:
    assert list(check_payload(kind, payload, "variants.v1")) == []


@pytest.mark.parametrize(
    ("kind", "payload", "field"),
    [
        (Kind.BOOLEAN, 1, "variants.v1"),
        (Kind.STRING, True, "variants.v1"),
        (Kind.NUMBER, True, "variants.v1"),
        (Kind.NUMBER, "1", "variants.v1"),
        (Kind.MODEL, "m", "variants.v1"),
        (Kind.MODEL, {}, "variants.v1.model"),
        (Kind.MODEL, {"model": "  "}, "variants.v1.model"),
        (Kind.MODEL, {"model": "m", "version": 3}, "variants.v1.version"),
        (Kind.MODEL, {"model": "m", "alias": 3}, "variants.v1.alias"),
        (Kind.MODEL, {"model": "models:/ranker@champion"}, "variants.v1.model"),
        (Kind.MODEL, {"model": " models:/ranker@champion "}, "variants.v1.model"),
        (Kind.MODEL, {"model": "models:/ranker/Production"}, "variants.v1.model"),
        (Kind.MODEL, {"model": "models:/ranker/latest"}, "variants.v1.model"),
        (Kind.MODEL, {"model": "models:/ranker"}, "variants.v1.model"),
        (Kind.MODEL, {"model": "models:/ranker/7", "version": "8"}, "variants.v1.version"),
        (Kind.MODEL, {"model": "m", "params": [1]}, "variants.v1.params"),
        (Kind.MODEL, {"model": "m", "cost_per_call": -1}, "variants.v1.cost_per_call"),
        (Kind.MODEL, {"model": "m", "cost_per_call": True}, "variants.v1.cost_per_call"),
        (Kind.MODEL, {"model": "m", "temperature": 1}, "variants.v1.temperature"),
        (Kind.JSON, {"a": [math.nan]}, "variants.v1.a.0"),
        (Kind.JSON, math.inf, "variants.v1"),
        (Kind.JSON, 2**53 + 1, "variants.v1"),
        (Kind.JSON, {"a": "\ud800"}, "variants.v1.a"),
        (Kind.JSON, {"\x00": 1}, "variants.v1"),
        (Kind.JSON, "a" * 70_000, "variants.v1"),
    ],
)
def test_another_payload_is_a_problem_of_its_own_field(kind: Kind, payload: Json, field: str) -> None:
    assert [problem.field for problem in check_payload(kind, payload, "variants.v1")] == [field]


@pytest.mark.parametrize("value", [{1: "a"}, {"a": (1,)}, b"bytes", {"a": {1, 2}}])
def test_what_is_no_json_is_a_problem(value: object) -> None:
    assert len(list(check_json(value, "body"))) == 1


def test_nesting_ends_at_32_levels() -> None:
    value: Json = 1
    for _ in range(32):
        value = [value]

    assert list(check_json(value, "body")) == []
    assert [problem.problem for problem in check_json([value], "body")] == ["is nested deeper than 32 levels"]


def test_text_that_cannot_be_stored_says_where() -> None:
    assert text_problem("fine, ünïcode 🙂") is None
    assert text_problem("ab\x00") == "holds a NUL character at position 2; remove it"
    assert text_problem("\udfff") == "holds half of a surrogate pair at position 0; remove it"
