"""From views to the document: people's numbers, a stable order, nothing said that is at its default. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from flags.gates import parts_of
from flags.model import EnvironmentView, FlagState, FlagView, LayerView, ProjectView, SegmentView
from flags.weights import percent_of_buckets
from flags.wire import nodes_to_json, requires_to_json, rules_to_json
from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import Rule, Scheme, Span, Window
from pointsman.core.splits import split_of, weights_of

Plain = dict[str, Any]
_ALWAYS: Final = frozenset({"enabled", "off", "default"})


def project_plain(project: ProjectView) -> Plain:
    """The document's head."""
    head = {"pointsman": 1, "project": project.key}
    return head | _said({"name": _name(project.name, project.key), "description": project.description})


def environment_plain(
    environment: EnvironmentView, layers: Iterable[LayerView], segments: Iterable[SegmentView]
) -> Plain:
    """An environment beside its flags."""
    return _said(
        {
            "name": _name(environment.name, environment.key),
            "holdout": _percent(environment.holdout),
            "layers": {each.key: _said({"name": _name(each.name, each.key)}) for each in layers},
            "segments": {each.key: _segment(each) for each in segments},
        }
    )


def flag_plain(flag: FlagView, states: Iterable[FlagState], seeds: Mapping[str, Mapping[str, str]]) -> Plain:
    """A flag with these states; ``seeds`` are those of the layers, by environment and key."""
    before = _said(
        {
            "name": _name(flag.name, flag.key),
            "description": flag.description,
        }
    )
    labels = _said(
        {
            "owner": flag.owner,
            "tags": list(flag.tags),
            "links": [asdict(link) for link in flag.links],
            "unit_type": "" if flag.unit_type == "user" else flag.unit_type,
            "scheme": "" if flag.scheme is Scheme.POINTSMAN else flag.scheme.value,
            "sticky": flag.sticky,
            "salt": "" if flag.salt == f"{flag.project}/{flag.key}" else flag.salt,
            "schema": flag.schema,
        }
    )
    places = {each.environment: state_plain(flag, each, seeds.get(each.environment, {})) for each in states}
    return before | {"kind": flag.kind.value} | labels | {"variants": flag.variants, "environments": places}


def state_plain(flag: FlagView, state: FlagState, seeds: Mapping[str, str]) -> Plain:
    """How the flag serves in one environment."""
    return _said(
        {
            "enabled": state.enabled,
            "off": state.off,
            "default": state.default,
            "rules": [_rule(rule, flag.salt, seeds) for rule in state.rules],
            "overrides": state.overrides,
            "requires": requires_to_json(state.requires),
            "switches": [{"at": _moment(each.at), "enabled": each.enabled} for each in state.switches],
        },
        _ALWAYS,
    )


def _rule(rule: Rule, salt: str, seeds: Mapping[str, str]) -> Plain:
    parts = parts_of(rule, salt, seeds)
    buckets = BUCKETS if rule.hashing is None else rule.hashing.buckets
    weights = weights_of(rule.split)
    wire = rules_to_json([rule])[0]
    foreign = {id(gate): raw for gate, raw in zip(rule.gates, wire.get("gates", ()), strict=True)}
    layer = None
    if parts.layer is not None:
        spans = _spans(parts.spans)
        layer = {"layer": parts.layer.layer, "percent": _percent(parts.layer.share), "spans": spans}
    return {"id": rule.id} | _said(
        {
            "conditions": nodes_to_json(rule.conditions),
            **_shares(weights, buckets),
            "coverage": "" if parts.coverage == BUCKETS else _percent(parts.coverage),
            "layer": layer,
            "window": _window(rule.window),
            "ranges": [list(each) for each in rule.split]
            if split_of(weights, buckets=buckets) != rule.split
            else [],
            "hashing": wire.get("hashing"),
            "gates": [foreign[id(gate)] for gate in parts.foreign],
        },
        frozenset({"coverage"} if parts.coverage == 0 else ()),
    )


def _shares(weights: dict[str, int], buckets: int) -> Plain:
    """In percent where three decimals tell them exactly, else in the rule's own buckets."""
    if all(weight * BUCKETS % buckets == 0 for weight in weights.values()):
        return {"percent": {name: _percent(weight * BUCKETS // buckets) for name, weight in weights.items()}}
    return {"weights": weights, "buckets": "" if buckets == BUCKETS else buckets}


def _segment(segment: SegmentView) -> Plain:
    return _said(
        {
            "name": _name(segment.name, segment.key),
            "description": segment.description,
            "conditions": nodes_to_json(segment.conditions),
            "included_units": segment.included_count,
            "excluded_units": segment.excluded_count,
        }
    )


def _window(window: Window | None) -> Plain | None:
    if window is None:
        return None
    ends = {"start": window.start, "end": window.end}
    return {name: _moment(at) for name, at in ends.items() if at is not None}


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def _percent(buckets: int) -> int | float:
    percent = percent_of_buckets(buckets)
    return int(percent) if percent == percent.to_integral_value() else float(percent)


def _spans(spans: Iterable[Span]) -> list[list[int]]:
    return [list(span) for span in spans]


def _name(name: str, key: str) -> str:
    return "" if name == key else name


def _said(values: Plain, always: frozenset[str] = frozenset()) -> Plain:
    return {name: value for name, value in values.items() if value or name in always}
