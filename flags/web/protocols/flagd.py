"""GET /flagd/v1/flags.json: the environment's flags for flagd's in-process and file providers."""

import json
from typing import Final
from urllib.parse import parse_qs

from flags.exporters.flagd import Hash, export
from flags.model import KeyKind
from flags.representations import Encoding
from flags.serving import AtHand, Serving, Source, Waiting
from flags.web.delivery import has_tag
from pointsman.core.model import Ruleset
from runtime.errors import Forbidden, Invalid
from runtime.web.hot import HotRequest, HotRoute
from runtime.web.wsgi import Answer

_KEPT: Final = [("Cache-Control", "private, no-cache"), ("Vary", "Authorization")]
_SCHEMA: Final = "https://flagd.dev/schema/v0/flags.json"


def routes(serving: Serving) -> tuple[HotRoute, ...]:
    """The hot routes of flagd's protocol."""
    at_hand, waiting = AtHand(serving), Waiting(serving)
    return (
        HotRoute(
            name="flagd_flags",
            path="/flagd/v1/flags.json",
            methods=("GET",),
            handle=lambda request: _flags(request, waiting),
            at_once=lambda request: _flags(request, at_hand),
        ),
    )


def _flags(request: HotRequest, source: Source) -> Answer:
    """The flags, or 304. Unauthenticated; Forbidden: a client key, which opens no rules."""
    access = source.access(request.bearer)
    if access.kind is not KeyKind.SERVER:
        raise Forbidden("flag definitions hold rules: use a server key")
    hashing = _hashing(request.query)
    tag = f"{source.representation(access, Encoding.IDENTITY).tag}-flagd-{hashing}"
    headers = [("ETag", f'"{tag}"'), *_KEPT]
    if has_tag(request.headers.get("if-none-match", ""), tag):
        return Answer(status=304, headers=headers, body=b"")
    ruleset = source.answers(access).evaluation.ruleset
    assert ruleset is not None  # noqa: S101  (made of one)
    body = flags_json(ruleset, hashing)
    return Answer(status=200, headers=[("Content-Type", "application/json"), *headers], body=body)


def flags_json(ruleset: Ruleset, hashing: Hash) -> bytes:
    """The document as it goes out."""
    metadata = {
        "project": ruleset.project,
        "environment": ruleset.environment,
        "revision": ruleset.revision,
    }
    document = {"$schema": _SCHEMA, "flags": export(ruleset, hashing).flags, "metadata": metadata}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _hashing(query: str) -> Hash:
    found = parse_qs(query, keep_blank_values=True)
    if unknown := found.keys() - {"hashing"}:
        raise Invalid(min(unknown)[:80], "is no parameter here; there is only 'hashing'")
    value = found.get("hashing", [Hash.CBOR.value])[-1]
    if value not in set(Hash):
        raise Invalid("hashing", "must be cbor (openfeature-flagd-core 2) or text (core 1)")
    return Hash(value)
