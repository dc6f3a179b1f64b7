"""Proposals as JSON and back, exactly: every value object is written with the name of its type. Pure.

Written by type rather than by hand, so that a field added to rules or targeting can't be forgotten here and
a request lose part of what was approved.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

from flags import model as drafts
from flags.changes.model import Proposal
from pointsman.core import model as core

_TYPE: Final = "$"
_MAP: Final = "map"
_VALUES: Final = ("targeting", "segment")
_PLAIN_MAPS: Final = ("variants", "moves")


def _types() -> dict[str, type[Any]]:
    found = {
        each.__name__: each
        for module in (core, drafts)
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__ == module.__name__
    }
    return {name: each for name, each in found.items() if _is_value(each)}


def _is_value(kind: type[Any]) -> bool:
    return is_dataclass(kind) or issubclass(kind, Enum) or hasattr(kind, "_fields")


_TYPES: Final = _types()


def proposal_to_json(proposal: Proposal) -> dict[str, Any]:
    """The proposal as JSON; a variant's payload is what it is."""
    written = {each.name: getattr(proposal, each.name) for each in fields(proposal)}
    for name in _VALUES:
        written[name] = _to_json(written[name])
    for name in _PLAIN_MAPS:
        written[name] = None if written[name] is None else dict(written[name])
    return written


def proposal_from_json(stored: dict[str, Any]) -> Proposal:
    """What ``proposal_to_json`` was given. For our own column: nothing is checked again."""
    return Proposal(**{**stored, **{name: _from_json(stored.get(name)) for name in _VALUES}})


def _to_json(value: Any) -> Any:
    kind = type(value)
    if isinstance(value, Enum):
        return {_TYPE: kind.__name__, "value": value.value}
    if is_dataclass(value) or hasattr(value, "_fields"):
        names = getattr(value, "_fields", None) or [each.name for each in fields(value)]
        return {_TYPE: kind.__name__, **{name: _to_json(getattr(value, name)) for name in names}}
    if isinstance(value, Mapping):
        return {_TYPE: _MAP, "items": [[_to_json(key), _to_json(item)] for key, item in value.items()]}
    if isinstance(value, tuple | list):
        return [_to_json(each) for each in value]
    return value


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_json(each) for each in value)
    if not isinstance(value, dict):
        return value
    members = dict(value)
    name = members.pop(_TYPE)
    if name == _MAP:
        return {_from_json(key): _from_json(item) for key, item in members["items"]}
    kind = _TYPES[name]
    if issubclass(kind, Enum):
        return kind(members["value"])
    return kind(**{field: _from_json(item) for field, item in members.items()})
