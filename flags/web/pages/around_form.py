"""What stands around a flag's rules as people type it, line by line, and back. Pure."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from flags.web.api.nodes import NodeIn, nodes_of
from flags.web.pages.forms import typed_json
from flags.wire import nodes_to_json
from pointsman.core.model import Node, Serves, Switch, Window
from runtime.errors import Invalid

_NODES: TypeAdapter[list[NodeIn]] = TypeAdapter(list[NodeIn])


def overrides_of(text: str) -> dict[str, str]:
    """``user-42 = v2``, one unit a line. Invalid."""
    found: dict[str, str] = {}
    for number, line in _lines(text):
        unit, equals, variant = line.rpartition("=")
        if not equals or not unit.strip() or not variant.strip():
            raise Invalid("overrides", f"line {number} is not 'unit = variant'")
        if unit.strip() in found:
            raise Invalid("overrides", f"line {number} names {unit.strip()[:40]!r} again")
        found[unit.strip()] = variant.strip()
    return found


def text_of_overrides(overrides: Mapping[str, str]) -> str:
    """The lines ``overrides_of`` reads."""
    return "\n".join(f"{unit} = {variant}" for unit, variant in overrides.items())


def requires_of(text: str) -> tuple[Serves, ...]:
    """``checkout: on, beta``, one flag a line. Invalid."""
    found = []
    for number, line in _lines(text):
        flag, colon, variants = line.partition(":")
        named = tuple(each.strip() for each in variants.split(",") if each.strip())
        if not colon or not flag.strip() or not named:
            raise Invalid("requires", f"line {number} is not 'flag: variant, variant'")
        found.append(Serves(flag.strip(), named))
    return tuple(found)


def text_of_requires(requires: tuple[Serves, ...]) -> str:
    """The lines ``requires_of`` reads."""
    return "\n".join(f"{each.flag}: {', '.join(each.variants)}" for each in requires)


def switches_of(text: str) -> tuple[Switch, ...]:
    """``2026-12-01 09:00 on``, one moment (UTC) a line, put in order. Invalid."""
    found = []
    for number, line in _lines(text):
        moment, _, word = line.rpartition(" ")
        if word not in ("on", "off"):
            raise Invalid("switches", f"line {number} is not '2026-12-01 09:00 on' (or off)")
        found.append(Switch(at=second_of(moment, "switches", f"line {number}: "), enabled=word == "on"))
    return tuple(sorted(found, key=lambda each: each.at))


def text_of_switches(switches: tuple[Switch, ...]) -> str:
    """The lines ``switches_of`` reads."""
    return "\n".join(f"{text_of_second(each.at)} {'on' if each.enabled else 'off'}" for each in switches)


def window_of(start: str, end: str, name: str) -> Window | None:
    """The window between two moments (UTC), either of which may be empty; None: both are. Invalid."""
    if not start.strip() and not end.strip():
        return None
    return Window(
        start=second_of(start, f"{name}-start") if start.strip() else None,
        end=second_of(end, f"{name}-end") if end.strip() else None,
    )


def second_of(text: str, field: str, where: str = "") -> int:
    """Seconds since 1970 of a moment as people write it; without an offset it is UTC. Invalid."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        problem = f"{where}{text.strip()[:40]!r} is not a moment; write 2026-12-01 09:00 (UTC)"
        raise Invalid(field, problem) from None


def text_of_second(at: int | None) -> str:
    """The moment as ``second_of`` reads it; empty for None."""
    if at is None:
        return ""
    text = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return text.removesuffix(":00")


def nodes_of_json(text: str, field: str) -> tuple[Node, ...]:
    """Conditions of any shape, as JSON in the ruleset's spelling. Invalid."""
    try:
        raw = typed_json(text)
        return nodes_of(_NODES.validate_python(raw))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        # Tags of unions begin with a tilde; they are no part of the JSON.
        path = ".".join(str(part) for part in first["loc"] if not str(part).startswith("~"))
        raise Invalid(field, f"{path}: {first['msg']}" if path else first["msg"]) from None
    except (ValueError, RecursionError) as error:
        raise Invalid(field, f"is not JSON: {str(error)[:200]}") from None


def json_of_nodes(nodes: tuple[Node, ...]) -> str:
    """The JSON ``nodes_of_json`` reads, laid out for people."""
    return json.dumps(nodes_to_json(nodes), ensure_ascii=False, indent=2)


def _lines(text: str) -> list[tuple[int, str]]:
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [(number, line) for number, line in lines if line]
