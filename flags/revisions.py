"""What a revision changed, in words and numbers people can read. Pure: wire form in, lines out."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from flags.weights import percent_of_buckets
from pointsman.core.bucketing import BUCKETS
from pointsman.core.model import Json, Range, Split
from pointsman.core.splits import moved, weights_of
from pointsman.errors import SplitError

Wire = Mapping[str, Json]
_QUIET = frozenset({"version", "variants", "rules"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that changed. ``before`` None: it is new; ``after`` None: it is gone.

    ``field`` is a path: ``enabled``, ``variants.v1``, ``rules.r1.split``. ``moved``: how many of 100,000
    buckets of the rule change hands, where a split changed.
    """

    field: str
    before: str | None
    after: str | None
    moved: int | None = None


def differences(before: Wire | None, after: Wire | None) -> tuple[Difference, ...]:
    """What changed between two spellings of one flag; None: not served. Versions do not count."""
    if before is None and after is None:
        return ()
    if before is None or after is None:
        return (Difference(field="served", before=_served(before), after=_served(after)),)
    return (*_plain(before, after), *_variants(before, after), *_rules(before, after))


def shares(split: Json) -> str:
    """A split's shares: ``v1 95 %, v2 5 %``."""
    held = weights_of(_split(split))
    whole = sum(held.values()) or 1
    return ", ".join(f"{name} {_percent(buckets, whole)} %" for name, buckets in held.items())


def _percent(buckets: int, whole: int) -> str:
    share = percent_of_buckets(buckets) if whole == 100_000 else Decimal(buckets * 100) / whole
    return f"{share.normalize():f}" if share == share.to_integral() else f"{share:.6g}"


def _served(flag: Wire | None) -> str | None:
    return None if flag is None else ("on" if flag.get("enabled") else "off")


def _plain(before: Wire, after: Wire) -> Iterator[Difference]:
    for field in sorted((before.keys() | after.keys()) - _QUIET):
        old, new = before.get(field), after.get(field)
        if _text(old) != _text(new):
            yield Difference(
                field=field,
                before=_words(old) if field in before else None,
                after=_words(new) if field in after else None,
            )


def _variants(before: Wire, after: Wire) -> Iterator[Difference]:
    old, new = _object(before.get("variants")), _object(after.get("variants"))
    for name in dict.fromkeys((*old, *new)):
        if _text(old.get(name)) != _text(new.get(name)) or (name in old) != (name in new):
            yield Difference(
                field=f"variants.{name}",
                before=_text(old[name]) if name in old else None,
                after=_text(new[name]) if name in new else None,
            )


def _rules(before: Wire, after: Wire) -> Iterator[Difference]:
    old, new = _by_id(before), _by_id(after)
    for rule_id in dict.fromkeys((*old, *new)):
        yield from _rule(f"rules.{rule_id}", old.get(rule_id), new.get(rule_id))
    both_old = [each for each in old if each in new]
    both_new = [each for each in new if each in old]
    if both_old != both_new:
        yield Difference(field="rules", before=", ".join(both_old), after=", ".join(both_new))


def _rule(field: str, old: Wire | None, new: Wire | None) -> Iterator[Difference]:
    if old is None or new is None:
        yield from _whole_rule(field, old, new)
        return
    for name in sorted(old.keys() | new.keys()):
        if _text(old.get(name)) == _text(new.get(name)):
            continue
        if name == "split":
            yield _split_difference(f"{field}.split", old["split"], new["split"])
        else:
            yield Difference(
                field=f"{field}.{name}", before=_told(name, old.get(name)), after=_told(name, new.get(name))
            )


def _whole_rule(field: str, old: Wire | None, new: Wire | None) -> Iterator[Difference]:
    """A rule that is new or gone, whole: whoever approves it must see whom it is for, and when."""
    yield _only(field, "split", old, new)
    rule = (new if old is None else old) or {}
    for name in sorted(rule.keys() - {"id", "split"}):
        if rule[name]:
            yield _only(f"{field}.{name}", name, old, new)


def _only(field: str, name: str, old: Wire | None, new: Wire | None) -> Difference:
    return Difference(
        field=field,
        before=None if old is None else _told(name, old.get(name)),
        after=None if new is None else _told(name, new.get(name)),
    )


def _told(name: str, value: Json) -> str:
    if name == "split":
        return shares(value)
    if name == "gates" and isinstance(value, list):
        return ", ".join(_gate(each) for each in value if isinstance(each, dict)) or "–"
    if name == "window" and isinstance(value, dict):
        edges = ((value.get("start"), "from"), (value.get("end"), "until"))
        return " ".join(f"{word} {_instant(edge)}" for edge, word in edges if edge is not None)
    return _words(value)


def _gate(gate: dict[str, Json]) -> str:
    """What a gate lets in: ``coverage 80 %``, ``layer checkout 50 %``."""
    hashing, spans = _object(gate.get("hashing")), gate.get("spans")
    held = [each for each in spans if isinstance(each, list)] if isinstance(spans, list) else []
    width = 0
    for start, end in held:
        width += int(end) - int(start)  # type: ignore[arg-type]
    name = " ".join(str(gate[part]) for part in ("kind", "name") if gate.get(part))
    return f"{name} {_percent(width, int(hashing.get('buckets') or 0) or BUCKETS)} %"  # type: ignore[arg-type]


def _instant(seconds: Json) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat()  # type: ignore[arg-type]
    except (OverflowError, OSError, ValueError):  # Beyond the year 9999.
        return str(seconds)


def _split_difference(field: str, old: Json, new: Json) -> Difference:
    try:
        hands: int | None = moved(_split(old), _split(new))
    except SplitError:  # splits of two bucket counts have no buckets in common
        hands = None
    return Difference(field=field, before=shares(old), after=shares(new), moved=hands)


def _split(raw: Json) -> Split:
    parts = raw if isinstance(raw, list) else []
    return tuple(Range(*part) for part in parts if isinstance(part, list) and len(part) == 3)  # type: ignore[arg-type]


def _by_id(flag: Wire) -> dict[str, Wire]:
    rules = flag.get("rules")
    found = [each for each in rules if isinstance(each, dict)] if isinstance(rules, list) else []
    return {str(each.get("id")): each for each in found}


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _words(value: Json) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else _text(value)


def _text(value: Json) -> str:
    # As JSON, for Python takes 1, 1.0 and True for equal and JSON does not.
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
