"""Flags and states as JSON for people, programs and the history. Pure."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from flags.model import FlagState, FlagView, Link, SegmentView
from flags.wire import flag_to_json, nodes_to_json, requires_to_json, rules_to_json, switches_to_json
from pointsman.core.model import Flag

_COMPARED: Final = (
    *("name", "description", "tags", "owner", "links"),
    *("unit_type", "sticky", "schema", "archived_at"),
)


def served_json(flag: Flag | None) -> dict[str, Any] | None:
    """A flag as a ruleset spells it; None: not served.

    It checks nothing, so that even a broken flag can be switched off.
    """
    if flag is None:
        return None
    return flag_to_json(flag)


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
        "unit_type": flag.unit_type,
        "scheme": flag.scheme.value,
        "sticky": flag.sticky,
        "schema": flag.schema,
        "version": flag.version,
        "archived_at": None if flag.archived_at is None else flag.archived_at.isoformat(),
    }


def differences(before: FlagView, after: FlagView) -> dict[str, Any]:
    """What an edit changed, by field; of variants only the names (their payloads are in the revision)."""
    changed: dict[str, Any] = {}
    for field in _COMPARED:
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
        "overrides": state.overrides,
        "requires": requires_to_json(state.requires),
        "switches": switches_to_json(state.switches),
        "epoch": state.epoch,
        "version": state.version,
        **({"broken": state.broken} if state.broken else {}),
    }


def segment_json(segment: SegmentView) -> dict[str, Any]:
    """A segment for people, programs and the history; its lists only by number and digest."""
    return {
        "key": segment.key,
        "name": segment.name,
        "description": segment.description,
        "conditions": nodes_to_json(segment.conditions),
        "included": list(segment.included),
        "included_count": segment.included_count,
        "excluded": list(segment.excluded),
        "excluded_count": segment.excluded_count,
        "version": segment.version,
    }


def _payloads(flag: FlagView) -> dict[str, str]:
    # As text, for Python takes 1, 1.0 and True for equal and JSON does not.
    return {name: json.dumps(payload, sort_keys=True) for name, payload in flag.variants.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [asdict(each) if isinstance(each, Link) else each for each in value]
    return value.isoformat() if isinstance(value, datetime) else value
