"""GET /v1/exports: what each protocol makes of every flag of an environment, and why it leaves some out."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from flags.exporters import flagd, growthbook
from flags.exporters.model import Carried
from flags.model import KeyKind
from flags.serving import AtHand, Serving, Source, Waiting
from flags.web.protocols.growthbook import HIDDEN
from pointsman.core.model import Ruleset
from runtime.errors import Forbidden
from runtime.web.hot import HotRequest, HotRoute, answer_json
from runtime.web.wsgi import Answer


def routes(serving: Serving, environments: frozenset[str]) -> tuple[HotRoute, ...]:
    """The hot route of the list. ``environments``: opted in to GrowthBook, as ``project/environment``."""
    at_hand, waiting = AtHand(serving), Waiting(serving)
    return (
        HotRoute(
            name="exports",
            path="/v1/exports",
            methods=("GET",),
            handle=lambda request: _exports(request, waiting, environments),
            at_once=lambda request: _exports(request, at_hand, environments),
        ),
    )


def lines_of(ruleset: Ruleset, environments: frozenset[str]) -> dict[str, tuple[Carried, ...]]:
    """By protocol, a line for every flag."""
    shown = growthbook.export(ruleset).lines
    if f"{ruleset.project}/{ruleset.environment}" not in environments:
        shown = tuple(replace(each, carried=False, why=HIDDEN) for each in shown)
    return {
        "flagd-cbor": flagd.export(ruleset, flagd.Hash.CBOR).lines,
        "flagd-text": flagd.export(ruleset, flagd.Hash.TEXT).lines,
        "growthbook": shown,
    }


def _exports(request: HotRequest, source: Source, environments: frozenset[str]) -> Answer:
    """Unauthenticated; Forbidden: a client key, which may not know why."""
    access = source.access(request.bearer)
    if access.kind is not KeyKind.SERVER:
        raise Forbidden("the list speaks of rules: use a server key")
    ruleset = source.answers(access).evaluation.ruleset
    assert ruleset is not None  # noqa: S101  (made of one)
    listed = {name: _json(lines) for name, lines in lines_of(ruleset, environments).items()}
    return answer_json(200, {"protocols": listed}, ("Cache-Control", "private, no-store"))


def _json(lines: Iterable[Carried]) -> list[dict[str, Any]]:
    return [asdict(line) for line in lines]
