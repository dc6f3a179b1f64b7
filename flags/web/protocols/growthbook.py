"""GET /api/features/<key> and /sub/<key>: the environment's flags as GrowthBook's SDKs ask for them.

The key stands in the address, and whoever has it reads every rule. So an environment is served only if the
operator named it in POINTSMAN_GROWTHBOOK; all others answer with no features.

SDKs learn from the header ``x-sse-support`` that there is a stream, and look for it at the same host, where
this process sends them on to the stream server.
"""

import json
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from flags.exporters.growthbook import export
from flags.model import SdkAccess
from flags.serving import AtHand, Serving, Source, Waiting
from flags.web.delivery import has_tag
from flags.web.protocols.rendered import Rendered, Written
from pointsman.core.model import Ruleset
from runtime.errors import Forbidden, NotFound
from runtime.web.hot import HotRequest, HotRoute
from runtime.web.wsgi import Answer

PATH: Final = "/api/features/"
STREAM: Final = "/sub/"
# Any page of any site may ask, as with the vendor's own service; there is no cookie to abuse.
ANY_SITE: Final = ("Access-Control-Allow-Origin", "*")
_KEPT: Final = ("Cache-Control", "private, no-cache")
_STREAMS: Final = (("x-sse-support", "enabled"), ("Access-Control-Expose-Headers", "x-sse-support"))
HIDDEN: Final = "this environment is not named in POINTSMAN_GROWTHBOOK, so its rules are shown to nobody"
_NOTHING: Final = b'{"status":200,"features":{}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthBook:
    """What an operator said of this protocol."""

    environments: frozenset[str]
    """Opted in, as ``project/environment``."""
    stream_url: str | None
    """Where clients reach the stream server; None: nobody said, so SDKs poll."""

    def shows(self, access: SdkAccess) -> bool:
        """Whether this key's environment is opted in."""
        return f"{access.project}/{access.environment}" in self.environments


def routes(serving: Serving, known: GrowthBook) -> tuple[HotRoute, ...]:
    """The hot routes of GrowthBook's protocol."""
    at_hand, waiting, rendered = AtHand(serving), Waiting(serving), Rendered()
    return (
        HotRoute(
            name="growthbook_features",
            path=PATH,
            methods=("GET",),
            handle=lambda request: _features(request, waiting, rendered.of, known),
            at_once=lambda request: _features(request, at_hand, rendered.at_hand, known),
        ),
        HotRoute(
            name="growthbook_stream",
            path=STREAM,
            methods=("GET",),
            handle=lambda request: _stream(request, waiting, known),
            at_once=lambda request: _stream(request, at_hand, known),
        ),
    )


def payload(ruleset: Ruleset) -> bytes:
    """The flags as SDKs receive them, on one line."""
    found = {"status": 200, "features": export(ruleset).flags}
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def refuse_hidden(access: SdkAccess, environments: frozenset[str]) -> None:
    """Forbidden: the environment is not opted in."""
    if f"{access.project}/{access.environment}" not in environments:
        raise Forbidden(
            "this environment is not named in POINTSMAN_GROWTHBOOK: its rules are shown to nobody"
        )


def _features(request: HotRequest, source: Source, written: Written, known: GrowthBook) -> Answer:
    """The payload, or 304. Unauthenticated: no live SDK key."""
    access = source.access(unquote(request.path.removeprefix(PATH)))
    opted_in = known.shows(access)
    tag = f"{access.ruleset.stamp}-{access.ruleset.revision}-growthbook-{int(opted_in)}"
    headers = [("ETag", f'W/"{tag}"'), ANY_SITE, _KEPT]
    headers += _STREAMS if opted_in and known.stream_url is not None else ()
    if has_tag(request.headers.get("if-none-match", ""), tag):
        return Answer(status=304, headers=headers, body=b"")
    body = written(access.ruleset, lambda: payload(_ruleset(source, access))) if opted_in else _NOTHING
    return Answer(status=200, headers=[("Content-Type", "application/json"), *headers], body=body)


def _stream(request: HotRequest, source: Source, known: GrowthBook) -> Answer:
    """The way to the stream server. Unauthenticated; Forbidden: not opted in; NotFound: nobody said where."""
    key = unquote(request.path.removeprefix(STREAM))
    refuse_hidden(source.access(key), known.environments)
    if known.stream_url is None:
        raise NotFound("stream server", "POINTSMAN_STREAM_URL")
    there = f"{known.stream_url}{STREAM}{quote(key, safe='')}"
    return Answer(
        status=307, headers=[("Location", there), ANY_SITE, ("Cache-Control", "no-store")], body=b""
    )


def _ruleset(source: Source, access: SdkAccess) -> Ruleset:
    ruleset = source.answers(access).evaluation.ruleset
    assert ruleset is not None  # noqa: S101  (made of one)
    return ruleset
