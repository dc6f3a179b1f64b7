"""A reason chain as lines people can read, each deeper than what it belongs to. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from flags.web.pages.around_form import text_of_second
from flags.web.pages.present import node_words
from pointsman.core.choice import Choice, ErrorCode, Reason
from pointsman.core.explanation import DrawStep, Explanation, GateStep, KeptStep, NodeStep, RuleStep
from pointsman.core.model import AllOf, AnyOf, Condition, GateKind, Not
from pointsman.core.verdicts import Why

_WHY: Final = {
    Why.HOLDS: "holds",
    Why.DIFFERS: "does not hold",
    Why.MISSING: "does not hold: there is no such attribute",
    Why.WRONG_TYPE: "does not hold: the attribute is of another type or form",
    Why.UNKNOWN: "cannot be told",
}
_GATES: Final = {
    GateKind.COVERAGE: "Coverage",
    GateKind.LAYER: "Layer",
    GateKind.HOLDOUT: "Holdout",
}
_REASONS: Final = {
    Reason.OFF: "the flag is switched off",
    Reason.PREREQUISITE: "a prerequisite is not met",
    Reason.OVERRIDE: "the unit has a variant of its own",
    Reason.STICKY: "the unit keeps what it had before the rules changed",
    Reason.TARGETING_MATCH: "a rule gives everyone this variant",
    Reason.SPLIT: "the unit’s bucket chose",
    Reason.DEFAULT: "no rule matched",
}
_ERRORS: Final = {
    ErrorCode.FLAG_NOT_FOUND: "the flag is not served here (it may be archived)",
    ErrorCode.TARGETING_KEY_MISSING: "the unit cannot be bucketed",
    ErrorCode.INVALID_CONTEXT: "the context is no object",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One step. ``depth`` counts what it lies in; ``held`` None: it is neither yes nor no."""

    depth: int
    words: str
    held: bool | None = None
    outcome: str = ""


def verdict_words(choice: Choice) -> str:
    """Why the choice is what it is, in short."""
    if choice.error is not None:
        return _ERRORS.get(choice.error, "something was wrong; applications get their own default")
    by = f" (rule {choice.rule})" if choice.rule else ""
    return f"{_REASONS[choice.reason]}{by}"


def reason_lines(explanation: Explanation) -> tuple[Line, ...]:
    """Every step in the order of evaluation."""
    return tuple(_lines(explanation))


def _lines(found: Explanation) -> Iterator[Line]:
    if found.switch is not None:
        turned = "on" if found.switch.enabled else "off"
        yield Line(depth=0, words=f"Switched {turned} by itself at {text_of_second(found.switch.at)} (UTC)")
    if found.enabled is not None:
        outcome = "on: evaluation goes on" if found.enabled else "off: the off variant serves"
        yield Line(depth=0, words="The flag is switched", held=found.enabled, outcome=outcome)
    for step in found.prerequisites:
        yield from _node(step, 0, "Needs ")
    if found.override is not None:
        yield Line(depth=0, words="This very unit is given", held=True, outcome=found.override)
    for kept in found.kept:
        yield from _kept(kept)
    for rule in found.rules:
        yield from _rule(rule)


def _kept(step: KeptStep) -> Iterator[Line]:
    outcome = "kept" if step.held else "not among those it keeps"
    words = f"Sticky: units of rule {step.rule.partition('@')[0]} from before epoch {step.epoch}"
    yield Line(depth=0, words=words, held=step.held, outcome=outcome)
    yield from _nodes(step.conditions, 1)
    yield from (_gate(gate) for gate in step.gates)
    yield _draw(step.draw)
    if step.in_units is not None:
        outcome = "is in the set" if step.in_units else "is not in the set"
        yield Line(depth=1, words="Enrolled before that epoch", held=step.in_units, outcome=outcome)


def _rule(step: RuleStep) -> Iterator[Line]:
    outcome = "matches" if step.held else "is passed over"
    yield Line(depth=0, words=f"Rule {step.rule}", held=step.held, outcome=outcome)
    if step.window is not None:
        start, end = text_of_second(step.window.start), text_of_second(step.window.end)
        words = f"From {start or 'ever'} until {end or 'ever'} (UTC)"
        outcome = "now is within" if step.in_window else "now is outside"
        yield Line(depth=1, words=words, held=step.in_window, outcome=outcome)
    yield from _nodes(step.conditions, 1)
    yield from (_gate(gate) for gate in step.gates)
    if step.held:
        yield _draw(step.draw)


def _nodes(steps: Iterable[NodeStep], depth: int) -> Iterator[Line]:
    for step in steps:
        yield from _node(step, depth)


def _node(step: NodeStep, depth: int, before: str = "") -> Iterator[Line]:
    outcome = _WHY[step.why]
    if isinstance(step.node, Condition) and step.actual is not None:
        outcome = f"{outcome} (it is {step.actual!r})"
    elif step.actual is not None:
        outcome = f"{outcome} (it serves {step.actual})"
    yield Line(depth=depth, words=before + _words(step), held=step.held, outcome=outcome)
    yield from _nodes(step.nodes, depth + 1)


def _words(step: NodeStep) -> str:
    if isinstance(step.node, AllOf):
        return "All of these"
    if isinstance(step.node, AnyOf):
        return "Any of these"
    if isinstance(step.node, Not) and step.nodes:
        return "Not this"
    return node_words(step.node)


def _gate(step: GateStep) -> Line:
    spans = ", ".join(f"{start}–{end - 1}" for start, end in step.spans) or "no buckets"
    name = f" {step.name}" if step.name and step.kind is GateKind.LAYER else ""
    outcome = f"bucket {step.draw.bucket}: {'gets in' if step.held else 'stays out'}"
    return Line(depth=1, words=f"{_GATES[step.kind]}{name}: buckets {spans}", held=step.held, outcome=outcome)


def _draw(step: DrawStep) -> Line:
    if step.bucket is None:
        return Line(depth=1, words="The split", held=False, outcome="there is nothing to bucket")
    if step.range is None:
        return Line(depth=1, words="The split", held=False, outcome=f"bucket {step.bucket} is in no range")
    start, end, variant = step.range
    words = f"Bucket {step.bucket} of {step.hashing.buckets} ({step.hashing.scheme.value})"
    return Line(depth=1, words=words, held=True, outcome=f"{start}–{end - 1} is {variant}")
