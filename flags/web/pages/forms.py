"""From what people type into the flag pages to drafts, and back. Pure: a form is a mapping of texts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from flags.model import FlagState, RuleDraft, Targeting
from flags.weights import buckets_of_percent, percent_of_buckets
from pointsman.core.model import Condition, Json, Kind, Operator, Scalar
from pointsman.core.splits import even_weights, weights_of
from runtime.errors import Invalid

Form = Mapping[str, str]

MOST_VARIANTS: Final = 20
VALUE_TYPES: Final = ("text", "number", "boolean", "json")
_TRUTHS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantRow:
    """One line of the variants form."""

    name: str = ""
    payload: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionRow:
    """One condition as typed; ``values`` are separated by commas."""

    attribute: str = ""
    operator: str = Operator.EQUALS.value
    type: str = "text"
    values: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """One rule as typed; ``weights`` are percentages by variant."""

    id: str = ""
    conditions: tuple[ConditionRow, ...] = ()
    weights: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetingForm:
    """The targeting page as typed, good or bad, so that nothing typed is ever lost."""

    version: str
    rules: tuple[RuleRow, ...]
    default: str
    off: str
    reason: str = ""


def variant_rows(form: Form) -> tuple[VariantRow, ...]:
    """The variants as typed, empty lines left out."""
    rows = (
        VariantRow(
            name=form.get(f"variant-{n}-name", "").strip(), payload=form.get(f"variant-{n}-payload", "")
        )
        for n in range(MOST_VARIANTS)
    )
    return tuple(row for row in rows if row.name or row.payload.strip())


def variants_of(rows: tuple[VariantRow, ...], kind: Kind) -> dict[str, Json]:
    """The payloads by variant. Invalid: a name twice or missing, or a payload that cannot be read."""
    variants: dict[str, Json] = {}
    for number, row in enumerate(rows):
        if not row.name:
            raise Invalid(f"variant-{number}-name", "give this variant a name")
        if row.name in variants:
            raise Invalid(f"variant-{number}-name", f"{row.name[:80]!r} is there twice")
        variants[row.name] = _payload(row, kind, f"variant-{number}-payload")
    return variants


def rows_of_variants(variants: Mapping[str, Json], kind: Kind) -> tuple[VariantRow, ...]:
    """Stored variants as the form shows them."""
    return tuple(
        VariantRow(
            name=name, payload=payload if isinstance(payload, str) and kind == Kind.STRING else _json(payload)
        )
        for name, payload in variants.items()
    )


def read_targeting(form: Form, variants: tuple[str, ...]) -> TargetingForm:
    """The targeting page as it was sent, structural buttons (add, remove) already carried out."""
    rules = tuple(_read_rule(form, f"rule-{n}", variants) for n in _numbers(form, "rule"))
    typed = TargetingForm(
        version=form.get("version", ""),
        rules=rules,
        default=form.get("default", ""),
        off=form.get("off", ""),
        reason=form.get("reason", ""),
    )
    return _press(typed, form.get("press", ""), variants)


def targeting_of(form: TargetingForm) -> Targeting:
    """The draft that was typed. Invalid: names the form's field."""
    return Targeting(
        rules=tuple(_draft(rule, f"rule-{n}") for n, rule in enumerate(form.rules)),
        default=form.default,
        off=form.off,
    )


def form_of(state: FlagState, variants: tuple[str, ...]) -> TargetingForm:
    """The stored targeting as the page shows it."""
    rules = []
    for rule in state.rules:
        held = weights_of(rule.split)
        weights = {name: f"{percent_of_buckets(held.get(name, 0)):f}" for name in variants}
        conditions = tuple(_condition_row(condition) for condition in rule.conditions)
        rules.append(RuleRow(id=rule.id, conditions=conditions, weights=weights))
    return TargetingForm(version=str(state.version), rules=tuple(rules), default=state.default, off=state.off)


def version_of(text: str) -> int:
    """The version a form was opened at. Invalid: not a whole number."""
    if not text.isdecimal() or len(text) > 12:
        raise Invalid("version", "is missing or not a whole number; open the page again")
    return int(text)


def _numbers(form: Form, prefix: str) -> list[int]:
    found = {name.split("-")[1] for name in form if name.startswith(f"{prefix}-")}
    return sorted(int(text) for text in found if text.isdecimal() and len(text) < 4)


