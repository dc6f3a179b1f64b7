"""Flags, states and rules as JSON, and rules back from it; rules are in the ruleset's wire form. Pure."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flags.model import FlagState, FlagView, Link
from pointsman.core.model import Condition, Flag, Operator, Range, Rule


def rules_to_json(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Rules in the ruleset's wire form."""
    return [
        {
            "id": rule.id,
            "conditions": [
                {"attribute": each.attribute, "operator": each.operator.value, "values": list(each.values)}
                for each in rule.conditions
            ],
            "split": [list(part) for part in rule.split],
        }
        for rule in rules
    ]


def rules_from_json(stored: Iterable[dict[str, Any]]) -> tuple[Rule, ...]:
    """What ``rules_to_json`` was given. For our own columns: nothing is checked again."""
    return tuple(
        Rule(
            id=raw["id"],
            conditions=tuple(_condition(each) for each in raw["conditions"]),
            split=tuple(Range(*part) for part in raw["split"]),
        )
        for raw in stored
    )


def served_json(flag: Flag | None) -> dict[str, Any] | None:
    """A flag as a ruleset spells it; None: not served.

    It checks nothing, so that even a broken flag can be switched off.
    """
    if flag is None:
        return None
    return {
        "kind": flag.kind.value,
        "salt": flag.salt,
        "enabled": flag.enabled,
        "version": flag.version,
        "off": flag.off,
        "default": flag.default,
        "variants": flag.variants,
        "rules": rules_to_json(flag.rules),
    }


def flag_json(flag: FlagView) -> dict[str, Any]:
    """A flag for people and programs: what a conflict shows as the other version."""
    return {
        "project": flag.project,
        "key": flag.key,
        "name": flag.name,
        "description": flag.description,
        "tags": list(flag.tags),
        "owner": flag.owner,
        "links": [asdict(link) for link in flag.links],
        "kind": flag.kind.value,
        "variants": flag.variants,
        "version": flag.version,
        "archived_at": None if flag.archived_at is None else flag.archived_at.isoformat(),
    }


def differences(before: FlagView, after: FlagView) -> dict[str, Any]:
    """What an edit changed, by field; of variants only the names (their payloads are in the revision)."""
    changed: dict[str, Any] = {}
    for field in ("name", "description", "archived_at", "tags", "owner", "links"):
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            changed[field] = {"before": _plain(old), "after": _plain(new)}
    old_payloads, new_payloads = _payloads(before), _payloads(after)
    if list(old_payloads.items()) != list(new_payloads.items()):
        both = old_payloads.keys() & new_payloads.keys()
        changed["variants"] = {
            "added": [name for name in new_payloads if name not in old_payloads],
            "removed": [name for name in old_payloads if name not in new_payloads],
            "changed": sorted(name for name in both if old_payloads[name] != new_payloads[name]),
        }
    return changed


def same_state(before: FlagState, after: FlagState) -> bool:
    """Whether both serve every unit alike, spelled exactly alike (1, 1.0 and true are three values)."""
    return json.dumps(state_json(before)) == json.dumps(state_json(after))


def state_json(state: FlagState) -> dict[str, Any]:
    """A state for people and programs: what a conflict shows as the other version."""
    return {
        "environment": state.environment,
        "enabled": state.enabled,
        "off": state.off,
        "default": state.default,
        "rules": rules_to_json(state.rules),
        "version": state.version,
    }


def _payloads(flag: FlagView) -> dict[str, str]:
    # As text, for Python takes 1, 1.0 and True for equal and JSON does not.
    return {name: json.dumps(payload, sort_keys=True) for name, payload in flag.variants.items()}


def _plain(value: str | datetime | tuple[str | Link, ...] | None) -> object:
    if isinstance(value, tuple):
        return [asdict(each) if isinstance(each, Link) else each for each in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _condition(raw: dict[str, Any]) -> Condition:
    return Condition(
        attribute=raw["attribute"], operator=Operator(raw["operator"]), values=tuple(raw["values"])
    )
