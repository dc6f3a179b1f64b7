"""A flag as one generated Python function: straight comparisons, nothing looked up that could be known.

What differs between flags (names, payloads, thresholds) enters as default values of parameters ``kN``;
only names made up here enter the source. So no text of a ruleset is ever executed, and flags of one shape
share one compiled code: making the function of a flag of a known shape takes microseconds. Measured in
bench/sdk.py.
Not as closure cells: each is a thing of its own to the garbage collector, thirty for every flag in use.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import index
from types import CodeType, FunctionType
from typing import Any, Final

from mmh3 import hash as murmur3_x86_32

from pointsman.core.choice import Choice, ErrorCode, Reason
from pointsman.core.draws import threshold
from pointsman.core.flag_source import FlagBody, asks_around, segment_body
from pointsman.core.model import Flag, Segment
from pointsman.core.plain import PLAIN, WIDEST_UNIT, plain
from pointsman.core.scope import Decide, Scope, Unanswerable
from pointsman.core.writing import Body

__all__ = [
    "WIDEST_UNIT",
    "Decide",
    "Unanswerable",
    "asks_around",
    "carried",
    "decider",
    "dict_of_context",
    "membership",
    "stands_alone",
    "text_of_unit",
    "threshold",
]


def decider(flag: Flag, scope: Scope) -> Decide:
    """The function that answers for this flag. It takes a memo too if the flag ``asks_around``."""
    body = FlagBody(flag, scope)
    body.write()
    if asks_around(flag):
        return _made(body, "unit, context, memo", None)
    return _made(body, "unit, context")


def stands_alone(flag: Flag) -> bool:
    """Whether what the flag's function answers follows from the flag, unit and context alone."""
    return not (flag.sticky or flag.kept or asks_around(flag))


def carried(decide: Decide, revision: int) -> Decide:
    """The same function of a flag that stands alone, under the next ruleset's revision.

    A new function around the same code and constants: a twentieth of the cost of ``decider``, in time and in
    objects left to the garbage collector; and a thread inside of the former one goes on with its revision.
    """
    if not isinstance(decide, FunctionType) or decide.__defaults__ is None:
        raise TypeError("not a function that decider() made")
    return FunctionType(
        decide.__code__, decide.__globals__, decide.__name__, (revision, *decide.__defaults__[1:])
    )


def membership(segment: Segment, scope: Scope) -> Callable[..., bool]:
    """The function that tells from (unit, context, memo) whether a unit belongs to the segment."""
    belongs: Callable[..., bool] = _made(segment_body(segment, scope), "unit, context, memo")
    return belongs


def text_of_unit(unit: Any) -> str:
    """The unit as it is bucketed: text as it is, an integer as its decimal text. Unanswerable: the rest.

    Integers are Python's and those of other libraries (numpy's, say), truth values not among them. The rest
    includes empty text and text with a lone surrogate, which has no UTF-8 bytes to hash.
    """
    # By type(), not isinstance(): an object may lie about its __class__, or raise when asked.
    if issubclass(type(unit), str) and str.__len__(unit):
        try:
            str.encode(unit)
        except UnicodeEncodeError as error:
            raise Unanswerable(ErrorCode.TARGETING_KEY_MISSING) from error
        return str.__str__(unit)
    if type(unit) is not bool:
        try:
            number = index(unit)
        except Exception as error:  # No integer; or __index__ is the caller's code, which may raise anything.
            raise Unanswerable(ErrorCode.TARGETING_KEY_MISSING) from error
        if int.__abs__(number) < WIDEST_UNIT:
            return int.__repr__(number)
    raise Unanswerable(ErrorCode.TARGETING_KEY_MISSING)


def dict_of_context(context: Any) -> dict[object, object]:
    """A mapping as a dict, None as an empty one. Unanswerable: anything else."""
    if context is None:
        return {}
    try:
        if issubclass(type(context), Mapping):
            return dict(context)
    except Exception as error:  # The mapping is the caller's code, which may raise anything.
        raise Unanswerable(ErrorCode.INVALID_CONTEXT) from error
    raise Unanswerable(ErrorCode.INVALID_CONTEXT)


def _made(body: Body, parameters: str, *defaults: None) -> Callable[..., Any]:
    """The function; ``defaults`` are those of the last parameters."""
    code = _code("\n".join(body.lines), len(body.constants), parameters)
    return FunctionType(code, _SHARED, "decide", (*defaults, *body.constants))


@lru_cache(maxsize=512)
def _code(body: str, constants: int, parameters: str) -> CodeType:
    names = ", ".join((parameters, *(f"k{index}" for index in range(constants))))
    namespace: dict[str, Any] = {}
    exec(f"def decide({names}):\n{body}\n", namespace)  # noqa: S102  (no text of a ruleset enters it)
    decide: FunctionType = namespace["decide"]
    return decide.__code__


_SHARED: Final[dict[str, Any]] = {
    "__builtins__": __builtins__,
    "Choice": Choice,
    "new": tuple.__new__,  # Half the cost of Choice(...), which passes through a Python-level __new__.
    "murmur": murmur3_x86_32,
    "bisect": bisect_right,
    "text_of_unit": text_of_unit,
    "dict_of_context": dict_of_context,
    "plain": plain,
    "PLAIN": PLAIN,
    "UNREAD": object(),
    "OFF": Reason.OFF,
    "DEFAULT": Reason.DEFAULT,
    "TARGETING_MATCH": Reason.TARGETING_MATCH,
    "SPLIT": Reason.SPLIT,
    "PREREQUISITE": Reason.PREREQUISITE,
    "OVERRIDE": Reason.OVERRIDE,
    "STICKY": Reason.STICKY,
}
