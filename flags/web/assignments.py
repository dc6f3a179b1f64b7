"""For SDKs: unit sets to download, and assignments to ask for where a unit set would be too large."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictStr, ValidationError

from flags import queries, service
from flags.model import FlagAt, KeyKind, SdkAccess
from flags.service.enrolment import enrols, may_be_kept
from flags.serving import Serving, Waiting
from flags.web.json_bodies import clean_object, refuse_model
from pointsman.core.choice import Choice, Reason
from pointsman.core.model import Flag
from runtime.errors import Forbidden, Invalid, NotFound
from runtime.web.hot import HotRequest, HotRoute, answer_json
from runtime.web.wsgi import Answer

MOST_UNITS: Final = 1_000
MOST_BYTES: Final = 4 * 1024 * 1024
_UNITS: Final = "/v1/units/"
# A set never changes: whoever has it need not ask again. It belongs to the holder of one key.
_FOR_GOOD: Final = [("Cache-Control", "private, max-age=31536000, immutable"), ("Vary", "Authorization")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UnitIn(_Body):
    """One unit, with the attributes the flag's rules may look at."""

    unit: Annotated[StrictStr, Field(min_length=1, max_length=256)]
    context: dict[StrictStr, JsonValue] = Field(default_factory=dict)


class AssignmentsIn(_Body):
    """Whom to assign to which flag."""

    flag: StrictStr
    units: Annotated[list[UnitIn], Field(min_length=1, max_length=MOST_UNITS)]


def routes(serving: Serving) -> tuple[HotRoute, ...]:
    """The routes, which look into the database and so always take a thread."""
    waiting = Waiting(serving)
    return (
        HotRoute(
            name="unit_set",
            path=_UNITS,
            methods=("GET",),
            handle=lambda request: _unit_set(serving, waiting, request),
        ),
        HotRoute(
            name="assignments",
            path="/v1/assignments",
            methods=("POST",),
            handle=lambda request: _assign(serving, waiting, request),
        ),
    )


def _unit_set(serving: Serving, source: Waiting, request: HotRequest) -> Answer:
    """A unit set some ruleset of this environment refers to. It never changes."""
    access = source.access(request.bearer)
    _refuse_client(access)
    with serving.database.reading() as session:
        body = queries.unit_set(session, access, request.path.removeprefix(_UNITS))
    return Answer(status=200, headers=[("Content-Type", "application/octet-stream"), *_FOR_GOOD], body=body)


def _assign(serving: Serving, source: Waiting, request: HotRequest) -> Answer:
    """Assign up to 1,000 units, and remember those a sticky flag serves by a rule. First writer wins."""
    access = source.access(request.bearer)
    _refuse_client(access)
    body = _read(request)
    answers = source.answers(access)
    flag = answers.flags.get(body.flag)
    if flag is None:
        raise NotFound("flag", f"{access.project}/{body.flag}"[:200])
    choices = [answers.for_newcomers.choose(body.flag, each.unit, each.context, None) for each in body.units]
    kept = _kept(serving, access, flag, choices) if flag.sticky else {}
    revision = None if answers.evaluation.ruleset is None else answers.evaluation.ruleset.revision
    found = [_assignment(choice, kept.get(choice.unit)) for choice in choices]
    return answer_json(200, {"flag": body.flag, "revision": revision, "assignments": found})


def _refuse_client(access: SdkAccess) -> None:
    if access.kind is KeyKind.CLIENT:
        raise Forbidden("a client key may only evaluate; use a server key")


def _read(request: HotRequest) -> AssignmentsIn:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Invalid("Content-Type", "send the body as application/json")
    if len(request.body) > MOST_BYTES:
        raise Invalid("body", f"is over {MOST_BYTES} bytes; send fewer units")
    try:
        return AssignmentsIn.model_validate(clean_object(request.body))
    except ValidationError as error:
        refuse_model(error)


def _kept(serving: Serving, access: SdkAccess, flag: Flag, choices: list[Choice]) -> Mapping[str, str]:
    """What units keep: from Redis, else from SQL, else they are enrolled now."""
    # All that is stored was stored under these: whatever could become untrue raises the version.
    scope = f"{access.environment_id}:{flag.key}:{flag.salt}:{flag.version}"
    units = [choice.unit for choice in choices if may_be_kept(choice)]
    remembered = serving.remembered
    known = remembered.variants_of(scope, units) if remembered else {}
    unknown = set(units) - known.keys()
    if unknown:
        asked = [choice for choice in choices if choice.unit in unknown]
        found = _from_sql(serving, FlagAt(access.project, access.environment, flag.key), asked)
        if remembered:
            remembered.keep(scope, found)
        known |= found
    return known


def _from_sql(serving: Serving, at: FlagAt, choices: list[Choice]) -> dict[str, str]:
    with serving.database.reading() as session:
        stored = queries.stored_variants(session, at, [choice.unit for choice in choices])
    new = [choice for choice in choices if choice.unit not in stored]
    if not any(enrols(choice) for choice in new):
        return stored
    with serving.database.session() as session:
        return stored | service.assign(session, at, new, now=datetime.now(UTC))


def _assignment(choice: Choice, kept: str | None) -> dict[str, object]:
    """What serves: a stored assignment wins over what the rules say now."""
    reason, rule, variant = choice.reason, choice.rule, choice.variant
    if kept is not None and kept != variant:
        reason, rule, variant = Reason.STICKY, None, kept
    return {"unit": choice.unit, "variant": variant, "reason": reason.value, "rule": rule}
