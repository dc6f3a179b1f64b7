"""Compiling again only what changed: each flag's canonical text, kept from one revision to the next.

A flag is known by all it is stored as, not by a version, so nothing here can be out of date: not even when a
database is restored from a backup beneath a running process.
"""

from collections.abc import Iterable
from dataclasses import replace
from threading import Lock
from typing import Final, TypeAlias

from flags.storage.rulesets import StoredFlag, StoredRuleset
from pointsman.core.codec import CodecError, encode
from pointsman.core.model import Ruleset

_NO_FLAGS: Final = b'"flags":{}'
# Several large environments; beyond them the first ones compile from scratch.
_MOST_ENVIRONMENTS: Final = 16

_Texts: TypeAlias = dict[StoredFlag, bytes]


class Fragments:
    """One for a process, shared by its threads."""

    def __init__(self) -> None:
        self._known: dict[int, _Texts] = {}
        self._lock = Lock()

    def encode(self, stored: StoredRuleset) -> bytes:
        """The ruleset's canonical bytes, as ``pointsman.core.codec.encode`` writes them. CodecError."""
        former = self._known.get(stored.id.environment_id, {})
        nothing = encode(stored.empty)
        try:
            texts = {each: former.get(each) or _text(stored.empty, nothing, each) for each in stored.flags}
        except CodecError:
            # A flag that is not whole without another one, or that is broken: together they show which.
            return encode(_whole(stored))
        self._keep(stored.id.environment_id, texts)
        return _spliced(nothing, texts.values())

    def _keep(self, environment_id: int, texts: _Texts) -> None:
        with self._lock:
            self._known.pop(environment_id, None)
            self._known[environment_id] = texts
            while len(self._known) > _MOST_ENVIRONMENTS:
                del self._known[next(iter(self._known))]


def _whole(stored: StoredRuleset) -> Ruleset:
    return replace(stored.empty, flags={each.key: each.read() for each in stored.flags})


def _text(empty: Ruleset, nothing: bytes, stored: StoredFlag) -> bytes:
    """``"key":{…}`` as it stands in the ruleset; checked by the codec like a whole ruleset."""
    alone = encode(replace(empty, flags={stored.key: stored.read()}))
    start = nothing.index(_NO_FLAGS) + len(_NO_FLAGS) - 1
    return alone[start : start + len(alone) - len(nothing)]


def _spliced(nothing: bytes, texts: Iterable[bytes]) -> bytes:
    flags = b'"flags":{' + b",".join(sorted(texts)) + b"}"
    # Keys of projects and environments hold no quote: the first match is the member itself.
    return nothing.replace(_NO_FLAGS, flags, 1)
