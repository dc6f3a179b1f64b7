"""From ruleset, unit and context to a choice. Never raises: whatever is wrong is the choice's error."""

from collections.abc import Callable, Mapping
from typing import Final

from pointsman.core.choice import Choice, ErrorCode, Reason
from pointsman.core.flag_texts import FlagTexts
from pointsman.core.model import Ruleset, Scalar
from pointsman.core.scope import Memo, Scope
from pointsman.core.source import (
    WIDEST_UNIT,
    Decide,
    Unanswerable,
    asks_around,
    carried,
    decider,
    membership,
    stands_alone,
)
from pointsman.core.unit_sets import UnitSet

Recent = Mapping[str, Mapping[str, str]]
"""By sticky flag and unit, the variant the unit had lately. Read as it is at each choice."""

_READY_BEFOREHAND: Final = 1_000
_INSTANT: Final = None
"""The memo's key of the instant: no flag's key, which is text, and no segment's, which is a pair."""


class Evaluation:
    """One ruleset, and the functions made from it so far: a flag's is made when first asked for.

    ``deciders`` is the quick way in: look the flag up, call, and on any exception at all ask ``choose``.
    Threads may share an evaluation; two that make the same function at once make the same function.

    ``units``: every unit set the ruleset needs (``references.unit_sets_of``), by digest; a choice that needs
    one that is missing is an error. ``now`` gives Unix seconds and is asked only by flags with a window or
    switches, once a choice. ``attributes`` stand in where a context has no such key.
    """

    __slots__ = ("_around", "_segments", "attributes", "deciders", "now", "recent", "ruleset", "units")

    def __init__(
        self,
        ruleset: Ruleset | None,
        units: Mapping[str, UnitSet] | None = None,
        *,
        now: Callable[[], float] | None = None,
        attributes: Mapping[str, Scalar] | None = None,
        recent: Recent | None = None,
    ) -> None:
        self.ruleset: Final = ruleset
        self.units: Final[Mapping[str, UnitSet]] = units or {}
        self.now: Final = now
        self.attributes: Final[Mapping[str, Scalar]] = attributes or {}
        self.recent: Final = recent
        self.deciders: Final[dict[str, Decide]] = {}
        self._segments: Final[dict[str, Callable[..., bool]]] = {}
        self._around: Final[set[str]] = set()

    def choose(self, flag: object, unit: object, context: object, default: object) -> Choice:
        """The choice; on an error the caller's default, with the error's code. Never raises."""
        try:
            return self._decider(flag)(unit, context)
        except Unanswerable as error:
            code = error.code
        except Exception:
            code = ErrorCode.GENERAL
        return self.failed(flag, unit, default, code)

    def followed_by(self, ruleset: Ruleset, units: Mapping[str, UnitSet] | None = None) -> "Evaluation":
        """The evaluation of the next ruleset, with the flags now in use ready beforehand.

        But of those that changed only 1,000: the functions of thousands more, beside all the former ones,
        would make the host's garbage collector stop everything, for much longer than making one at its first
        use takes.

        ``units``: the next ruleset's unit sets; None: the present ones.
        """
        following = Evaluation(
            ruleset,
            self.units if units is None else units,
            now=self.now,
            attributes=self.attributes,
            recent=self.recent,
        )
        made = 0
        for key, decide in self.deciders.copy().items():
            if self._carries(key, ruleset):
                following.deciders[key] = carried(decide, ruleset.revision)
            elif key in ruleset.flags and made < _READY_BEFOREHAND:
                following._decider(key)
                made += 1
        return following

    def _carries(self, key: str, ruleset: Ruleset) -> bool:
        """Whether what the flag's function answers is the same in the next ruleset."""
        former = {} if self.ruleset is None else self.ruleset.flags
        if isinstance(former, FlagTexts) and isinstance(ruleset.flags, FlagTexts):
            return ruleset.flags.is_same(key, former)
        flag = ruleset.flags.get(key)
        return flag is not None and flag is former.get(key) and stands_alone(flag)

    def failed(self, flag: object, unit: object, default: object, code: ErrorCode) -> Choice:
        """The choice of an error: the caller's default."""
        return Choice(
            flag=_text(flag),
            unit=_unit(unit),
            variant=_text(default) if issubclass(type(default), str) else None,
            value=default,
            reason=Reason.ERROR,
            rule=None,
            revision=None if self.ruleset is None else self.ruleset.revision,
            error=code,
        )

    def _decider(self, flag: object) -> Decide:
        if self.ruleset is None:
            raise Unanswerable(ErrorCode.PROVIDER_NOT_READY)
        key = _text(flag)
        if key not in self.ruleset.flags:
            raise Unanswerable(ErrorCode.FLAG_NOT_FOUND)
        made = self.deciders.get(key)
        if made is None:
            known = self.ruleset.flags[key]
            if asks_around(known):
                self._around.add(key)
            made = self.deciders[key] = decider(known, self._scope(self.ruleset))
        return made

    def _scope(self, ruleset: Ruleset) -> Scope:
        return Scope(
            revision=ruleset.revision,
            attributes=self.attributes,
            recent=self.recent,
            holds=self._holds,
            served=self._served,
            belongs=self._belongs,
            instant=self._instant,
        )

    def _served(self, flag: str, unit: str, context: dict[object, object], memo: Memo) -> str:
        if flag not in memo:
            decide = self._decider(flag)
            choice = decide(unit, context, memo) if flag in self._around else decide(unit, context)
            memo[flag] = choice.variant
        variant: str = memo[flag]
        return variant

    def _belongs(self, segment: str, unit: str, context: dict[object, object], memo: Memo) -> bool:
        at = ("segment", segment)
        if at not in memo:
            memo[at] = self._membership(segment)(unit, context, memo)
        inside: bool = memo[at]
        return inside

    def _membership(self, segment: str) -> Callable[..., bool]:
        made = self._segments.get(segment)
        if made is None:
            ruleset = self.ruleset
            if ruleset is None or segment not in ruleset.segments:
                raise Unanswerable(ErrorCode.GENERAL)
            made = self._segments[segment] = membership(ruleset.segments[segment], self._scope(ruleset))
        return made

    def _holds(self, digest: str) -> Callable[[str], bool]:
        units = self.units.get(digest)
        return _not_loaded if units is None else units.holds

    def _instant(self, memo: Memo) -> float:
        if _INSTANT not in memo:
            if self.now is None:
                raise Unanswerable(ErrorCode.GENERAL)
            memo[_INSTANT] = self.now()
        instant: float = memo[_INSTANT]
        return instant


def _not_loaded(unit: str) -> bool:
    raise Unanswerable(ErrorCode.GENERAL)


def _text(value: object) -> str:
    # type() rather than isinstance(): an object may lie about its __class__, or raise when asked.
    return str.__str__(value) if issubclass(type(value), str) else ""


def _unit(value: object) -> str:
    return int.__repr__(value) if type(value) is int and abs(value) < WIDEST_UNIT else _text(value)
