"""LaunchDarkly's clauses and segments as nodes, for contexts of the kind ``user``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flags.importers.building import Notes, key_of
from flags.importers.model import Unmappable
from flags.importers.reading import Object, as_number, as_scalar, as_text, members, objects, text, truth
from flags.importers.sorting import Sorted
from flags.importers.terms import Term, every, exists, is_, negated, one_of, some
from flags.model import SegmentDraft
from pointsman.core.instants import instant_of_text
from pointsman.core.model import InSegment, Json, Operator, Scalar

USER: Final = "user"
_TEXTS: Final = {
    "startsWith": Operator.TEXT_STARTS,
    "endsWith": Operator.TEXT_ENDS,
    "contains": Operator.TEXT_CONTAINS,
}
_NUMBERS: Final = {
    "lessThan": Operator.NUMBER_LT,
    "lessThanOrEqual": Operator.NUMBER_LE,
    "greaterThan": Operator.NUMBER_GT,
    "greaterThanOrEqual": Operator.NUMBER_GE,
}
_DATES: Final = {
    "before": (Operator.DATE_LT, Operator.NUMBER_LT),
    "after": (Operator.DATE_GT, Operator.NUMBER_GT),
}
_VERSIONS: Final = {
    "semVerEqual": Operator.SEMVER_EQ,
    "semVerLessThan": Operator.SEMVER_LT,
    "semVerGreaterThan": Operator.SEMVER_GT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clauses:
    """The clauses of one flag or segment. ``unit`` is the attribute that is the unit."""

    work: Sorted
    notes: Notes
    name: str
    unit: str

    def all_of(self, of: Object, place: str) -> Term:
        """Every clause of a rule holds."""
        found = objects(of, "clauses", place)
        return every(self._clause(each, f"{place}.clauses.{index}") for index, each in enumerate(found))

    def _clause(self, clause: Object, place: str) -> Term:
        operator = text(clause, "op", place)
        negate = truth(clause, "negate", place)
        values = members(clause, "values", place)
        if operator == "segmentMatch":
            found = some(self._segment(each, place) for each in values)
            return negated(found) if negate else found
        attribute = self._attribute(clause, place)
        if attribute == "kind":
            # Every context is a user here, under whatever name the application calls it.
            matches = operator == "in" and USER in values
            return matches is not negate
        if attribute == self.unit and operator == "in":
            units = [each for each in values if isinstance(each, str)]
            found = self.work.listed(key_of(self.name), units, place)
            return negated(found) if negate else found
        make = _MAKERS.get(operator)
        if make is None:
            return False if not negate else exists(attribute)
        if attribute == self.unit:
            self.notes.note(place, f"the context must carry {attribute!r} too")
        found = some(make(self.notes, attribute, operator, each, place) for each in values)
        if not negate:
            return found
        return every((exists(attribute), negated(found)))

    def _attribute(self, clause: Object, place: str) -> str:
        kind = text(clause, "contextKind", place, USER) or USER
        if kind != USER:
            raise Unmappable(place, f"asks a context of the kind {kind[:40]!r}; here all are users")
        spelled = text(clause, "attribute", place)
        return attribute_of(spelled, place) if clause.get("contextKind") else spelled

    def _segment(self, value: Json, place: str) -> Term:
        key = key_of(as_text(value, place), place)
        if not self.work.has_segment(key):
            raise Unmappable(place, f"needs the segment {key!r}, which is missing or left out")
        return InSegment(key)


def attribute_of(reference: str, place: str) -> str:
    """A reference (``name`` or ``/address/city``) as an attribute's dotted name."""
    if not reference.startswith("/"):
        return reference
    parts = [part.replace("~1", "/").replace("~0", "~") for part in reference[1:].split("/")]
    if not all(parts) or (len(parts) > 1 and any("." in part for part in parts)):
        raise Unmappable(place, f"{reference[:80]!r} has no counterpart")
    return ".".join(parts)


