"""flagd's JSON Logic, where it asks something, as nodes.

Source: json-logic as the Python provider runs it; where JavaScript's answers otherwise, it is not carried.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from flags.importers.building import Notes, key_of
from flags.importers.model import Unmappable
from flags.importers.reading import as_list, as_number, as_scalar, as_text
from flags.importers.sorting import Sorted
from flags.importers.terms import Term, every, is_, missing, negated, one_of, some
from pointsman.core.model import Json, Operator, Scalar

_ORDER: Final = {
    "<": Operator.NUMBER_LT,
    "<=": Operator.NUMBER_LE,
    ">": Operator.NUMBER_GT,
    ">=": Operator.NUMBER_GE,
}
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_HOLDS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_VERSIONS: Final = {
    "=": Operator.SEMVER_EQ,
    "<": Operator.SEMVER_LT,
    "<=": Operator.SEMVER_LE,
    ">": Operator.SEMVER_GT,
    ">=": Operator.SEMVER_GE,
}
_DEEPEST: Final = 8


class Call(NamedTuple):
    """``{operator: arguments}``."""

    name: str
    args: list[Json]


def call_of(logic: Json) -> Call | None:
    """The operation; None: a plain value."""
    if not isinstance(logic, dict) or len(logic) != 1:
        return None
    ((name, args),) = logic.items()
    return Call(name, args if isinstance(args, list) else [args])


def variable_of(logic: Json) -> str | None:
    """The attribute that is asked for; None: something else."""
    call = call_of(logic)
    if call is None or call.name != "var" or len(call.args) != 1 or not isinstance(call.args[0], str):
        return None
    return call.args[0] or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Logic:
    """The questions of one flag. ``unit`` is the attribute that is the unit."""

    work: Sorted
    notes: Notes
    name: str
    unit: str

    def term(self, logic: Json, place: str, depth: int = 0) -> Term:
        """Whether the value counts as true."""
        if depth > _DEEPEST:
            raise Unmappable(place, f"is nested deeper than {_DEEPEST} levels")
        call = call_of(logic)
        if call is None:
            if isinstance(logic, dict | list):
                raise Unmappable(place, "asks whether an object or list is true")
            return bool(logic)
        return self._call(call, f"{place}.{call.name}", depth + 1)

    def _call(self, call: Call, place: str, depth: int) -> Term:
        name, args = call
        if name in ("and", "or"):
            terms = [self.term(each, place, depth) for each in args]
            return every(terms) if name == "and" else some(terms)
        if name in ("!", "!!"):
            term = self.term(args[0] if args else None, place, depth)
            return term if name == "!!" else negated(term)
        if name == "var":
            return self._truth(self._asked(call, place), place)
        if name in ("!=", "!=="):
            return negated(self._equals(args, place))
        if name in ("==", "==="):
            return self._equals(args, place)
        if name in _ORDER:
            return self._order(name, args, place)
        make = _MAKERS.get(name)
        if make is None:
            raise Unmappable(place, f"{name[:40]!r} has no counterpart")
        return make(self, args, place)

    def asks(self, attribute: str, place: str) -> str:
        """An attribute a condition may ask for."""
        if attribute.startswith("$flagd."):
            raise Unmappable(place, f"asks {attribute!r}, which conditions here cannot")
        if attribute == self.unit:
            self.notes.note(place, f"the context must carry {attribute!r} too")
        return as_text(attribute, place)

    def variable(self, logic: Json, place: str) -> str:
        """The attribute asked for. Unmappable: something else."""
        found = variable_of(logic)
        if found is None:
            raise Unmappable(place, "asks something else than an attribute")
        return found

    def _asked(self, call: Call, place: str) -> str:
        return self.asks(self.variable({call.name: list(call.args)}, place), place)

    def _truth(self, attribute: str, place: str) -> Term:
        self.notes.note(place, f"an empty list as {attribute!r} counts as true here")
        return negated(some((missing(attribute), one_of(attribute, [False, 0, ""]))))

    def _equals(self, args: list[Json], place: str) -> Term:
        if len(args) != 2:
            raise Unmappable(place, "does not compare two values")
        variable, value = args if variable_of(args[0]) is not None else args[::-1]
        attribute = self.variable(variable, place)
        if attribute == self.unit and isinstance(value, str):
            return self.work.listed(key_of(self.name), [value] if value else [], place)
        attribute = self.asks(attribute, place)
        if value is None:
            return missing(attribute)
        scalar = as_scalar(value, place)
        if isinstance(scalar, str):
            if not math.isnan(_as_number(scalar)):
                self.notes.change(place, f"compares {attribute!r} with text that reads as a number")
            return is_(attribute, Operator.EQUALS, scalar)
        if scalar in (0, 1):
            self.notes.change(place, "compares with true, false, 0 or 1, which here are four values")
        else:
            self.notes.note(place, f"{attribute!r} must be a number; text is not read as one here")
        return is_(attribute, Operator.EQUALS, scalar)

    def _order(self, name: str, args: list[Json], place: str) -> Term:
        if len(args) == 3 and name in ("<", "<="):
            return every((self._order(name, args[:2], place), self._order(name, args[1:], place)))
        if len(args) != 2:
            raise Unmappable(place, "does not compare two values")
        if variable_of(args[0]) is None:
            name, args = _MIRRORED[name], args[::-1]
        attribute = self.asks(self.variable(args[0], place), place)
        if not isinstance(args[1], int | float):
            raise Unmappable(place, "orders something else than numbers")
        limit = as_number(args[1], place)
        self.notes.note(place, f"{attribute!r} must be a number; text is not read as one here")
        # What is missing counts as 0 there.
        return some(
            (is_(attribute, _ORDER[name], limit), missing(attribute) if _HOLDS[name](0, limit) else False)
        )


Make = Callable[[Logic, list[Json], str], Term]


def _within(logic: Logic, args: list[Json], place: str) -> Term:
    if len(args) != 2:
        raise Unmappable(place, "does not look for one value in another")
    if variable_of(args[0]) is None:
        attribute = logic.asks(logic.variable(args[1], place), place)
        wanted = as_text(args[0], place)
        return some(
            (is_(attribute, Operator.TEXT_CONTAINS, wanted), is_(attribute, Operator.LIST_ANY, wanted))
        )
    values: list[Scalar] = [as_scalar(each, place) for each in as_list(args[1], place)]
    attribute = logic.variable(args[0], place)
    if any(not isinstance(value, str) and value in (0, 1) for value in values):
        raise Unmappable(place, "lists true, false, 0 or 1, which providers tell apart differently")
    if attribute == logic.unit:
        units = [value for value in values if isinstance(value, str) and value]
        return logic.work.listed(key_of(logic.name), units, place)
    return one_of(logic.asks(attribute, place), values) if values else False


def _affix(operator: Operator) -> Make:
    def make(logic: Logic, args: list[Json], place: str) -> Term:
        if len(args) != 2:
            raise Unmappable(place, "does not compare two values")
        attribute = logic.asks(logic.variable(args[0], place), place)
        return is_(attribute, operator, as_text(args[1], place))

    return make


def _version(logic: Logic, args: list[Json], place: str) -> Term:
    if len(args) != 3:
        raise Unmappable(place, "does not compare two versions")
    attribute = logic.asks(logic.variable(args[0], place), place)
    operator, version = as_text(args[1], place), _padded(as_text(args[2], place))
    logic.notes.note(place, f"{attribute!r} must be a full version such as 2.1.0; 2.1 matches nothing here")
    if operator == "!=":
        known = is_(attribute, Operator.SEMVER_GE, "0.0.0-0")
        return every((known, negated(is_(attribute, Operator.SEMVER_EQ, version))))
    if operator in ("^", "~"):
        return _alike(attribute, operator, version, place)
    if operator not in _VERSIONS:
        raise Unmappable(place, f"{operator[:10]!r} compares no versions")
    return is_(attribute, _VERSIONS[operator], version)


def _alike(attribute: str, operator: str, version: str, place: str) -> Term:
    """Of the same major version, or of the same minor one."""
    numbers = version.partition("-")[0].partition("+")[0].split(".")
    if not all(each.isascii() and each.isdigit() for each in numbers):
        raise Unmappable(place, "compares with what is no version")
    major, minor = int(numbers[0]), int(numbers[1])
    first, end = (f"{major}.0.0-0", f"{major + 1}.0.0-0")
    if operator == "~":
        first, end = f"{major}.{minor}.0-0", f"{major}.{minor + 1}.0-0"
    return every((is_(attribute, Operator.SEMVER_GE, first), is_(attribute, Operator.SEMVER_LT, end)))


def _padded(version: str) -> str:
    found = version[1:] if version[:1] in ("v", "V") else version
    core = found.partition("-")[0].partition("+")[0]
    return core + ".0" * max(0, 2 - core.count(".")) + found[len(core) :]


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


_MAKERS: Final[dict[str, Make]] = {
    "in": _within,
    "starts_with": _affix(Operator.TEXT_STARTS),
    "ends_with": _affix(Operator.TEXT_ENDS),
    "sem_ver": _version,
}
