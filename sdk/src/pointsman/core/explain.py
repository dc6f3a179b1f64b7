"""Why a unit gets what it gets: the rules read one by one, beside the evaluator's generated functions.

Nothing here is generated, so that two readings of a ruleset exist; property tests hold them to one answer.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from pointsman.core.attributes import finder_of
from pointsman.core.choice import Choice, ErrorCode, Reason
from pointsman.core.evaluation import Evaluation
from pointsman.core.explanation import (
    DrawStep,
    Explanation,
    GateStep,
    KeptStep,
    NodeStep,
    RuleStep,
    explanation_json,
    shown_value,
)
from pointsman.core.hashing import bucket_of
from pointsman.core.model import (
    AllOf,
    AnyOf,
    Condition,
    Flag,
    Gate,
    Hashing,
    InSegment,
    Kept,
    Node,
    Not,
    Range,
    Rule,
    Ruleset,
    Scheme,
    Segment,
    Serves,
    Span,
    Window,
)
from pointsman.core.plain import hashable_text
from pointsman.core.scope import Unanswerable
from pointsman.core.source import dict_of_context, text_of_unit
from pointsman.core.switches import last_due
from pointsman.core.verdicts import Why, verdict

__all__ = ["Explanation", "explain", "explanation_json"]

_NOT_TOLD: Final = ErrorCode.GENERAL


def explain(
    evaluation: Evaluation, flag: object, unit: object, context: object, default: object = None
) -> Explanation:
    """Every step to the choice that ``evaluation.choose`` makes of the same. Never raises."""
    try:
        return _Inquiry(evaluation, flag, unit, context).explained(default)
    except Unanswerable as error:
        code = error.code
    except Exception:
        code = ErrorCode.GENERAL
    return Explanation(choice=evaluation.failed(flag, unit, default, code), now=None)


class _Inquiry:
    """One unit and context, asked of one ruleset. Every flag, segment and the time are asked once."""

    def __init__(self, evaluation: Evaluation, flag: object, unit: object, context: object) -> None:
        if evaluation.ruleset is None:
            raise Unanswerable(ErrorCode.PROVIDER_NOT_READY)
        key = str.__str__(flag) if isinstance(flag, str) else ""
        if key not in evaluation.ruleset.flags:
            raise Unanswerable(ErrorCode.FLAG_NOT_FOUND)
        self._evaluation: Final = evaluation
        self._ruleset: Final[Ruleset] = evaluation.ruleset
        self._flag: Final = self._ruleset.flags[key]
        self._unit: Final = text_of_unit(unit)
        self._context: Final = dict_of_context(context)
        self._served: dict[str, str | None] = {}
        self._segments: dict[str, tuple[bool | None, tuple[NodeStep, ...]]] = {}
        self._now: float | None = None
        self._asked = False

    def explained(self, default: object) -> Explanation:
        """The explanation for the caller, whose default serves on an error."""
        steps = _Steps()
        choice = self._choice(self._flag, steps)
        if choice is None:
            choice = self._evaluation.failed(self._flag.key, self._unit, default, _NOT_TOLD)
        return Explanation(
            choice=choice,
            now=self._now,
            enabled=steps.enabled,
            switch=None if self._now is None else last_due(self._flag, self._now),
            prerequisites=tuple(steps.prerequisites),
            override=steps.override,
            recent=steps.recent,
            kept=tuple(steps.kept),
            rules=tuple(steps.rules),
        )

    def _choice(self, flag: Flag, steps: "_Steps") -> Choice | None:
        """The choice, written down step by step; None: it cannot be told."""
        for step in (self._by_state, self._by_prerequisite, self._by_unit, self._by_kept, self._by_rule):
            found = step(flag, steps)
            if found is not _ON:
                return found
        return self._serve(flag, flag.default, Reason.DEFAULT, None)

    def _by_state(self, flag: Flag, steps: "_Steps") -> Choice | None:
        steps.enabled = flag.enabled
        if flag.switches:
            now = self._instant()
            if now is None:
                steps.enabled = None
                return None
            switch = last_due(flag, now)
            steps.enabled = flag.enabled if switch is None else switch.enabled
        return _ON if steps.enabled else self._serve(flag, flag.off, Reason.OFF, None)

    def _by_prerequisite(self, flag: Flag, steps: "_Steps") -> Choice | None:
        for asked in flag.requires:
            step = self._node(asked)
            steps.prerequisites.append(step)
            if not step.held:
                unmet = self._serve(flag, flag.off, Reason.PREREQUISITE, None)
                return None if step.held is None else unmet
        return _ON

    def _by_unit(self, flag: Flag, steps: "_Steps") -> Choice | None:
        steps.override = flag.overrides.get(self._unit)
        if steps.override is not None:
            return self._serve(flag, steps.override, Reason.OVERRIDE, None)
        recent = self._evaluation.recent
        if flag.sticky and recent is not None:
            variant = recent.get(flag.key, {}).get(self._unit)
            if variant is not None and variant in flag.variants:
                steps.recent = variant
                return self._serve(flag, variant, Reason.STICKY, None)
        return _ON

    def _by_kept(self, flag: Flag, steps: "_Steps") -> Choice | None:
        for kept in flag.kept:
            step = self._kept(flag, kept)
            steps.kept.append(step)
            if step.held is None:
                return None
            if step.held and step.draw.range is not None:
                return self._serve(flag, step.draw.range.variant, Reason.STICKY, kept.rule)
        return _ON

    def _by_rule(self, flag: Flag, steps: "_Steps") -> Choice | None:
        for rule in flag.rules:
            step = self._rule(flag, rule)
            steps.rules.append(step)
            if step.held is None:
                return None
            if step.held:
                variants = {part.variant for part in rule.split}
                if len(variants) == 1:
                    return self._serve(flag, variants.pop(), Reason.TARGETING_MATCH, rule.id)
                assert step.draw.range is not None  # noqa: S101  (a split covers every bucket)
                return self._serve(flag, step.draw.range.variant, Reason.SPLIT, rule.id)
        return _ON

    def _kept(self, flag: Flag, kept: Kept) -> KeptStep:
        draw = self._draw(kept.hashing or Hashing(seed=flag.salt), kept.ranges)
        conditions = tuple(self._node(node) for node in kept.conditions)
        gates = tuple(self._gate(gate) for gate in kept.gates)
        in_units = self._in_one_of(kept.units)
        answers = [draw.range is not None, *_held(conditions), *_held(gates), in_units]
        return KeptStep(
            rule=kept.rule,
            epoch=kept.epoch,
            draw=draw,
            conditions=conditions,
            gates=gates,
            in_units=in_units,
            held=_all(answers),
        )

    def _rule(self, flag: Flag, rule: Rule) -> RuleStep:
        in_window = self._in_window(rule.window)
        conditions = tuple(self._node(node) for node in rule.conditions)
        gates = tuple(self._gate(gate) for gate in rule.gates)
        draw = self._draw(rule.hashing or Hashing(seed=flag.salt), rule.split)
        answers = [in_window, *_held(conditions), *_held(gates), draw.bucket is not None]
        return RuleStep(
            rule=rule.id,
            window=rule.window,
            in_window=in_window,
            conditions=conditions,
            gates=gates,
            draw=draw,
            held=_all(answers),
        )

    def _node(self, node: Node) -> NodeStep:
        match node:
            case Condition():
                value = finder_of(node.attribute, self._evaluation.attributes)(self._context)
                why = verdict(node, value)
                return NodeStep(node=node, held=why is Why.HOLDS, why=why, actual=shown_value(value))
            case AllOf(nodes):
                return self._tree(node, nodes, _all)
            case AnyOf(nodes):
                return self._tree(node, nodes, _any)
            case Not(inner):
                return self._tree(node, (inner,), _not)
            case InSegment(key):
                held, steps = self._belongs(key)
                return NodeStep(node=node, held=held, why=_why(held), nodes=steps)
            case Serves():
                return self._serves(node)

    def _tree(
        self, node: Node, inner: Iterable[Node], joined: Callable[[Sequence[bool | None]], bool | None]
    ) -> NodeStep:
        steps = tuple(self._node(each) for each in inner)
        held = joined([step.held for step in steps])
        return NodeStep(node=node, held=held, why=_why(held), nodes=steps)

    def _serves(self, asked: Serves) -> NodeStep:
        if asked.flag not in self._served:
            choice = self._choice(self._ruleset.flags[asked.flag], _Steps())
            self._served[asked.flag] = None if choice is None else choice.variant
        variant = self._served[asked.flag]
        held = None if variant is None else variant in asked.variants
        return NodeStep(node=asked, held=held, why=_why(held), actual=variant)

    def _belongs(self, key: str) -> tuple[bool | None, tuple[NodeStep, ...]]:
        if key not in self._segments:
            segment = self._ruleset.segments[key]
            steps = tuple(self._node(node) for node in segment.conditions)
            self._segments[key] = self._membership(segment, steps), steps
        return self._segments[key]

    def _membership(self, segment: Segment, steps: tuple[NodeStep, ...]) -> bool | None:
        excluded = self._in_one_of(segment.excluded)
        met = _all([step.held for step in steps]) if steps else False
        return _all([_not([excluded]), _any([self._in_one_of(segment.included), met])])

    def _in_one_of(self, digests: Iterable[str]) -> bool | None:
        answers: list[bool | None] = []
        for digest in digests:
            units = self._evaluation.units.get(digest)
            answers.append(None if units is None else units.holds(self._unit))
        return _any(answers)

    def _gate(self, gate: Gate) -> GateStep:
        draw = self._draw(gate.hashing, ())
        held = draw.bucket is not None and _within(gate.spans, draw.bucket)
        return GateStep(kind=gate.kind, name=gate.name, draw=draw, spans=gate.spans, held=held)

    def _draw(self, hashing: Hashing, ranges: Iterable[Range]) -> DrawStep:
        text: str | None = self._unit
        forgiving = False
        if hashing.attribute is not None:
            text = hashable_text(finder_of(hashing.attribute, self._evaluation.attributes)(self._context))
            forgiving = hashing.scheme is Scheme.LAUNCHDARKLY
        bucket = bucket_of(hashing, text) if text or (forgiving and text is not None) else None
        if bucket is None and forgiving:
            bucket = 0  # LaunchDarkly's own answer for what it cannot hash.
        owners = [part for part in ranges if bucket is not None and part.start <= bucket < part.end]
        return DrawStep(hashing=hashing, text=text, bucket=bucket, range=owners[0] if owners else None)

    def _in_window(self, window: Window | None) -> bool | None:
        if window is None or (window.start, window.end) == (None, None):
            return True
        now = self._instant()
        if now is None:
            return None
        return (window.start is None or window.start <= now) and (window.end is None or now < window.end)

    def _instant(self) -> float | None:
        if not self._asked:
            self._asked = True
            try:
                self._now = None if self._evaluation.now is None else self._evaluation.now()
            except Exception:  # The clock is the caller's code; without one nothing can be told.
                self._now = None
        return self._now

    def _serve(self, flag: Flag, variant: str, reason: Reason, rule: str | None) -> Choice:
        revision = self._ruleset.revision
        return Choice(flag.key, self._unit, variant, flag.variants[variant], reason, rule, revision, None)


class _Steps:
    """What was found on the way to one flag's choice."""

    def __init__(self) -> None:
        self.enabled: bool | None = None
        self.prerequisites: list[NodeStep] = []
        self.override: str | None = None
        self.recent: str | None = None
        self.kept: list[KeptStep] = []
        self.rules: list[RuleStep] = []


# Says "go on to the next step"; told from every other choice by identity.
_ON: Final = Choice("", "", "", None, Reason.DEFAULT, None, None, None)


def _held(steps: Iterable[NodeStep] | Iterable[GateStep]) -> list[bool | None]:
    return [step.held for step in steps]


def _why(held: bool | None) -> Why:
    if held is None:
        return Why.UNKNOWN
    return Why.HOLDS if held else Why.DIFFERS


def _within(spans: Iterable[Span], bucket: int) -> bool:
    return any(start <= bucket < end for start, end in spans)


def _all(answers: Sequence[bool | None]) -> bool | None:
    """In order, as Python's ``and`` asks: the first that does not hold decides, or cannot be told."""
    return next((answer for answer in answers if answer is not True), True)


def _any(answers: Sequence[bool | None]) -> bool | None:
    return next((answer for answer in answers if answer is not False), False)


def _not(answers: Sequence[bool | None]) -> bool | None:
    [answer] = answers
    return None if answer is None else not answer
