"""Rulesets as bytes: one canonical spelling out, strict reading in.

Format 2 is JSON with sorted keys, no spaces and UTF-8, so equal rulesets are equal bytes (the ETag relies on
it). Format 1, its strict subset without segments, trees, gates and the like, is read too. Reading refuses
whatever it does not know: a client that cannot read a ruleset exactly must keep the last one it could read,
never guess (law 10).
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from pointsman.core.costs import segments_problem
from pointsman.core.flag_codec import flag_to_wire, read_flag, read_segment, segment_to_wire
from pointsman.core.format_1 import check_format_1
from pointsman.core.model import Flag, Ruleset
from pointsman.core.reading import count, entries, name, optional, record, required
from pointsman.core.references import check_references
from pointsman.core.strict_json import parse
from pointsman.errors import CodecError

__all__ = ["FORMAT", "CodecError", "decode", "encode"]

FORMAT: Final = 2

_RULESET: Final = frozenset({"format", "project", "environment", "revision", "flags"})


def encode(ruleset: Ruleset) -> bytes:
    """The ruleset's canonical bytes, which ``decode`` accepts and gives back equal.

    CodecError: the ruleset breaks a rule of the format; nothing a client would refuse is ever written.
    """
    wire: dict[str, object] = {
        "format": FORMAT,
        "project": ruleset.project,
        "environment": ruleset.environment,
        "revision": ruleset.revision,
        "flags": {key: flag_to_wire(flag) for key, flag in ruleset.flags.items()},
    }
    if ruleset.segments:
        wire["segments"] = {key: segment_to_wire(segment) for key, segment in ruleset.segments.items()}
    try:
        body = json.dumps(
            wire, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        ).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise CodecError("ruleset", f"is not JSON ({error})") from error
    if decode(body) != ruleset:
        raise CodecError("ruleset", "holds a value JSON cannot give back, such as a tuple or a key not text")
    return body


def decode(body: bytes) -> Ruleset:
    """The ruleset these bytes spell. Its payloads are read-only: every caller shares them.

    CodecError: neither format 2 nor 1; anything unknown, missing, doubled, of the wrong type or out of range;
    a reference to an unknown variant, flag or segment; a cycle; a split that does not cover the buckets.
    """
    raw = parse(body)
    if type(raw) is not dict:
        raise CodecError("ruleset", f"must be an object, not {type(raw).__name__}")
    return read_ruleset(raw, lambda flags: entries(flags, read_flag))


def read_ruleset(raw: object, read_flags: Callable[[object], Mapping[str, Flag]]) -> Ruleset:
    """The ruleset of this JSON, its flags read by ``read_flags``; CodecError as of ``decode``."""
    wire: dict[str, Any] = record(raw, _RULESET, _RULESET | {"segments"})
    found = required(wire, "format", count)
    if found == 1:
        check_format_1(wire)
    elif found != FORMAT:
        raise CodecError("format", f"this client reads format 1 and {FORMAT} only")
    ruleset = Ruleset(
        project=required(wire, "project", name),
        environment=required(wire, "environment", name),
        revision=required(wire, "revision", count),
        flags=required(wire, "flags", read_flags),
        segments=optional(wire, "segments", lambda segments: entries(segments, read_segment), {}),
    )
    check_references(ruleset)
    problem = segments_problem(each.conditions for each in ruleset.segments.values())
    if problem:
        raise CodecError("segments", problem)
    return ruleset
