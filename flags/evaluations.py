"""The server's own evaluations: one per ruleset, ready for every thread, and their answers as JSON text."""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from threading import Lock, local
from time import time
from typing import Final, TypeAlias

from flags.cache import CompiledRuleset
from flags.model import RulesetId
from pointsman.core.choice import Choice, ErrorCode, Reason
from pointsman.core.codec import decode
from pointsman.core.evaluation import Evaluation
from pointsman.core.model import Flag, Json, Kind
from pointsman.core.references import unit_sets_of
from pointsman.core.unit_sets import UNPUBLISHED, read_units, write_hashes
from runtime.collector import collector_paused

# A process that serves more environments than this evaluates the least used ones after another decoding.
_MOST_RULESETS: Final = 32
_MOST_BYTES: Final = 64 * 1024 * 1024

# OFREP has five reasons, and no DEFAULT among them; a client may crash on any other word.
_REASONS: Final = {
    "OFF": "DISABLED",
    "PREREQUISITE": "DISABLED",
    "DEFAULT": "STATIC",
    "TARGETING_MATCH": "TARGETING_MATCH",
    "OVERRIDE": "TARGETING_MATCH",
    "SPLIT": "SPLIT",
    "STICKY": "SPLIT",
}


UnitSets: TypeAlias = Callable[[frozenset[str]], Mapping[str, bytes]]
"""The bodies of unit sets, by digest."""


class _Remembered(Mapping[str, Mapping[str, str]]):
    """What the store says of one unit, for the thread that has just asked: by flag and unit, the variant."""

    def __init__(self) -> None:
        self._own = local()

    def tell(self, found: Mapping[str, Mapping[str, str]]) -> None:
        self._own.found = found

    def __getitem__(self, flag: str) -> Mapping[str, str]:
        found: Mapping[str, str] = self._own.found[flag]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._own.found)

    def __len__(self) -> int:
        return len(self._own.found)


class Answers:
    """Evaluates one ruleset. What a variant's payload reads as JSON is written once.

    A flag of kind number has one type for every variant: if any payload has a fraction or is written with a
    decimal point, all are sent with one (``1.0``), else all are whole. Strict clients tell the two apart.
    """

    def __init__(
        self, evaluation: Evaluation, for_newcomers: Evaluation | None = None, *, asks: bool = False
    ) -> None:
        self.evaluation: Final = evaluation
        self.asks: Final = asks
        """Whether a flag keeps more units than are handed out, so that the store may have to be asked."""
        self.for_newcomers: Final = for_newcomers or evaluation
        """The same for units that no sticky flag has enrolled: for whoever has looked into the store."""
        ruleset = evaluation.ruleset
        self.flags: Final = {} if ruleset is None else ruleset.flags
        self._remembered: Final = _Remembered()
        self._knowing: Final = Evaluation(
            ruleset,
            self.for_newcomers.units,
            now=evaluation.now,
            attributes=evaluation.attributes,
            recent=self._remembered,
        )
        self._heads: dict[str, str] = {}
        self._tails: dict[tuple[str, str, str, str | None], str] = {}

    def is_open(self, choice: Choice) -> bool:
        """Whether the store of assignments may know what these bytes do not: a set was too large for them."""
        return choice.error is ErrorCode.GENERAL and self.asks

    def knowing(self, flag: str, unit: str, context: object, stored: Mapping[str, str]) -> Choice:
        """The choice where ``stored`` are the variants this unit keeps, by sticky flag. Never raises."""
        self._remembered.tell({key: {unit: variant} for key, variant in stored.items()})
        return self._knowing.choose(flag, unit, context, None)

    def text(self, flag: Flag, choice: Choice) -> str:
        """The choice as an OFREP success. The choice is one of this very evaluation, and no error."""
        head = self._heads.get(flag.key)
        if head is None:
            head = self._heads[flag.key] = f'{{"key":{_json(flag.key)},'
        name = (flag.key, choice.variant, choice.reason, choice.rule)
        tail = self._tails.get(name)
        if tail is None:
            tail = self._tails[name] = _tail(flag, choice)
        return head + tail


class Evaluations:
    """Those made so far, the least recently used forgotten first. One for a process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[RulesetId, tuple[Answers, int]] = OrderedDict()
        self._bytes = 0
        self._lock, self._making = Lock(), Lock()

    def at_hand(self, ruleset_id: RulesetId) -> Answers | None:
        """The evaluation of this ruleset, if it is there. Never waits for long."""
        with self._lock:
            found = self._kept.get(ruleset_id)
            if found is None:
                return None
            self._kept.move_to_end(ruleset_id)
            return found[0]

    def of(self, compiled: CompiledRuleset, bodies_of: UnitSets) -> Answers:
        """The evaluation of this ruleset, made now if need be. CodecError: it cannot be read."""
        found = self.at_hand(compiled.id)
        if found is not None:
            return found
        with self._making:  # Of many that ask at once for a new ruleset one reads it, the others get that.
            return self.at_hand(compiled.id) or self._keep(compiled, bodies_of)

    def _keep(self, compiled: CompiledRuleset, bodies_of: UnitSets) -> Answers:
        with collector_paused():
            ruleset = decode(compiled.body)
            bodies = bodies_of(unit_sets_of(ruleset))
            units = {digest: read_units(body) for digest, body in bodies.items()}
            newcomers = {**units, UNPUBLISHED: read_units(write_hashes("", ()))}
            made = Answers(
                Evaluation(ruleset, units, now=time),
                Evaluation(ruleset, newcomers, now=time),
                asks=UNPUBLISHED.encode() in compiled.body,
            )
        with self._lock:
            self._kept[compiled.id] = (made, len(compiled.body))
            self._bytes += len(compiled.body)
            while len(self._kept) > 1 and (len(self._kept) > _MOST_RULESETS or self._bytes > _MOST_BYTES):
                self._bytes -= self._kept.popitem(last=False)[1][1]
        return made


def _tail(flag: Flag, choice: Choice) -> str:
    metadata = {"kind": flag.kind.value, "reason": str(choice.reason), "version": flag.version}
    if choice.rule is not None:
        metadata["rule"] = choice.rule
    reason = _REASONS.get(choice.reason, "UNKNOWN")
    # A payload of null is no value of any type: the protocol's way to say "the code's default".
    value = "" if choice.value is None else f'"value":{_json(_typed(flag, choice.value))},'
    return f'{value}"reason":"{reason}","variant":{_json(choice.variant)},"metadata":{_json(metadata)}}}'


def _typed(flag: Flag, value: Json) -> Json:
    if flag.kind is not Kind.NUMBER or not isinstance(value, int):
        return value
    return float(value) if any(isinstance(each, float) for each in flag.variants.values()) else value


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def failed(choice: Choice) -> bool:
    """Whether the choice is the caller's default because something was wrong."""
    return choice.reason is Reason.ERROR
