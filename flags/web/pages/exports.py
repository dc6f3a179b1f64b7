"""What other vendors' SDKs get of an environment, by which address, and what they cannot get."""

from dataclasses import dataclass

from flask import request
from sqlalchemy.orm import Session

from flags import queries
from flags.exporters.model import Carried
from flags.web.pages.blueprint import blueprint
from flags.web.place import page, place
from flags.web.protocols import exports
from flags.web.state import flags_state
from pointsman.core.model import Ruleset
from runtime.web.state import state

# A browser lays out no more in a reasonable time; programs ask /v1/exports for all.
_MOST_LINES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One vendor's form of the environment."""

    name: str
    """As ``/v1/exports`` calls it."""
    readers: str
    """Whose SDKs read it."""
    address: str
    key: str
    """Which key opens it, and where it stands."""
    note: str
    carried: tuple[str, ...]
    carried_count: int
    left_out: tuple[Carried, ...]
    left_out_count: int
    cut: bool
    """Whether the page has no room for some of them."""


@blueprint.get("/p/<project>/<environment>/exports")
def show_exports(project: str, environment: str) -> str:
    """Each vendor's form, with what is carried and what is left out, and why."""
    with state().database.reading() as session:
        here = place(session, project, environment)
        ruleset = _ruleset(session, project, environment)
    forms = _forms(ruleset)
    total = len(ruleset.flags)
    return page("flags/exports.html", section="exports", place=here, forms=forms, total=total)


def _ruleset(session: Session, project: str, environment: str) -> Ruleset:
    parts = flags_state()
    at = queries.get_environment(session, project, environment)
    compiled = parts.publisher.current(session, queries.current_ruleset(session, at))
    answers = parts.evaluations.of(compiled, lambda digests: queries.unit_sets_in(session, at.id, digests))
    assert answers.evaluation.ruleset is not None  # noqa: S101  (made of one)
    return answers.evaluation.ruleset


def _forms(ruleset: Ruleset) -> tuple[Form, ...]:
    settings, base = state().settings, request.host_url.rstrip("/")
    lines = exports.lines_of(ruleset, settings.growthbook)
    streams = settings.public_stream_url
    heard = f"SDKs hear of changes by {streams}/sub/<client key>." if streams else "SDKs poll."
    return (
        _form(
            "growthbook",
            lines,
            readers="GrowthBook’s SDKs",
            address=f"{base}/api/features/<client key>",
            key="A key of either kind, in the address: give its owner the client key.",
            note=f"The SDK’s API host is {base}. {heard}",
        ),
        _form(
            "flagd-cbor",
            lines,
            readers="flagd’s providers of today (openfeature-flagd-core 2)",
            address=f"{base}/flagd/v1/flags.json",
            key="A server key, as Authorization: Bearer.",
            note="For providers in file or in-process mode.",
        ),
        _form(
            "flagd-text",
            lines,
            readers="flagd’s providers before that (openfeature-flagd-core 1)",
            address=f"{base}/flagd/v1/flags.json?hashing=text",
            key="A server key, as Authorization: Bearer.",
            note="For providers in file or in-process mode.",
        ),
    )


def _form(
    name: str, lines: dict[str, tuple[Carried, ...]], *, readers: str, address: str, key: str, note: str
) -> Form:
    carried = [each.flag for each in lines[name] if each.carried]
    left_out = [each for each in lines[name] if not each.carried]
    return Form(
        name=name,
        readers=readers,
        address=address,
        key=key,
        note=note,
        carried=tuple(carried[:_MOST_LINES]),
        carried_count=len(carried),
        left_out=tuple(left_out[:_MOST_LINES]),
        left_out_count=len(left_out),
        cut=max(len(carried), len(left_out)) > _MOST_LINES,
    )
