"""GrowthBook's conditions (a subset of MongoDB's) as nodes.

Source: the SDKs' public cases, and what the Python SDK answers where these say nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from flags.importers.building import Notes
from flags.importers.folding import EXACT, folded
from flags.importers.model import Unmappable
from flags.importers.reading import Object, as_list, as_object, as_scalar, as_text
from flags.importers.terms import Term, every, exists, is_, is_text, missing, negated, one_of, some
from pointsman.core.model import Json, Operator, Scalar

_NUMBERS: Final = {
    "$lt": Operator.NUMBER_LT,
    "$lte": Operator.NUMBER_LE,
    "$gt": Operator.NUMBER_GT,
    "$gte": Operator.NUMBER_GE,
}
_VERSIONS: Final = {
    "$veq": Operator.SEMVER_EQ,
    "$vlt": Operator.SEMVER_LT,
    "$vlte": Operator.SEMVER_LE,
    "$vgt": Operator.SEMVER_GT,
    "$vgte": Operator.SEMVER_GE,
}
# RE2 reads these otherwise than JavaScript, or not at all.
_STRANGE_PATTERN: Final = re.compile(r"\\[sSkpPuxcbB0-9]|\(\?|\[\^?\]|[^\x20-\x7e]")
_DEEPEST: Final = 8


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of one feature. ``groups`` are the payload's saved groups."""

    groups: Object
    notes: Notes
    _within: list[str] = field(default_factory=list)

    def term(self, condition: Object, place: str, depth: int = 0) -> Term:
        """What the condition asks. Unmappable: something no node of ours says exactly."""
        if depth > _DEEPEST:
            raise Unmappable(place, f"is nested deeper than {_DEEPEST} levels")
        return every(
            self._member(name, value, f"{place}.{name}", depth + 1) for name, value in condition.items()
        )

    def _member(self, name: str, value: Json, place: str, depth: int) -> Term:
        if name in ("$or", "$nor", "$and"):
            parts = [self.term(as_object(each, place), place, depth) for each in as_list(value, place)]
            if name == "$and":
                return every(parts)
            joined = some(parts) if parts else True
            return negated(joined) if name == "$nor" else joined
        if name == "$not":
            return negated(self.term(as_object(value, place), place, depth))
        if name == "$savedGroup":
            return self._saved_group(as_object(value, place), place, depth)
        if name == "$savedGroups":
            return False
        return self._value(as_text(name, place), value, place, depth)

    def _value(self, attribute: str, value: Json, place: str, depth: int) -> Term:
        if depth > _DEEPEST:
            raise Unmappable(place, f"is nested deeper than {_DEEPEST} levels")
        if isinstance(value, dict) and all(name.startswith("$") for name in value):
            return every(
                self._operator(attribute, name, each, f"{place}.{name}", depth + 1)
                for name, each in value.items()
            )
        if value is None:
            return missing(attribute)
        if isinstance(value, dict | list):
            raise Unmappable(place, "compares with an object or list")
        return is_(attribute, Operator.EQUALS, as_scalar(value, place))

    def _operator(self, attribute: str, name: str, value: Json, place: str, depth: int) -> Term:
        if name == "$not":
            return negated(self._value(attribute, value, place, depth))
        if name in ("$or", "$nor", "$and", "$savedGroup"):
            return False
        make = _OPERATORS.get(name)
        if make is None:
            raise Unmappable(place, f"{name[:40]} has no counterpart")
        return make(self, attribute, value, place)

    def _saved_group(self, reference: Object, place: str, depth: int) -> Term:
        key = as_text(reference.get("id"), f"{place}.id")
        group = self.groups.get(key)
        if not isinstance(group, dict) or key in self._within:
            return False
        if group.get("type") == "list":
            attribute = as_text(reference.get("attributeKey", group.get("attributeKey")), place)
            return self.among(attribute, group.get("values"), place)
        if group.get("type") != "condition":
            raise Unmappable(place, "refers to a saved group of an unknown type")
        self._within.append(key)
        try:
            return self.term(as_object(group.get("condition"), place), place, depth)
        finally:
            self._within.pop()

    def group_values(self, key: str) -> Json:
        """The values of a saved group that is a list; empty for one that is missing."""
        group = self.groups.get(key, [])
        return group.get("values") if isinstance(group, dict) else group

    def among(self, attribute: str, values: Json, place: str) -> Term:
        """``$in``: the attribute is one of the values, or a list that holds one."""
        if not isinstance(values, list):
            return False
        if None in values:
            raise Unmappable(place, "lists null among other values")
        # Objects and lists equal nothing there.
        scalars = [as_scalar(each, place) for each in values if not isinstance(each, dict | list)]
        if not scalars:
            return False
        return some(
            (one_of(attribute, scalars), one_of(attribute, scalars, Operator.LIST_ANY)),
        )


Make = Callable[[Conditions, str, Json, str], Term]


def _equals(_: Conditions, attribute: str, value: Json, place: str) -> Term:
    if value is None:
        return missing(attribute)
    if isinstance(value, dict | list):
        return False
    return is_(attribute, Operator.EQUALS, as_scalar(value, place))


def _ordered(name: str) -> Make:
    def make(conditions: Conditions, attribute: str, value: Json, place: str) -> Term:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return False
        kind = "text" if isinstance(value, str) else "a number"
        conditions.notes.note(place, f"{attribute!r} must be {kind}: nothing else is turned into it")
        if isinstance(value, str):
            return _text_order(name, attribute, as_text(value, place), place)
        return is_(attribute, _NUMBERS[name], as_scalar(value, place))

    return make


