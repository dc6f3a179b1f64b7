"""The targeting page between what people type and the draft it means. Pure: a form is a mapping of texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from flags.gates import shown_parts
from flags.model import FlagState, LayerShare, RuleDraft, Targeting
from flags.web.pages.around_form import (
    json_of_nodes,
    nodes_of_json,
    overrides_of,
    requires_of,
    switches_of,
    text_of_overrides,
    text_of_requires,
    text_of_second,
    text_of_switches,
    window_of,
)
from flags.web.pages.condition_form import ConditionRow, node_of, row_of
from flags.web.pages.forms import Form
from flags.weights import buckets_of_percent, buckets_of_share, percent_of_buckets
from pointsman.core.model import AnyOf, Node, Rule
from pointsman.core.splits import even_weights, weights_of
from runtime.errors import Invalid

ALL: Final = "all"
ANY: Final = "any"
TREE: Final = "tree"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """One rule as typed; ``weights`` are percentages by variant.

    ``match`` says whether all or any of the conditions must hold, or that ``tree`` has them as JSON.
    """

    id: str = ""
    match: str = ALL
    conditions: tuple[ConditionRow, ...] = ()
    tree: str = ""
    weights: Mapping[str, str] = field(default_factory=dict)
    coverage: str = "100"
    layer: str = ""
    layer_share: str = ""
    start: str = ""
    end: str = ""

    @property
    def everyone(self) -> bool:
        """Whether it has no conditions at all."""
        return not self.conditions and self.match != TREE


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetingForm:
    """The targeting page as typed, good or bad, so that nothing typed is ever lost."""

    version: str
    rules: tuple[RuleRow, ...]
    default: str
    off: str
    overrides: str = ""
    requires: str = ""
    switches: str = ""
    reason: str = ""


def read_targeting(form: Form, variants: tuple[str, ...]) -> TargetingForm:
    """The targeting page as it was sent, structural buttons (add, remove) already carried out."""
    rules = tuple(_read_rule(form, f"rule-{n}", variants) for n in _numbers(form, "rule"))
    typed = TargetingForm(
        version=form.get("version", ""),
        rules=rules,
        default=form.get("default", ""),
        off=form.get("off", ""),
        overrides=form.get("overrides", ""),
        requires=form.get("requires", ""),
        switches=form.get("switches", ""),
        reason=form.get("reason", ""),
    )
    return _press(typed, form.get("press", ""), variants)


def targeting_of(form: TargetingForm) -> Targeting:
    """The draft that was typed. Invalid: names the form's field."""
    return Targeting(
        rules=tuple(_draft(rule, f"rule-{n}") for n, rule in enumerate(form.rules)),
        default=form.default,
        off=form.off,
        overrides=overrides_of(form.overrides),
        requires=requires_of(form.requires),
        switches=switches_of(form.switches),
    )


def form_of(state: FlagState, variants: tuple[str, ...]) -> TargetingForm:
    """The stored targeting as the page shows it."""
    return TargetingForm(
        version=str(state.version),
        rules=tuple(_row(rule, variants) for rule in state.rules),
        default=state.default,
        off=state.off,
        overrides=text_of_overrides(state.overrides),
        requires=text_of_requires(state.requires),
        switches=text_of_switches(state.switches),
    )


def _row(rule: Rule, variants: tuple[str, ...]) -> RuleRow:
    held, buckets = weights_of(rule.split), rule.split[-1].end
    match, conditions = _match(rule.conditions)
    parts = shown_parts(rule)
    return RuleRow(
        id=rule.id,
        match=match,
        conditions=conditions,
        tree=json_of_nodes(rule.conditions) if match == TREE else "",
        weights={name: f"{percent_of_buckets(held.get(name, 0), buckets):f}" for name in variants},
        coverage=f"{percent_of_buckets(parts.coverage):f}",
        layer=parts.layer.layer if parts.layer else "",
        layer_share=f"{percent_of_buckets(parts.layer.share):f}" if parts.layer else "",
        start=text_of_second(rule.window.start if rule.window else None),
        end=text_of_second(rule.window.end if rule.window else None),
    )


def _match(nodes: tuple[Node, ...]) -> tuple[str, tuple[ConditionRow, ...]]:
    if len(nodes) == 1 and isinstance(nodes[0], AnyOf):
        rows = tuple(row_of(node) for node in nodes[0].nodes)
        match = ANY
    else:
        rows = tuple(row_of(node) for node in nodes)
        match = ALL
    known = tuple(row for row in rows if row is not None)
    return (match, known) if len(known) == len(rows) else (TREE, ())


