"""What is plainly in order is exactly what reading the whole flag would say of it."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flags.plain_flags import is_plain
from pointsman.core.flag_codec import flag_to_wire, read_flag
from tests.sdk.core.strategies import flags

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        1,
        -1,
        2,
        1.0,
        100_000,
        "",
        "a",
        "in",
        "equals",
        "DE",
        [],
        [[]],
        {},
        {"a": 1},
        [[0, 100_000]],
    ]
)
PLAIN: dict[str, Any] = {
    "kind": "model",
    "salt": "demo/ranker",
    "enabled": True,
    "version": 3,
    "off": "v1",
    "default": "v1",
    "variants": {"v1": {"name": "weak", "params": {"k": [1, 2.5, None]}}, "v2": {"name": "strong"}},
    "rules": [
        {
            "id": "r1",
            "conditions": [
                {"attribute": "country", "operator": "in", "values": ["DE", "AT", 1, True]},
                {"attribute": "age", "operator": "number_ge", "values": [18]},
                {"attribute": "name", "operator": "text_starts", "values": ["A"]},
                {"attribute": "vip", "operator": "exists", "values": [True]},
            ],
            "split": [[0, 50_000, "v1"], [50_000, 100_000, "v2"]],
            "gates": [
                {
                    "kind": "coverage",
                    "name": "",
                    "hashing": {"scheme": "pointsman", "seed": "demo/ranker:coverage", "buckets": 100_000},
                    "spans": [[0, 20_000]],
                }
            ],
        },
        {"id": "r2", "conditions": [], "split": [[0, 100_000, "v2"]]},
    ],
}


def spelled(wire: object) -> str:
    return json.dumps(wire, sort_keys=True)


def check(wire: dict[str, Any]) -> bool:
    """Whether it is plainly in order; then reading must agree, member by member."""
    plain = is_plain(wire, json.dumps(wire["variants"]))
    if plain:
        assert spelled(flag_to_wire(read_flag("key", deepcopy(wire)))) == spelled(wire)
    return plain


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*way, key)
        yield from places(each, (*way, key))


def test_an_ordinary_flag_is_plainly_in_order() -> None:
    assert check(PLAIN)


@given(flags("key"))
def test_whatever_the_flag_reading_agrees(flag: Any) -> None:
    wire = json.loads(json.dumps(flag_to_wire(flag)))
    few = {name: value for name, value in wire.items() if name in PLAIN}

    if few == wire:
        check(wire)


@settings(max_examples=400)
@given(st.sampled_from([way for way in places(PLAIN) if way[0] in ("variants", "rules")]), ODD)
@example(("rules", 0, "gates"), [])
@example(("rules", 0, "gates"), None)
@example(("rules", 0, "split"), [])
@example(("rules", 0, "split", 0, 1), True)
@example(("rules", 1, "id"), "r1")
@example(("variants", "v1"), "text")
def test_whatever_is_odd_in_it_reading_agrees(way: tuple[Any, ...], odd: Any) -> None:
    wire = deepcopy(PLAIN)
    inner = wire
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = odd

    check(wire)


@pytest.mark.parametrize("way", [way for way in places(PLAIN["rules"]) if isinstance(way[-1], str)], ids=str)
def test_a_member_that_is_missing_or_one_too_many_is_not_plain(way: tuple[Any, ...]) -> None:
    for change in ("missing", "more"):
        wire = deepcopy(PLAIN)
        inner = wire["rules"]
        for key in way[:-1]:
            inner = inner[key]
        if change == "missing":
            del inner[way[-1]]
        else:
            inner["window"] = {}

        assert not check(wire) or way[-1] == "gates"


def test_payloads_nested_too_deep_are_read_whole() -> None:
    deep: Any = 1
    for _ in range(70):
        deep = [deep]

    assert not check({**PLAIN, "variants": {**PLAIN["variants"], "v1": {"deep": deep}}})