def _read_rule(form: Form, prefix: str, variants: tuple[str, ...]) -> RuleRow:
    inner = {name[len(prefix) + 1 :]: value for name, value in form.items() if name.startswith(f"{prefix}-")}
    return RuleRow(
        id=inner.get("id", ""),
        weights={name: inner.get(f"weight-{name}", "0").strip() for name in variants},
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
    elif verb == "add-condition":
        rules[number] = replace(rules[number], conditions=(*rules[number].conditions, ConditionRow()))
    elif verb == "remove-condition":
        kept = tuple(each for n, each in enumerate(rules[number].conditions) if str(n) != condition)
        rules[number] = replace(rules[number], conditions=kept)
    return replace(form, rules=tuple(rules))


def _even(variants: tuple[str, ...]) -> dict[str, str]:
    return {name: f"{percent_of_buckets(held):f}" for name, held in even_weights(list(variants)).items()}


def _draft(rule: RuleRow, prefix: str) -> RuleDraft:
    shares = {name: text or "0" for name, text in rule.weights.items()}
    weights = _weights(shares, f"{prefix}-weight")
    return RuleDraft(
        id=rule.id,
        weights={name: weight for name, weight in weights.items() if weight},
        conditions=tuple(_condition(row, f"{prefix}-condition-{n}") for n, row in enumerate(rule.conditions)),
    )


def _weights(shares: Mapping[str, str], name: str) -> dict[str, int]:
    try:
        return buckets_of_percent(shares, name)
    except Invalid as error:
        # The form's own field: the variant's share where one is at fault, else the whole rule's.
        raise Invalid(error.field.replace(f"{name}.", f"{name}-", 1), error.problem) from None


def _condition(row: ConditionRow, prefix: str) -> Condition:
    if row.operator not in list(Operator):
        raise Invalid(f"{prefix}-operator", "choose one of the list")
    operator = Operator(row.operator)
    many = operator in (Operator.IN, Operator.NOT_IN)
    if row.type == "json":
        return Condition(
            attribute=row.attribute, operator=operator, values=_json_values(row.values, f"{prefix}-values")
        )
    texts = [text.strip() for text in row.values.split(",")] if many else [row.values.strip()]
    kind = (
        "number" if operator.startswith("number_") else "text" if operator.startswith("text_") else row.type
    )
    values = tuple(_scalar(text, kind, f"{prefix}-values") for text in texts if text or not many)
    return Condition(attribute=row.attribute, operator=operator, values=values)


def _scalar(text: str, kind: str, name: str) -> Scalar:
    if kind == "number":
        try:
            return int(text) if text.lstrip("+-").isdecimal() else float(text)
        except ValueError:
            raise Invalid(name, f"{text[:80]!r} is not a number") from None
    if kind == "boolean":
        if text.lower() not in _TRUTHS:
            raise Invalid(name, f"{text[:80]!r} is neither true nor false")
        return _TRUTHS[text.lower()]
    return text


def _json_values(text: str, name: str) -> tuple[Scalar, ...]:
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or not all(
        isinstance(value, bool | int | float | str) for value in values
    ):
        raise Invalid(name, 'is not a JSON list of texts, numbers and truth values, such as ["a, b", 3]')
    return tuple(values)


def _condition_row(condition: Condition) -> ConditionRow:
    kind = _kind_of(condition.values)
    values = (
        _json(list(condition.values))
        if kind == "json"
        else ", ".join(value if isinstance(value, str) else _json(value) for value in condition.values)
    )
    return ConditionRow(
        attribute=condition.attribute, operator=condition.operator.value, type=kind, values=values
    )


def _kind_of(values: tuple[Scalar, ...]) -> str:
    """The plainest way to show the values from which the form reads the very same ones back."""
    kinds = {"boolean" if isinstance(v, bool) else "text" if isinstance(v, str) else "number" for v in values}
    texts = [value for value in values if isinstance(value, str)]
    if len(kinds) != 1 or any("," in text or text != text.strip() or not text for text in texts):
        return "json"
    return kinds.pop()


def _payload(row: VariantRow, kind: Kind, name: str) -> Json:
    if kind == Kind.STRING:
        return row.payload
    try:
        value: Json = json.loads(row.payload, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Invalid(name, f"is not JSON; write {_EXAMPLES[kind]}") from None
    return value


def _refuse_constant(text: str) -> None:
    raise ValueError(text)


_EXAMPLES: Final = {
    Kind.BOOLEAN: "true or false",
    Kind.NUMBER: "a number such as 0.25",
    Kind.JSON: 'any JSON value such as {"size": 3}',
    Kind.MODEL: 'an object such as {"model": "reader", "version": "2"}',
}


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