def _numbers(form: Form, prefix: str) -> list[int]:
    found = {name.split("-")[1] for name in form if name.startswith(f"{prefix}-")}
    return sorted(int(text) for text in found if text.isdecimal() and len(text) < 4)


def _read_rule(form: Form, prefix: str, variants: tuple[str, ...]) -> RuleRow:
    inner = {name[len(prefix) + 1 :]: value for name, value in form.items() if name.startswith(f"{prefix}-")}
    return RuleRow(
        id=inner.get("id", ""),
        match=inner.get("match", ALL),
        tree=inner.get("tree", ""),
        weights={name: inner.get(f"weight-{name}", "0").strip() for name in variants},
        coverage=inner.get("coverage", "100").strip(),
        layer=inner.get("layer", ""),
        layer_share=inner.get("layer-share", "").strip(),
        start=inner.get("start", ""),
        end=inner.get("end", ""),
        conditions=tuple(
            ConditionRow(
                attribute=inner.get(f"condition-{n}-attribute", "").strip(),
                operator=inner.get(f"condition-{n}-operator", ""),
                type=inner.get(f"condition-{n}-type", "text"),
                values=inner.get(f"condition-{n}-values", ""),
            )
            for n in _numbers(inner, "condition")
        ),
    )


def _press(form: TargetingForm, button: str, variants: tuple[str, ...]) -> TargetingForm:
    """Carry out a button that changes the form's shape; the work a page without scripts does by itself."""
    verb, _, place = button.partition(":")
    rules = list(form.rules)
    rule, _, condition = place.partition(".")
    number = int(rule) if rule.isdecimal() and int(rule) < len(rules) else None
    if verb == "add-rule":
        rules.append(RuleRow(weights=_even(variants)))
    elif number is None:
        return form
    elif verb == "remove-rule":
        del rules[number]
    elif verb == "raise-rule" and number > 0:
        rules.insert(number - 1, rules.pop(number))
    else:
        rules[number] = _pressed(rules[number], verb, condition, f"rule-{number}")
    return replace(form, rules=tuple(rules))


def _pressed(rule: RuleRow, verb: str, condition: str, prefix: str) -> RuleRow:
    if verb == "add-condition":
        return replace(rule, conditions=(*rule.conditions, ConditionRow()))
    if verb == "remove-condition":
        kept = tuple(each for n, each in enumerate(rule.conditions) if str(n) != condition)
        return replace(rule, conditions=kept)
    if verb == "as-tree":
        return replace(rule, match=TREE, tree=json_of_nodes(_nodes(rule, prefix)), conditions=())
    return rule


def _even(variants: tuple[str, ...]) -> dict[str, str]:
    return {name: f"{percent_of_buckets(held):f}" for name, held in even_weights(list(variants)).items()}


def _draft(rule: RuleRow, prefix: str) -> RuleDraft:
    shares = {name: text or "0" for name, text in rule.weights.items()}
    weights = _weights(shares, f"{prefix}-weight")
    return RuleDraft(
        id=rule.id,
        weights={name: weight for name, weight in weights.items() if weight},
        conditions=_nodes(rule, prefix),
        coverage=buckets_of_share(rule.coverage or "100", f"{prefix}-coverage"),
        layer=_layer(rule, prefix),
        window=window_of(rule.start, rule.end, prefix),
    )


def _layer(rule: RuleRow, prefix: str) -> LayerShare | None:
    if not rule.layer:
        return None
    share = buckets_of_share(rule.layer_share or "0", f"{prefix}-layer-share")
    return LayerShare(layer=rule.layer, share=share)


def _nodes(rule: RuleRow, prefix: str) -> tuple[Node, ...]:
    if rule.match == TREE:
        return nodes_of_json(rule.tree, f"{prefix}-tree")
    nodes = tuple(node_of(row, f"{prefix}-condition-{n}") for n, row in enumerate(rule.conditions))
    return (AnyOf(nodes),) if rule.match == ANY and nodes else nodes


def _weights(shares: Mapping[str, str], name: str) -> dict[str, int]:
    try:
        return buckets_of_percent(shares, name)
    except Invalid as error:
        # The form's own field: the variant's share where one is at fault, else the whole rule's.
        raise Invalid(error.field.replace(f"{name}.", f"{name}-", 1), error.problem) from None
