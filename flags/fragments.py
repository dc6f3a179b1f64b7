"""Compiling again only what changed: each flag and its canonical text, kept from one revision to the next.

A flag is known by all it is stored as, not by a version, so nothing here can be out of date: not even when a
database is restored from a backup beneath a running process.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from threading import Lock
from typing import Final, NamedTuple, TypeAlias

from flags.plain_flags import is_plain
from flags.storage.rulesets import StoredFlag, StoredRuleset
from pointsman.core.codec import CodecError, encode
from pointsman.core.flag_codec import DEFAULT_UNIT_TYPE, flag_to_wire, read_flag
from pointsman.core.flag_texts import FlagTexts
from pointsman.core.model import Flag
from pointsman.core.references import check_references

_NO_FLAGS: Final = b'"flags":{}'
# Several large environments; beyond them the first ones compile from scratch.
_MOST_ENVIRONMENTS: Final = 16


class _Fragment(NamedTuple):
    key: str
    text: str
    """As it stands in the ruleset, behind its key."""
    flag: Flag | None
    """None: it names nothing outside itself, so that its text is enough."""


_Known: TypeAlias = dict[StoredFlag, _Fragment]


class Fragments:
    """One for a process, shared by its threads."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._lock = Lock()

    def encode(self, stored: StoredRuleset) -> bytes:
        """The ruleset's canonical bytes, as ``pointsman.core.codec.encode`` writes them. CodecError.

        Each flag is checked alone when it is new, the references between them every time.
        """
        former = self._known.get(stored.id.environment_id, {})
        known = {each: former.get(each) or _fragment(each) for each in stored.flags}
        nothing = encode(stored.empty)
        texts = {each.key: each.text for each in known.values()}
        read = {each.key: each.flag for each in known.values() if each.flag is not None}
        check_references(replace(stored.empty, flags=FlagTexts(texts, read)))
        self._keep(stored.id.environment_id, known)
        return _spliced(nothing, texts)

    def _keep(self, environment_id: int, known: _Known) -> None:
        with self._lock:
            self._known.pop(environment_id, None)
            self._known[environment_id] = known
            while len(self._known) > _MOST_ENVIRONMENTS:
                del self._known[next(iter(self._known))]


def _fragment(stored: StoredFlag) -> _Fragment:
    # Straight from the columns, which are in wire form: less work than the way over the values. What was
    # read from JSON can be given back by JSON, so that one reading says all.
    try:
        wire = stored.wire()
        return _plain_fragment(stored, wire) or _spelled(read_flag(stored.key, wire))
    except (CodecError, TypeError, ValueError, RecursionError) as error:
        if not stored.enabled:
            return _fragment_off(stored, error)
        return _fragment_by_values(stored)  # Says what is wrong, or reads what an older release wrote.


def _plain_fragment(stored: StoredFlag, wire: dict[str, object]) -> _Fragment | None:
    """The text of a flag that is plainly in order; None: it must be read to tell."""
    if stored.sticky or stored.has_more or not is_plain(wire, stored.variants):
        return None
    del wire["sticky"]
    if stored.unit_type == DEFAULT_UNIT_TYPE:
        del wire["unit_type"]
    if not stored.epoch:
        del wire["epoch"]
    try:
        text = _canonical(wire)
        text.encode()
    except ValueError:  # Not finite, or not Unicode.
        return None
    return _Fragment(stored.key, text, None)


def _fragment_off(stored: StoredFlag, error: Exception) -> _Fragment:
    """What is left of a broken flag that is switched off: its off variant, and a switch that works."""
    bare = {"enabled": False, "default": stored.off, "rules": [], "version": stored.version}
    same = {"kind": stored.kind, "salt": stored.salt, "off": stored.off, "unit_type": stored.unit_type}
    try:
        flag = read_flag(stored.key, {**bare, **same, "variants": json.loads(stored.variants)})
    except (CodecError, TypeError, ValueError, RecursionError):
        raise CodecError(f"flags.{stored.key}", f"cannot be served even switched off ({error})") from error
    return _spelled(flag)


def _fragment_by_values(stored: StoredFlag) -> _Fragment:
    try:
        flag = stored.read()
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CodecError(f"flags.{stored.key}", f"cannot be read ({error})") from error
    try:
        body = _canonical(flag_to_wire(flag))
    except (TypeError, ValueError, RecursionError) as error:
        raise CodecError(f"flags.{stored.key}", f"is not JSON ({error})") from error
    try:
        same = read_flag(flag.key, json.loads(body)) == flag
    except CodecError as error:
        raise CodecError(f"flags.{stored.key}.{error.field}", error.problem) from error
    if not same:
        raise CodecError(f"flags.{stored.key}", "holds a value JSON cannot give back")
    return _Fragment(flag.key, body, flag)


def _spelled(flag: Flag) -> _Fragment:
    return _Fragment(flag.key, _canonical(flag_to_wire(flag)), flag)


# One for all: json.dumps makes an encoder for each call.
_canonical: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


def _spliced(nothing: bytes, texts: Mapping[str, str]) -> bytes:
    flags = ",".join(f"{_canonical(key)}:{text}" for key, text in sorted(texts.items()))
    # Keys hold no quote, and segments come behind: the first match is the member itself.
    return nothing.replace(_NO_FLAGS, f'"flags":{{{flags}}}'.encode(), 1)
