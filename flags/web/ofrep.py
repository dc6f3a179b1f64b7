"""OFREP 0.3.0: evaluating one flag or all of them over HTTP, for OpenFeature clients in every language.

Evaluating is free of effects: nothing is exposed or enrolled; only how often a flag was asked for is counted.
Both kinds of keys may evaluate. Any
site may ask (a browser's key is public anyway, and no cookie is read), hence the CORS headers.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias
from urllib.parse import parse_qs

from werkzeug.http import parse_etags

from flags import metrics
from flags.evaluations import Answers, failed
from flags.model import SdkAccess
from flags.rates import Rates
from flags.serving import AtHand, Serving, Source, Waiting
from flags.used import Used
from flags.web.ofrep_context import Asked, OfrepCode, Refused, read_context
from pointsman.core.choice import Choice
from pointsman.core.model import Flag
from runtime.errors import PointsmanError, TooMany, Unauthenticated
from runtime.web.errors import status_of
from runtime.web.hot import HotRequest, HotRoute, NeedsThread, answer_json
from runtime.web.wsgi import Answer

BULK: Final = "/ofrep/v1/evaluate/flags"
SINGLE: Final = f"{BULK}/"
INACTIVITY_S: Final = 120
# Evaluating so many takes about a millisecond, which the event loop can spare; more wait for a thread.
_MOST_AT_ONCE: Final = 250
_MAX_KEY_SHOWN: Final = 100

_ANY_SITE: Final = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "ETag, Retry-After"),
]
_NOT_KEPT: Final = [("Cache-Control", "private, no-cache"), ("Vary", "Authorization, X-API-Key")]
_COMMON: Final = [("Content-Type", "application/json"), *_NOT_KEPT, *_ANY_SITE]
_PREFLIGHT: Final = Answer(
    status=204,
    headers=[
        *_ANY_SITE,
        ("Access-Control-Allow-Methods", "POST"),
        ("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, X-API-Key"),
        ("Access-Control-Max-Age", "7200"),
    ],
    body=b"",
)

_CANNOT: Final = "the flag cannot be evaluated for this context; use the code's default"
_WITHOUT_STORE: Final = (
    "more units are kept than are handed out, and only the server knows which: ask it, not a relay; "
    "until then use the code's default"
)

StreamUrl: TypeAlias = Callable[[SdkAccess], str | None]
"""Where this key's holder hears of changes; None: nowhere that clients could reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ofrep:
    """What the handlers need beside a source."""

    rates: Rates
    stream_url: StreamUrl
    used: Used | None = None
    """Counts single evaluations; None: nobody does. A bulk request asks for flags it may never look at."""


def routes(serving: Serving, ofrep: Ofrep) -> tuple[HotRoute, ...]:
    """The hot routes of the protocol."""
    return routes_over(AtHand(serving), Waiting(serving), ofrep)


def routes_over(at_hand: Source, waiting: Source, ofrep: Ofrep) -> tuple[HotRoute, ...]:
    """The same over other sources, ``at_hand`` of which never waits."""
    return tuple(
        HotRoute(
            name=name,
            path=path,
            methods=("POST", "OPTIONS"),
            handle=partial(_guarded, handler, ofrep, waiting),
            at_once=partial(_guarded, handler, ofrep, at_hand),
            refuse=_refused,
        )
        for name, path, handler in (("ofrep_bulk", BULK, _bulk), ("ofrep_single", SINGLE, _single))
    )


_Handler: TypeAlias = Callable[[Ofrep, Source, HotRequest], Answer]


def _guarded(handler: _Handler, ofrep: Ofrep, source: Source, request: HotRequest) -> Answer:
    if request.method == "OPTIONS":
        return _PREFLIGHT
    try:
        return handler(ofrep, source, request)
    except Refused as error:
        body = {"errorCode": error.code.value, "errorDetails": error.details}
        key = {} if request.path == BULK else {"key": _flag_key(request)}
        metrics.EVALUATIONS.labels("refused").inc()
        return answer_json(400, {**key, **body}, *_NOT_KEPT, *_ANY_SITE)


