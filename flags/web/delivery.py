"""GET /v1/ruleset: what SDKs poll. Almost every answer is a 304, which costs no query (ADR 6)."""

from typing import Final

from werkzeug.http import parse_accept_header, parse_etags

from flags import metrics
from flags.representations import Encoding, Representation
from flags.serving import AtHand, Serving, Source, Waiting
from runtime.web.hot import HotRequest, HotRoute
from runtime.web.wsgi import Answer

# The body belongs to one key's holder, and must be asked for again each time.
_KEPT: Final = [("Cache-Control", "private, no-cache"), ("Vary", "Authorization, Accept-Encoding")]
_USUAL: Final = {"": Encoding.IDENTITY, "identity": Encoding.IDENTITY, "gzip": Encoding.GZIP}
_FIRST: Final = (Encoding.ZSTD, Encoding.GZIP)


def routes(serving: Serving) -> tuple[HotRoute, ...]:
    """The hot routes of delivery."""
    return routes_over(AtHand(serving), Waiting(serving))


def routes_over(at_hand: Source, waiting: Source) -> tuple[HotRoute, ...]:
    """The same over other sources, ``at_hand`` of which never waits."""
    return (
        HotRoute(
            name="ruleset",
            path="/v1/ruleset",
            methods=("GET",),
            handle=lambda request: _ruleset(request, waiting),
            at_once=lambda request: _ruleset(request, at_hand),
        ),
    )


def _ruleset(request: HotRequest, source: Source) -> Answer:
    """The environment's current ruleset, or 304 if the client has it. Unauthenticated: no live SDK key.

    A client key gets the minimal document only. The ETag is strong and of its packing; the tag of any
    packing of the same ruleset counts as "has it", and so does one that a proxy weakened.
    """
    access = source.access(request.bearer)
    packing = preferred(request.headers.get("accept-encoding", ""))
    found = source.representation(access, packing)
    tag = ("ETag", f'"{found.etag}"')
    if has_it(request.headers.get("if-none-match", ""), found):
        metrics.RULESETS_SERVED.labels(304).inc()
        return Answer(status=304, headers=[tag, *_KEPT], body=b"")
    metrics.RULESETS_SERVED.labels(200).inc()
    packed = [] if found.encoding is Encoding.IDENTITY else [("Content-Encoding", str(found.encoding))]
    headers = [("Content-Type", "application/json"), *packed, tag, *_KEPT]
    return Answer(status=200, headers=headers, body=found.body)


def preferred(accepted: str) -> Encoding:
    """The packing that Accept-Encoding likes best, ours being the first of equals."""
    usual = _USUAL.get(accepted)
    if usual is not None:
        return usual
    quality = {name.lower(): each for name, each in parse_accept_header(accepted)}
    # Not "*": who names no packing may well be something that packs nothing out.
    best = max(_FIRST, key=lambda each: quality.get(each, 0.0))
    liked = quality.get(best, 0.0)
    return best if liked > 0 and liked >= quality.get("identity", 0.0) else Encoding.IDENTITY


def has_it(if_none_match: str, found: Representation) -> bool:
    """Whether one of the tags is of this ruleset, in whatever packing."""
    if not if_none_match:
        return False
    if if_none_match == f'"{found.etag}"':
        return True
    tags = parse_etags(if_none_match)
    return any(tags.contains_weak(each) for each in _tags(found))


def has_tag(if_none_match: str, tag: str) -> bool:
    """Whether one of the tags is this one, weakened or not."""
    return bool(if_none_match) and parse_etags(if_none_match).contains_weak(tag)


def _tags(found: Representation) -> tuple[str, ...]:
    return (found.tag, *(f"{found.tag}-{each}" for each in _FIRST))
