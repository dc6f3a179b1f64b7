"""From ruleset, unit and context to a choice. Never raises: whatever is wrong is the choice's error."""

from typing import Final

from pointsman.core.choice import Choice, ErrorCode, Reason
from pointsman.core.model import Ruleset
from pointsman.core.source import WIDEST_UNIT, Decide, Unanswerable, decider


class Evaluation:
    """One ruleset, and the functions made from it so far: a flag's is made when first asked for.

    ``deciders`` is the quick way in: look the flag up, call, and on any exception at all ask ``choose``.
    Threads may share an evaluation; two that make the same function at once make the same function.
    """

    __slots__ = ("deciders", "ruleset")

    def __init__(self, ruleset: Ruleset | None) -> None:
        self.ruleset: Final = ruleset
        self.deciders: Final[dict[str, Decide]] = {}

    def choose(self, flag: object, unit: object, context: object, default: object) -> Choice:
        """The choice; on an error the caller's default, with the error's code. Never raises."""
        try:
            return self._decider(flag)(unit, context)
        except Unanswerable as error:
            code = error.code
        except Exception:
            code = ErrorCode.GENERAL
        return self._failed(flag, unit, default, code)

    def followed_by(self, ruleset: Ruleset) -> "Evaluation":
        """The evaluation of the next ruleset, with the flags now in use ready beforehand."""
        following = Evaluation(ruleset)
        for flag in tuple(self.deciders):
            if flag in ruleset.flags:
                following._decider(flag)
        return following

    def _decider(self, flag: object) -> Decide:
        if self.ruleset is None:
            raise Unanswerable(ErrorCode.PROVIDER_NOT_READY)
        key = _text(flag)
        if key not in self.ruleset.flags:
            raise Unanswerable(ErrorCode.FLAG_NOT_FOUND)
        made = self.deciders.get(key)
        if made is None:
            made = self.deciders[key] = decider(self.ruleset.flags[key], self.ruleset.revision)
        return made

    def _failed(self, flag: object, unit: object, default: object, code: ErrorCode) -> Choice:
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


def _text(value: object) -> str:
    # type() rather than isinstance(): an object may lie about its __class__, or raise when asked.
    return str.__str__(value) if issubclass(type(value), str) else ""


def _unit(value: object) -> str:
    return int.__repr__(value) if type(value) is int and abs(value) < WIDEST_UNIT else _text(value)