def _single(ofrep: Ofrep, source: Source, request: HotRequest) -> Answer:
    access, answers = _opened(ofrep, source, request)
    asked, key = read_context(request), _flag_key(request)
    flag = answers.flags.get(key)
    if flag is None:
        metrics.EVALUATIONS.labels("not_found").inc()
        details = f"there is no flag {key[:_MAX_KEY_SHOWN]!r} in {access.project}/{access.environment}"
        body = {"key": key, "errorCode": OfrepCode.FLAG_NOT_FOUND.value, "errorDetails": details}
        return answer_json(404, body, *_NOT_KEPT, *_ANY_SITE)
    choice = answers.evaluation.choose(key, asked.unit, asked.context, None)
    if answers.is_open(choice):
        stored = source.stored(access, asked.unit)
        if stored is not None:
            choice = answers.knowing(key, asked.unit, asked.context, stored)
    metrics.EVALUATIONS.labels("single").inc()
    if ofrep.used is not None and not failed(choice):
        ofrep.used.count(access.environment_id, key, choice.variant)
    status = 400 if failed(choice) else 200
    return Answer(status=status, headers=_COMMON, body=_text(answers, flag, choice).encode())


def _bulk(ofrep: Ofrep, source: Source, request: HotRequest) -> Answer:
    """Every flag of the environment, the disabled ones too. 304 if the client has these very answers."""
    access, answers = _opened(ofrep, source, request)
    flags = _all(answers, read_context(request), lambda unit: source.stored(access, unit))
    metrics.EVALUATIONS.labels("bulk").inc()
    # Of the answers themselves, not of ruleset and context: a schedule may change them without any revision.
    tag = hashlib.sha256(flags.encode()).hexdigest()[:32]
    known = request.headers.get("if-none-match", "")
    if known and (known == f'"{tag}"' or parse_etags(known).contains_weak(tag)):
        return Answer(status=304, headers=[("ETag", f'"{tag}"'), *_NOT_KEPT, *_ANY_SITE], body=b"")
    metadata = {"environment": access.environment, "revision": access.ruleset.revision}
    body = f'{{"flags":[{flags}],"metadata":{_json(metadata)}{_streams(ofrep.stream_url(access))}}}'
    return Answer(status=200, headers=[*_COMMON, ("ETag", f'"{tag}"')], body=body.encode())


def _opened(ofrep: Ofrep, source: Source, request: HotRequest) -> tuple[SdkAccess, Answers]:
    """What the key opens. Counted against its rate last of all, so that no request counts twice."""
    secret = request.bearer or request.headers.get("x-api-key", "").strip()
    newer = parse_qs(request.query).get("flagConfigEtag", [""])[0] if request.query else ""
    access = source.access(secret, newer_than=newer)
    answers = source.answers(access)
    if isinstance(source, AtHand) and _takes_long(answers, request):
        raise NeedsThread
    ofrep.rates.take(access.key_id)
    return access, answers


def _takes_long(answers: Answers, request: HotRequest) -> bool:
    """Whether the event loop should not answer: there is too much, or the store may have to be asked."""
    return answers.asks or (request.path == BULK and len(answers.flags) > _MOST_AT_ONCE)


def _all(answers: Answers, asked: Asked, stored_of: Callable[[str], Mapping[str, str] | None]) -> str:
    choose, unit, context = answers.evaluation.choose, asked.unit, asked.context
    choices = [choose(key, unit, context, None) for key in answers.flags]
    if any(map(answers.is_open, choices)):
        stored = stored_of(unit)
        if stored is not None:
            choices = [
                answers.knowing(each.flag, unit, context, stored) if answers.is_open(each) else each
                for each in choices
            ]
    return ",".join(
        _text(answers, flag, choice) for flag, choice in zip(answers.flags.values(), choices, strict=True)
    )


def _text(answers: Answers, flag: Flag, choice: Choice) -> str:
    if not failed(choice):
        return answers.text(flag, choice)
    code = OfrepCode.__members__.get(choice.error or "", OfrepCode.GENERAL)
    details = _WITHOUT_STORE if answers.is_open(choice) else _CANNOT
    return _json({"key": flag.key, "errorCode": code.value, "errorDetails": details})


def _streams(url: str | None) -> str:
    if url is None:
        return ""
    return f',"eventStreams":[{{"type":"sse","url":{_json(url)},"inactivityDelaySec":{INACTIVITY_S}}}]'


def _refused(error: PointsmanError) -> Answer:
    """An error of our own tree in the protocol's words; clients fail on a body without errorDetails."""
    headers = [*_NOT_KEPT, *_ANY_SITE]
    if isinstance(error, Unauthenticated):
        headers.append(("WWW-Authenticate", "Bearer"))
    if isinstance(error, TooMany):
        headers.append(("Retry-After", str(error.retry_after_s)))
    body = {"errorCode": OfrepCode.GENERAL.value, "errorDetails": str(error)}
    return answer_json(status_of(error), body, *headers)


def _flag_key(request: HotRequest) -> str:
    return request.path[len(SINGLE) :]


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
