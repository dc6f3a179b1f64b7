"""GET /api/features/<key>: the environment's flags as GrowthBook's SDKs ask for them.

The key stands in the address, and whoever has it reads every rule. So an environment is served only if the
operator named it in POINTSMAN_GROWTHBOOK; all others answer with no features.
"""

import json
from typing import Final
from urllib.parse import unquote

from flags.exporters.growthbook import export
from flags.model import SdkAccess
from flags.serving import AtHand, Serving, Source, Waiting
from flags.web.delivery import has_tag
from runtime.web.hot import HotRequest, HotRoute
from runtime.web.wsgi import Answer

PATH: Final = "/api/features/"
# Any page of any site may ask, as with the vendor's own service; there is no cookie to abuse.
_OPEN: Final = [("Access-Control-Allow-Origin", "*"), ("Cache-Control", "private, no-cache")]


def routes(serving: Serving, environments: frozenset[str]) -> tuple[HotRoute, ...]:
    """The hot routes of GrowthBook's protocol. ``environments``: ``project/environment`` opted in."""
    at_hand, waiting = AtHand(serving), Waiting(serving)
    return (
        HotRoute(
            name="growthbook_features",
            path=PATH,
            methods=("GET",),
            handle=lambda request: _features(request, waiting, environments),
            at_once=lambda request: _features(request, at_hand, environments),
        ),
    )


def _features(request: HotRequest, source: Source, environments: frozenset[str]) -> Answer:
    """The payload, or 304. Unauthenticated: no live SDK key."""
    access = source.access(unquote(request.path.removeprefix(PATH)))
    opted_in = f"{access.project}/{access.environment}" in environments
    tag = f"{access.ruleset.stamp}-{access.ruleset.revision}-growthbook-{int(opted_in)}"
    headers = [("ETag", f'W/"{tag}"'), *_OPEN]
    if has_tag(request.headers.get("if-none-match", ""), tag):
        return Answer(status=304, headers=headers, body=b"")
    body = _payload(source, access) if opted_in else b'{"status":200,"features":{}}'
    return Answer(status=200, headers=[("Content-Type", "application/json"), *headers], body=body)


def _payload(source: Source, access: SdkAccess) -> bytes:
    ruleset = source.answers(access).evaluation.ruleset
    assert ruleset is not None  # noqa: S101  (made of one)
    payload = {"status": 200, "features": export(ruleset).flags}
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
