"""What format 1 knew, so that a document that claims to be one uses nothing newer."""

from collections.abc import Iterator
from typing import Any, Final

from pointsman.core.conditions import is_scalar
from pointsman.core.model import Operator
from pointsman.errors import CodecError

_FLAG: Final = frozenset({"kind", "salt", "enabled", "version", "off", "default", "variants", "rules"})
_RULE: Final = frozenset({"id", "conditions", "split"})
_CONDITION: Final = frozenset({"attribute", "operator", "values"})
_NEWER_OPERATORS: Final = frozenset(each.value for each in Operator if not is_scalar(each))


def check_format_1(wire: dict[str, Any]) -> None:
    """CodecError: a field or operator that format 1 did not have. What is no object at all passes."""
    _check(wire, frozenset(wire) - {"segments"}, "")
    for key, flag in _members(wire.get("flags")):
        _check(flag, _FLAG, f"flags.{key}.")
        for at, rule in _items(flag, "rules"):
            _check(rule, _RULE, f"flags.{key}.rules[{at}].")
            for place, condition in _items(rule, "conditions"):
                field = f"flags.{key}.rules[{at}].conditions[{place}]."
                _check(condition, _CONDITION, field)
                operator = condition.get("operator")
                if isinstance(operator, str) and operator in _NEWER_OPERATORS:
                    raise CodecError(f"{field}operator", f"{operator!r} is not of format 1")


def _check(members: dict[str, Any], known: frozenset[str], prefix: str) -> None:
    newer = members.keys() - known
    if newer:
        raise CodecError(f"{prefix}{min(newer)!r:.80}", "is not a known field of format 1")


def _members(raw: object) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(raw, dict):
        yield from ((key, value) for key, value in raw.items() if isinstance(value, dict))


def _items(raw: dict[str, Any], field: str) -> Iterator[tuple[int, dict[str, Any]]]:
    found = raw.get(field)
    if isinstance(found, list):
        yield from ((at, item) for at, item in enumerate(found) if isinstance(item, dict))
