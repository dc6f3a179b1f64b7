"""Unleash's constraints as nodes. Its contexts are text; ours may hold numbers, compared as such."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flags.importers.building import Notes, key_of
from flags.importers.folding import CONTAINS, ENDS, STARTS, folded
from flags.importers.model import Unmappable
from flags.importers.reading import Object, objects, text, texts, truth
from flags.importers.sorting import Sorted
from flags.importers.terms import Term, every, is_, negated, one_of, some
from pointsman.core.instants import instant_of_text
from pointsman.core.model import Operator, Scalar
from pointsman.core.semver import precedence

_TEXTS: Final = {
    "STR_STARTS_WITH": (Operator.TEXT_STARTS, STARTS),
    "STR_ENDS_WITH": (Operator.TEXT_ENDS, ENDS),
    "STR_CONTAINS": (Operator.TEXT_CONTAINS, CONTAINS),
}
_NUMBERS: Final = {
    "NUM_EQ": Operator.EQUALS,
    "NUM_LT": Operator.NUMBER_LT,
    "NUM_LTE": Operator.NUMBER_LE,
    "NUM_GT": Operator.NUMBER_GT,
    "NUM_GTE": Operator.NUMBER_GE,
}
_DATES: Final = {"DATE_BEFORE": Operator.DATE_LT, "DATE_AFTER": Operator.DATE_GT}
_VERSIONS: Final = {
    "SEMVER_EQ": Operator.SEMVER_EQ,
    "SEMVER_LT": Operator.SEMVER_LT,
    "SEMVER_GT": Operator.SEMVER_GT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """The constraints of one feature or segment. ``unit`` is the field that is the unit."""

    work: Sorted
    notes: Notes
    name: str
    unit: str

    def all_of(self, of: Object, place: str) -> Term:
        """Every constraint of a strategy or segment holds."""
        found = objects(of, "constraints", place)
        return every(self._one(each, f"{place}.constraints.{index}") for index, each in enumerate(found))

    def among(self, attribute: str, values: list[str], place: str) -> Term:
        """The field is one of these texts."""
        if attribute == self.unit:
            return self.work.listed(key_of(self.name), [value for value in values if value], place)
        if not values:
            return False
        numbers: list[Scalar] = [int(value) for value in values if _is_plain_integer(value)]
        return one_of(attribute, [*values, *numbers])

    def _one(self, constraint: Object, place: str) -> Term:
        attribute = text(constraint, "contextName", place)
        operator = text(constraint, "operator", place)
        if operator in ("IN", "NOT_IN"):
            found = self.among(attribute, texts(constraint, "values", place), place)
            found = negated(found) if operator == "NOT_IN" else found
            return negated(found) if truth(constraint, "inverted", place) else found
        make = _MAKERS.get(operator)
        if make is None:
            raise Unmappable(place, f"{operator[:40]!r} has no counterpart")
        if attribute == "currentTime":
            raise Unmappable(place, "compares the present time inside other conditions")
        if attribute == self.unit:
            self.notes.note(place, f"the context must carry {attribute!r} too")
        if operator in _TEXTS and not texts(constraint, "values", place):
            return False  # Inverted too: there, no values match nothing either way.
        found = make(self.notes, attribute, constraint, place)
        return negated(found) if truth(constraint, "inverted", place) else found


def moment_of(constraint: Object, place: str) -> datetime:
    """The point in time of a constraint on ``currentTime``."""
    try:
        found = datetime.fromisoformat(text(constraint, "value", place))
    except ValueError:
        raise Unmappable(place, "compares with no point in time") from None
    if found.tzinfo is None or found.microsecond:
        raise Unmappable(place, "compares with no whole second of a known time zone")
    return found


def _is_plain_integer(value: str) -> bool:
    digits = value.removeprefix("-")
    return digits.isascii() and digits.isdigit() and str(int(digits[:17])) == digits and value != "-0"


Make = Callable[[Notes, str, Object, str], Term]


def _text(notes: Notes, attribute: str, constraint: Object, place: str) -> Term:
    operator, shape = _TEXTS[text(constraint, "operator", place)]
    notes.note(place, f"{attribute!r} must be text: numbers match nothing here")
    values = texts(constraint, "values", place)
    if truth(constraint, "caseInsensitive", place):
        return some(folded(attribute, value, shape, place) for value in values)
    return some(is_(attribute, operator, value) for value in values)


def _number(notes: Notes, attribute: str, constraint: Object, place: str) -> Term:
    spelled = text(constraint, "value", place)
    try:
        value = float(spelled)
    except ValueError:
        raise Unmappable(place, f"compares with {spelled[:40]!r}, which is no number") from None
    notes.note(place, f"{attribute!r} must be a number in the context, where it was text")
    exact: Scalar = int(value) if value.is_integer() else value
    return is_(attribute, _NUMBERS[text(constraint, "operator", place)], exact)


def _date(notes: Notes, attribute: str, constraint: Object, place: str) -> Term:
    value = text(constraint, "value", place)
    if instant_of_text(value) is None:
        raise Unmappable(place, "compares with no point in time")
    notes.note(place, f"a plain date as {attribute!r} is its midnight here, and nothing there")
    return is_(attribute, _DATES[text(constraint, "operator", place)], value)


def _version(notes: Notes, attribute: str, constraint: Object, place: str) -> Term:
    value = text(constraint, "value", place)
    if precedence(value) is None or not value[:1].isdigit() or "+" in value:
        raise Unmappable(place, f"compares with {value[:40]!r}, which is no plain version")
    notes.note(place, f"a 'v' before, or '+' behind {attribute!r} counts for nothing here")
    return is_(attribute, _VERSIONS[text(constraint, "operator", place)], value)


_MAKERS: Final[dict[str, Make]] = {
    **dict.fromkeys(_TEXTS, _text),
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(_DATES, _date),
    **dict.fromkeys(_VERSIONS, _version),
}