def segment_of(segment: Object, clauses: Clauses, key: str) -> SegmentDraft:
    """A segment. Unmappable: big ones, shares of units, other kinds of context."""
    included, excluded = _units(segment, "included"), _units(segment, "excluded")
    if truth(segment, "unbounded", "segment"):
        raise Unmappable("unbounded", "is a big segment, whose units the document does not hold")
    terms: list[Term] = []
    for index, rule in enumerate(objects(segment, "rules", "segment")):
        if rule.get("weight") is not None:
            raise Unmappable(f"rules.{index}.weight", "holds a share of units only")
        terms.append(clauses.all_of(rule, f"rules.{index}"))
    term = some(terms)
    if term is True:
        raise Unmappable("rules", "holds everybody")
    return SegmentDraft(
        key=key_of(key),
        name=text(segment, "name", "segment", ""),
        conditions=() if isinstance(term, bool) else (term,),
        included=included,
        # There, who is in both lists belongs; here, would not.
        excluded=tuple(unit for unit in excluded if unit not in set(included)),
    )


def _units(segment: Object, name: str) -> tuple[str, ...]:
    units = [as_text(each, name) for each in members(segment, name, "segment")]
    for each in objects(segment, f"{name}Contexts", "segment"):
        kind = text(each, "contextKind", name, USER) or USER
        if kind != USER:
            raise Unmappable(f"{name}Contexts", f"lists contexts of the kind {kind[:40]!r}")
        units += [as_text(value, name) for value in members(each, "values", name)]
    return tuple(dict.fromkeys(units))


Make = Callable[[Notes, str, str, Json, str], Term]


def _in(_: Notes, attribute: str, __: str, value: Json, place: str) -> Term:
    if value is None or isinstance(value, dict | list):
        return False
    wanted: Scalar = as_scalar(value, place)
    return some((one_of(attribute, [wanted]), one_of(attribute, [wanted], Operator.LIST_ANY)))


def _text(notes: Notes, attribute: str, operator: str, value: Json, place: str) -> Term:
    if not isinstance(value, str):
        return False
    notes.note(place, f"a list as {attribute!r} matches nothing here")
    return is_(attribute, _TEXTS[operator], as_text(value, place))


def _matches(notes: Notes, attribute: str, _: str, value: Json, place: str) -> Term:
    notes.note(
        place,
        f"patterns are RE2's, as in most of LaunchDarkly's SDKs; a list as {attribute!r} matches nothing",
    )
    return isinstance(value, str) and is_(attribute, Operator.TEXT_MATCHES, as_text(value, place))


def _number(notes: Notes, attribute: str, operator: str, value: Json, place: str) -> Term:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    notes.note(place, f"a list as {attribute!r} matches nothing here")
    return is_(attribute, _NUMBERS[operator], as_number(value, place))


def _date(notes: Notes, attribute: str, operator: str, value: Json, place: str) -> Term:
    if isinstance(value, str):
        instant = instant_of_text(as_text(value, place))
        if instant is None or "T" not in value:
            raise Unmappable(place, "compares with no point in time")
        moment, millis = value, instant / 1_000_000
    else:
        millis = as_number(value, place)
        moment = _rfc3339(millis, place)
    notes.note(place, f"a plain date as {attribute!r} is its midnight here, and nothing there")
    by_text, by_number = _DATES[operator]
    return some((is_(attribute, by_text, moment), is_(attribute, by_number, millis)))


def _rfc3339(millis: float, place: str) -> str:
    from datetime import UTC, datetime, timedelta

    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)
    except OverflowError:
        raise Unmappable(place, "compares with a point in time out of all years") from None
    return moment.isoformat()


def _version(notes: Notes, attribute: str, operator: str, value: Json, place: str) -> Term:
    if not isinstance(value, str):
        return False
    core, mark, rest = _cut(value)
    padded = core + ".0" * (2 - core.count(".")) + mark + rest
    notes.note(place, f"{attribute!r} must be a full version such as 2.1.0; 2.1 matches nothing here")
    return is_(attribute, _VERSIONS[operator], padded)


def _cut(version: str) -> tuple[str, str, str]:
    for at, letter in enumerate(version):
        if letter in "-+":
            return version[:at], letter, version[at + 1 :]
    return version, "", ""


_MAKERS: Final[dict[str, Make]] = {
    "in": _in,
    "matches": _matches,
    **dict.fromkeys(_TEXTS, _text),
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(_DATES, _date),
    **dict.fromkeys(_VERSIONS, _version),
}
