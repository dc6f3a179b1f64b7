"""Whether a flag may be published (law 10). Pure: finds every problem, raises one `InvalidFlag`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from flags import limits
from flags.entry import check_around, check_entry
from flags.model import NewFlag, RuleDraft, Targeting
from flags.payloads import Problem, check_payload, text_problem
from flags.references import every_node
from flags.schemas import check_payloads, check_schema
from flags.trees import check_nodes
from flags.world import World, check_needs, check_references, serves_problems
from pointsman.core.bucketing import BUCKETS
from pointsman.core.codec import CodecError
from pointsman.core.costs import problem_of
from pointsman.core.flag_codec import flag_to_wire, read_flag
from pointsman.core.model import Flag, Kind, Node, Scheme
from pointsman.core.splits import SplitError, check_split
from runtime.errors import Invalid

_SCHEMES: Final = (Scheme.POINTSMAN, Scheme.GROWTHBOOK_V1, Scheme.GROWTHBOOK_V2, Scheme.FLAGD_CBOR)
_KEY_RULE: Final = "use 1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit"


class InvalidFlag(Invalid):
    """One or more problems; ``field`` and ``problem`` are the first one's."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(*problems[0])
        self.problems = problems

    def details(self) -> dict[str, Any]:
        return {
            "field": self.field,
            "problems": [{"field": each.field, "message": each.problem} for each in self.problems],
        }


def refuse(problems: Iterable[Problem]) -> None:
    """InvalidFlag if there is any problem."""
    found = tuple(problems)
    if found:
        raise InvalidFlag(found)


def check_key(field: str, key: str) -> Iterator[Problem]:
    """A key is what programs and addresses use: short, lower-case, without surprises."""
    if not limits.is_key(key):
        yield Problem(field, f"{key[:80]!r} is not a key: {_KEY_RULE}")


def check_text(field: str, text: str, *, most: int, lines: bool = False) -> Iterator[Problem]:
    """Text for people: not too long, writable, on one line unless ``lines``."""
    if len(text) > most:
        yield Problem(field, f"has {len(text)} characters; at most {most} are allowed")
    problem = text_problem(text)
    if problem:
        yield Problem(field, problem)
    elif not lines and any(ord(sign) < 32 or ord(sign) == 127 for sign in text):
        yield Problem(field, "holds a control character or a line break; use one line of plain text")


def check_named(*, key: str | None = None, name: str = "", description: str = "") -> Iterator[Problem]:
    """The fields that projects, environments and flags share."""
    if key is not None:
        yield from check_key("key", key)
    yield from check_text("name", name, most=limits.NAME_CHARACTERS)
    yield from check_text("description", description, most=limits.DESCRIPTION_CHARACTERS, lines=True)


def check_reason(reason: str) -> Iterator[Problem]:
    """The words beside a change."""
    yield from check_text("reason", reason, most=limits.REASON_CHARACTERS, lines=True)


def check_variants(
    kind: Kind, variants: Mapping[str, object], schema: Mapping[str, object] | None = None
) -> Iterator[Problem]:
    """The variants of a flag: how many, their names, and each payload by the flag's kind and schema."""
    if not 1 <= len(variants) <= limits.VARIANTS_PER_FLAG:
        yield Problem(
            "variants", f"a flag needs 1 to {limits.VARIANTS_PER_FLAG} variants, not {len(variants)}"
        )
        return
    for name, payload in variants.items():
        if limits.is_key(name):
            yield from check_payload(kind, payload, f"variants.{name}")
        else:
            yield Problem("variants", f"{name[:80]!r} is not a variant's name: {_KEY_RULE}")
    if schema is not None:
        yield from _check_schema(schema, variants)


def check_targeting(
    targeting: Targeting, key: str, variants: Mapping[str, object], world: World
) -> Iterator[Problem]:
    """Rules, weights and references of the flag ``key``, before the weights become ranges."""
    yield from _reference("default", targeting.default, variants)
    yield from _reference("off", targeting.off, variants)
    if len(targeting.rules) > limits.RULES_PER_FLAG:
        yield Problem("rules", f"{len(targeting.rules)} rules; at most {limits.RULES_PER_FLAG} are allowed")
        return
    yield from _check_ids(targeting.rules)
    dear = list(_cost_problems(targeting.rules))
    if dear:  # Before any more patterns are compiled.
        yield from dear
        return
    for index, rule in enumerate(targeting.rules):
        yield from check_nodes(rule.conditions, f"rules.{index}.conditions")
        yield from check_references(rule.conditions, world, f"rules.{index}.conditions")
        yield from _check_weights(rule, variants, f"rules.{index}.weights")
        yield from check_entry(rule, f"rules.{index}")
    yield from check_around(targeting, variants)
    yield from _check_requires(targeting, key, world)