def _text_order(name: str, attribute: str, value: str, place: str) -> Term:
    # Below the surrogates, the order of code points is the order of UTF-16.
    if any(letter >= "\ud800" for letter in value):
        raise Unmappable(place, "orders text beside rare characters")
    below = is_(attribute, Operator.TEXT_LT, value)
    above = is_(attribute, Operator.TEXT_GT, value)
    if name in ("$lt", "$gt"):
        return below if name == "$lt" else above
    return every((is_text(attribute), negated(above if name == "$lte" else below)))


def _version(name: str) -> Make:
    def make(conditions: Conditions, attribute: str, value: Json, place: str) -> Term:
        if not isinstance(value, str):
            raise Unmappable(place, "compares a version with no text")
        conditions.notes.change(
            place, f"compares {attribute!r} as a semantic version: other text matches nothing here"
        )
        if name == "$vne":
            return negated(is_(attribute, Operator.SEMVER_EQ, as_text(value, place)))
        return is_(attribute, _VERSIONS[name], as_text(value, place))

    return make


def _group(conditions: Conditions, attribute: str, value: Json, place: str) -> Term:
    return isinstance(value, str) and conditions.among(attribute, conditions.group_values(value), place)


def _not_group(conditions: Conditions, attribute: str, value: Json, place: str) -> Term:
    return isinstance(value, str) and negated(_group(conditions, attribute, value, place))


def _not_among(conditions: Conditions, attribute: str, value: Json, place: str) -> Term:
    return isinstance(value, list) and negated(conditions.among(attribute, value, place))


def _among_folded(conditions: Conditions, attribute: str, value: Json, place: str) -> Term:
    if not isinstance(value, list):
        return False
    conditions.notes.note(place, f"if {attribute!r} is a list, it matches nothing here")
    texts = [folded(attribute, as_text(each, place), EXACT, place) for each in value if isinstance(each, str)]
    others: list[Scalar] = [as_scalar(each, place) for each in value if isinstance(each, bool | int | float)]
    return some((*texts, one_of(attribute, others) if others else False))


def _not_among_folded(conditions: Conditions, attribute: str, value: Json, place: str) -> Term:
    return isinstance(value, list) and negated(_among_folded(conditions, attribute, value, place))


def _pattern(*, insensitive: bool) -> Make:
    def make(conditions: Conditions, attribute: str, value: Json, place: str) -> Term:
        pattern = as_text(value, place)
        if _STRANGE_PATTERN.search(pattern):
            raise Unmappable(place, "is a pattern that RE2 reads otherwise, or not at all")
        conditions.notes.note(place, "patterns are RE2's: '.' is any character but a line feed")
        return is_(attribute, Operator.TEXT_MATCHES, ("(?i)" if insensitive else "") + pattern)

    return make


def _not(make: Make) -> Make:
    return lambda conditions, attribute, value, place: negated(make(conditions, attribute, value, place))


def _exists(_: Conditions, attribute: str, value: Json, __: str) -> Term:
    return exists(attribute) if value else missing(attribute)


def _all(_: Conditions, attribute: str, value: Json, place: str) -> Term:
    if not isinstance(value, list):
        return False
    if not value:
        raise Unmappable(place, "asks whether the attribute is a list")
    return is_(attribute, Operator.LIST_ALL, *(as_scalar(each, place) for each in value))


def _element(_: Conditions, attribute: str, value: Json, place: str) -> Term:
    condition = as_object(value, place)
    if len(condition) == 1 and "$eq" in condition:
        return is_(attribute, Operator.LIST_ANY, as_scalar(condition["$eq"], place))
    if len(condition) == 1 and "$in" in condition:
        values = [as_scalar(each, place) for each in as_list(condition["$in"], place)]
        return one_of(attribute, values, Operator.LIST_ANY)
    raise Unmappable(place, "asks more of a list's elements than that one equals a value")


def _type(_: Conditions, attribute: str, value: Json, place: str) -> Term:
    if value == "string":
        return is_text(attribute)
    if value == "boolean":
        return is_(attribute, Operator.IN, True, False)
    if value == "null":
        return missing(attribute)
    if value == "number":
        return some((is_(attribute, Operator.NUMBER_LE, 0), is_(attribute, Operator.NUMBER_GT, 0)))
    raise Unmappable(place, "asks whether the attribute is an object or list")


_IN: Final[Make] = Conditions.among
_OPERATORS: Final[dict[str, Make]] = {
    "$eq": _equals,
    "$ne": _not(_equals),
    **{name: _ordered(name) for name in _NUMBERS},
    **{name: _version(name) for name in (*_VERSIONS, "$vne")},
    "$in": _IN,
    "$nin": _not_among,
    "$ini": _among_folded,
    "$nini": _not_among_folded,
    "$inGroup": _group,
    "$notInGroup": _not_group,
    "$regex": _pattern(insensitive=False),
    "$regexi": _pattern(insensitive=True),
    "$notRegex": _not(_pattern(insensitive=False)),
    "$notRegexi": _not(_pattern(insensitive=True)),
    "$exists": _exists,
    "$all": _all,
    "$elemMatch": _element,
    "$type": _type,
}
