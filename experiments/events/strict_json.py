"""The JSON of a batch, read strictly: whole characters, and no member twice. PURE.

NaN and Infinity are no JSON, but many programs write them: they are read here, so that the one event that
holds them can be refused by name and its neighbours kept.
"""

import json
from typing import Any, NoReturn

from pydantic_core import from_json

from runtime.errors import Invalid


def read_batch(raw: bytes) -> Any:
    """The value. Invalid: no JSON in UTF-8, half a character, a member twice, too deep."""
    try:
        value = from_json(raw, allow_inf_nan=True)
    except ValueError as error:
        raise Invalid("body", f"is not valid JSON: {error}") from None
    # Every member has a colon of its own: with as many members as colons, none was there twice. Colons inside
    # texts only cost the thorough look, which takes twice as long as all the reading before it.
    if _count_members(value) != raw.count(b":"):
        _refuse_twice(raw)
    return value


def _count_members(batch: Any) -> int:
    """Of a batch as programs send them; what is odder counts too little, and so gets the thorough look."""
    if type(batch) is not dict:
        return 0
    told = batch.get("evaluations")
    objects = [batch, batch.get("dropped"), told, *(told.values() if type(told) is dict else ())]
    events = batch.get("events")
    for event in events if type(events) is list else ():
        if type(event) is dict:
            objects += (event, event.get("context"), event.get("output"))
    return sum(len(each) for each in objects if type(each) is dict)


def _refuse_twice(raw: bytes) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            _say_which([name for name, _ in pairs])
        return members

    json.loads(raw, object_pairs_hook=unique)


def _say_which(names: list[str]) -> NoReturn:
    twice = next(name for name in names if names.count(name) > 1)
    raise Invalid("body", f"has the member {twice[:80]!r} twice in one object; send it once")
