"""A flag as one generated Python function: straight comparisons, nothing looked up that could be known.

What differs between flags (names, payloads, thresholds) enters as closure cells ``kN``; only names made up
here enter the source. So no text of a ruleset is ever executed, and flags of one shape share one compiled
factory: making the function of a flag of a known shape takes microseconds. Measured in bench/sdk.py.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import index
from typing import Any, Final, TypeAlias

from mmh3 import hash as murmur3_x86_32

from pointsman.core.bucketing import BUCKETS
from pointsman.core.choice import Choice, ErrorCode, Reason
from pointsman.core.conditions import PLAIN, plain, source_of
from pointsman.core.model import Flag, Rule, Split
from pointsman.errors import PointsmanError

Decide: TypeAlias = Callable[[Any, Any], Choice]
"""The choice for (unit, context), both whatever the caller handed over. Raises Unanswerable."""

# Up to here a chain of comparisons is quicker than a bisection (3 to 4 against 8 ranges, about equal).
_CHAIN: Final = 8

# Past 4,300 digits Python refuses to spell an integer, and no unit is that long.
WIDEST_UNIT: Final = 10**1000


class Unanswerable(PointsmanError):
    """This unit or context has no answer. Never leaves ``Evaluation.choose``."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code = code


def decider(flag: Flag, revision: int) -> Decide:
    """The function that answers for this flag of the ruleset of this revision."""
    writer = _Writer(flag, revision)
    writer.write()
    factory = _factory("\n".join(writer.lines), len(writer.constants))
    return factory(*writer.constants)


def threshold(end: int) -> int:
    """The smallest 32-bit hash whose bucket is not below ``end``; saves the scaling on every call."""
    return -(-(end << 32) // BUCKETS)


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


@lru_cache(maxsize=512)
def _factory(body: str, constants: int) -> Callable[..., Decide]:
    cells = ", ".join(f"k{index}" for index in range(constants))
    source = f"def factory({cells}):\n def decide(unit, context):\n{body}\n return decide\n"
    namespace = dict(_SHARED)
    exec(source, namespace)  # noqa: S102  (written here alone: the ruleset's own text never enters it)
    factory: Callable[..., Decide] = namespace["factory"]
    return factory


_SHARED: Final[dict[str, Any]] = {
    "Choice": Choice,
    "new": tuple.__new__,  # Half the cost of Choice(...), which passes through a Python-level __new__.
    "murmur": murmur3_x86_32,
    "bisect": bisect_right,
    "text_of_unit": text_of_unit,
    "dict_of_context": dict_of_context,
    "plain": plain,
    "PLAIN": PLAIN,
    "OFF": Reason.OFF,
    "DEFAULT": Reason.DEFAULT,
    "TARGETING_MATCH": Reason.TARGETING_MATCH,
    "SPLIT": Reason.SPLIT,
}


class _Writer:
    """Writes one flag's function: its lines, and the constants they name."""

    def __init__(self, flag: Flag, revision: int) -> None:
        self.lines: list[str] = []
        self.constants: list[object] = []
        self._flag = flag
        self._key = self._keep(flag.key)
        self._revision = self._keep(revision)
        self._attributes: dict[str, int] = {}

    def write(self) -> None:
        flag = self._flag
        # Not ASCII: looked at more closely, for mmh3 5.3 ends the process (SIGSEGV) on a lone surrogate.
        self._line(2, "if type(unit) is not str or not unit or not unit.isascii(): unit = text_of_unit(unit)")
        if flag.enabled and any(rule.conditions for rule in flag.rules):
            self._line(2, "if type(context) is not dict: context = dict_of_context(context)")
        else:
            self._line(2, "if context is not None and type(context) is not dict: dict_of_context(context)")
        if not flag.enabled:
            self._serve(2, flag.off, "OFF")
            return
        for rule in flag.rules:
            self._rule(rule)
            if not rule.conditions:  # It matches everyone: whatever follows is never reached.
                return
        self._serve(2, flag.default, "DEFAULT")

    def _rule(self, rule: Rule) -> None:
        for condition in rule.conditions:
            self._fetch(condition.attribute)
        tests = [
            f"({source_of(condition, self._attributes[condition.attribute], self._keep)})"
            for condition in rule.conditions
        ]
        if tests:
            self._line(2, f"if {' and '.join(tests)}:")
        self._split(rule, 3 if tests else 2)

    def _fetch(self, attribute: str) -> None:
        if attribute in self._attributes:
            return
        local = self._attributes[attribute] = len(self._attributes)
        self._line(2, f"a{local} = context.get({self._keep(attribute)})")
        self._line(2, f"t{local} = type(a{local})")
        self._line(2, f"if t{local} not in PLAIN: a{local}, t{local} = plain(a{local})")

    def _split(self, rule: Rule, indent: int) -> None:
        ends, variants = _joined(rule.split)
        rule_id = self._keep(rule.id)
        if len(variants) == 1:
            self._serve(indent, variants[0], "TARGETING_MATCH", rule_id)
            return
        # There and back: a salt that has no bytes fails here, and never reaches the hash.
        prefix = self._keep(f"{self._flag.salt}:".encode().decode())
        self._line(indent, f"bits = murmur({prefix} + unit, 0, False)")
        if len(variants) > _CHAIN:
            self._bisect(indent, ends, variants, rule_id)
            return
        for end, variant in zip(ends, variants[:-1], strict=True):
            self._line(indent, f"if bits < {self._keep(threshold(end))}:")
            self._serve(indent + 1, variant, "SPLIT", rule_id)
        self._serve(indent, variants[-1], "SPLIT", rule_id)

    def _bisect(self, indent: int, ends: list[int], variants: list[str], rule_id: str) -> None:
        thresholds = self._keep(tuple(threshold(end) for end in ends))
        served = self._keep(tuple((name, self._flag.variants[name]) for name in variants))
        self._line(indent, f"variant, value = {served}[bisect({thresholds}, bits)]")
        self._return(indent, "variant", "value", "SPLIT", rule_id)

    def _serve(self, indent: int, variant: str, reason: str, rule_id: str = "None") -> None:
        payload = self._keep(self._flag.variants[variant])
        self._return(indent, self._keep(variant), payload, reason, rule_id)

    def _return(self, indent: int, variant: str, value: str, reason: str, rule_id: str) -> None:
        fields = f"{self._key}, unit, {variant}, {value}, {reason}, {rule_id}, {self._revision}, None"
        self._line(indent, f"return new(Choice, ({fields}))")

    def _line(self, indent: int, text: str) -> None:
        self.lines.append(" " * indent + text)

    def _keep(self, constant: object) -> str:
        self.constants.append(constant)
        return f"k{len(self.constants) - 1}"


def _joined(split: Split) -> tuple[list[int], list[str]]:
    """Inner ends and owners, with neighbouring ranges of one variant made one."""
    ends: list[int] = []
    variants: list[str] = []
    for part in split:
        if variants and variants[-1] == part.variant:
            ends[-1] = part.end
        else:
            ends.append(part.end)
            variants.append(part.variant)
    return ends[:-1], variants