def check_unit_type(unit_type: str) -> Iterator[Problem]:
    """What is randomised: user, session, tenant, device, host, request, …"""
    yield from check_key("unit_type", unit_type)


def check_scheme(new: NewFlag) -> Iterator[Problem]:
    """How the flag's units will be bucketed, which never changes afterwards."""
    if new.scheme not in _SCHEMES:
        known = ", ".join(_SCHEMES)
        yield Problem("scheme", f"new flags are bucketed by one of {known}; others come with imports")
    yield from check_text("salt", new.salt, most=limits.SALT_CHARACTERS)


def _check_schema(schema: Mapping[str, object], variants: Mapping[str, object]) -> Iterator[Problem]:
    broken = list(check_schema(schema))
    yield from broken or check_payloads(schema, variants)


def check_served(flag: Flag) -> Iterator[Problem]:
    """What a stored flag refers to exists, and an SDK can read it back as it was meant."""
    variants = flag.variants
    yield from _reference("default", flag.default, variants)
    yield from _reference("off", flag.off, variants)
    for rule in flag.rules:
        for variant in sorted({part.variant for part in rule.split}):
            yield from _reference(f"rules.{rule.id}", variant, variants)
    for variant in sorted(set(flag.overrides.values())):
        yield from _reference("overrides", variant, variants)
    yield from _check_readable(flag)


def _check_ids(rules: tuple[RuleDraft, ...]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        field = f"rules.{index}.id"
        if rule.id:
            yield from check_key(field, rule.id)
        if rule.id in seen:
            yield Problem(field, f"{rule.id!r} is another rule's id; leave it empty for a new rule")
        seen.update({rule.id} - {""})


def _cost_problems(rules: tuple[RuleDraft, ...]) -> Iterator[Problem]:
    """Names the rule with which evaluating comes to cost too much."""
    nodes: list[Node] = []
    for index, rule in enumerate(rules):
        nodes += rule.conditions
        problem = problem_of(nodes)
        if problem:
            yield Problem(f"rules.{index}.conditions", f"with this rule {problem}")
            return


def _check_requires(targeting: Targeting, key: str, world: World) -> Iterator[Problem]:
    if len(targeting.requires) > limits.REQUIRES_PER_FLAG:
        yield Problem("requires", f"at most {limits.REQUIRES_PER_FLAG} prerequisites are allowed")
        return
    for index, each in enumerate(targeting.requires):
        yield from serves_problems(each, world, f"requires.{index}")
    nodes = [*targeting.requires, *(node for rule in targeting.rules for node in every_node(rule.conditions))]
    yield from check_needs(key, nodes, world)


def _check_readable(flag: Flag) -> Iterator[Problem]:
    try:
        wire = json.loads(json.dumps(flag_to_wire(flag), ensure_ascii=False, allow_nan=False))
        same = read_flag(flag.key, wire) == flag
    except CodecError as error:
        yield Problem(error.field, error.problem)
    except (TypeError, ValueError, RecursionError) as error:
        yield Problem("variants", f"cannot be written as JSON ({error})")
    else:
        if not same:
            yield Problem(
                "variants", "holds a value JSON cannot give back, such as a tuple or a key not text"
            )


def _check_weights(rule: RuleDraft, variants: Mapping[str, object], field: str) -> Iterator[Problem]:
    if not 1 <= rule.buckets <= limits.BUCKETS_PER_RULE:
        yield Problem(field.replace("weights", "buckets"), f"must be from 1 to {limits.BUCKETS_PER_RULE}")
        return
    for name, weight in rule.weights.items():
        yield from _reference(f"{field}.{name}"[:200], name, variants)
        if not 0 <= weight <= rule.buckets:
            yield Problem(f"{field}.{name}"[:200], f"must be from 0 to {rule.buckets} buckets")
    total = sum(rule.weights.values())
    if total != rule.buckets:
        yield Problem(field, f"weights must sum to {rule.buckets} buckets (100 %), not {total}")
    elif rule.ranges:
        yield from _check_ranges(rule, field.replace("weights", "ranges"))


def _check_ranges(rule: RuleDraft, field: str) -> Iterator[Problem]:
    buckets = BUCKETS if rule.hashing is None else rule.hashing.buckets
    if rule.buckets != buckets:
        yield Problem(field, f"must be of the {buckets} buckets the rule's hashing has")
        return
    try:
        check_split(rule.ranges, buckets)  # Weights that say something else re-weight from these.
    except SplitError as error:
        yield Problem(field, str(error))


def _reference(field: str, variant: str, variants: Mapping[str, object]) -> Iterator[Problem]:
    if variant not in variants:
        known = ", ".join(variants)
        yield Problem(field, f"there is no variant {variant[:80]!r}; use one of {known}")
