"""Bundles as bytes: a ruleset with its unit sets and a signature. PURE; signs and verifies nothing.

Layout: ``pointsman-bundle-1``, line end, 128 hex digits of an Ed25519 signature, line end, and the signed
part: one line of JSON (the head), the ruleset's canonical bytes, the unit sets' bytes in the head's order.
What is signed begins with the first line too, so that the signature is worth nothing elsewhere.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from pointsman.core.codec import decode
from pointsman.core.model import Ruleset
from pointsman.core.references import unit_sets_of
from pointsman.core.unit_sets import UnitSet, digest_of, read_units
from pointsman.errors import CodecError

_MAGIC: Final = b"pointsman-bundle-1\n"
_SIGNATURE: Final = re.compile(rb"[0-9a-f]{128}\n")
_MOST_HEAD: Final = 1_000_000
_HEAD: Final = frozenset(
    {"created_at", "environment", "expires_at", "project", "revision", "ruleset", "units"}
)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

Sign = Callable[[bytes], bytes]
"""The Ed25519 signature, 64 bytes, of a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A bundle's bytes taken apart; believe nothing of ``signed`` before ``signature`` is verified."""

    signature: bytes
    signed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What a bundle holds. Times in whole seconds since 1970; ``expires_at`` None: never."""

    ruleset: Ruleset
    units: Mapping[str, UnitSet]
    created_at: int
    expires_at: int | None


def seal(
    ruleset: bytes, units: Mapping[str, bytes], sign: Sign, *, created_at: int, expires_at: int | None = None
) -> bytes:
    """The bundle's bytes. CodecError: the ruleset cannot be read, or needs a unit set that is not given."""
    known = decode(ruleset)
    wanted = sorted(unit_sets_of(known))
    for digest in wanted:
        if digest not in units:
            raise CodecError("units", f"the set {digest[:12]} is missing")
    head = {
        "created_at": created_at,
        "environment": known.environment,
        "expires_at": expires_at,
        "project": known.project,
        "revision": known.revision,
        "ruleset": [len(ruleset), sha256(ruleset).hexdigest()],
        "units": [[len(units[digest]), digest] for digest in wanted],
    }
    line = json.dumps(head, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    signed = b"".join((_MAGIC, line, b"\n", ruleset, *(units[digest] for digest in wanted)))
    return b"".join((_MAGIC, sign(signed).hex().encode(), b"\n", signed.removeprefix(_MAGIC)))


def unseal(content: bytes) -> Sealed:
    """The signature and what it is said to sign. CodecError: no bundle of a format we know."""
    found = _SIGNATURE.match(content, len(_MAGIC)) if content.startswith(_MAGIC) else None
    if found is None:
        raise CodecError("bundle", "is not a bundle of format 1, or is damaged at its beginning")
    signature = bytes.fromhex(found[0][:-1].decode())
    return Sealed(signature=signature, signed=_MAGIC + content[found.end() :])


def read_signed(signed: bytes) -> Bundle:
    """What the verified part holds, read as strictly as if it were not. CodecError."""
    end = signed.find(b"\n", len(_MAGIC), len(_MAGIC) + _MOST_HEAD)
    if end < 0:
        raise CodecError("bundle", "has no head")
    head = _head(signed[len(_MAGIC) : end])
    parts = _parts(head, memoryview(signed)[end + 1 :])
    ruleset = decode(bytes(parts[0]))
    units = {
        digest: read_units(bytes(body)) for (_, digest), body in zip(head["units"], parts[1:], strict=True)
    }
    if unit_sets_of(ruleset) - units.keys():
        raise CodecError("bundle", "lacks a unit set that its ruleset needs")
    return Bundle(ruleset=ruleset, units=units, created_at=head["created_at"], expires_at=head["expires_at"])


def _head(line: bytes) -> dict[str, Any]:
    try:
        head = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise CodecError("bundle", "has a head that is no JSON") from None
    if not isinstance(head, dict) or head.keys() != _HEAD:
        raise CodecError("bundle", "has a head this SDK does not know; update it")
    times = [head["created_at"], head["expires_at"] or 0]
    entries = [head["ruleset"], *head["units"]] if isinstance(head["units"], list) else [None]
    if not all(type(at) is int for at in times) or not all(_is_entry(each) for each in entries):
        raise CodecError("bundle", "has a damaged head")
    return head


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, list) or len(entry) != 2:
        return False
    length, digest = entry
    return type(length) is int and length >= 0 and isinstance(digest, str) and bool(_DIGEST.fullmatch(digest))


def _parts(head: dict[str, Any], body: memoryview) -> list[memoryview]:
    parts, start = [], 0
    for length, digest in (head["ruleset"], *head["units"]):
        part = body[start : start + length]
        if len(part) != length or digest_of(bytes(part)) != digest:
            raise CodecError("bundle", "is cut short or damaged")
        parts.append(part)
        start += length
    if start != len(body):
        raise CodecError("bundle", "has something behind its end")
    return parts
