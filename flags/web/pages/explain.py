"""Why a unit gets what it gets, step by step."""

from dataclasses import dataclass

from flask import request
from flask.typing import ResponseReturnValue

from flags.explaining import Explained, explained
from flags.model import FlagAt
from flags.web.pages.blueprint import blueprint
from flags.web.pages.forms import typed_json
from flags.web.pages.reasons import reason_lines, verdict_words
from flags.web.place import page, place
from flags.web.state import flags_state
from runtime.errors import Invalid
from runtime.web.state import state


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Whom to explain, as typed."""

    unit: str = ""
    context: str = "{}"


@blueprint.route("/p/<project>/<environment>/flags/<flag>/explain", methods=["GET", "POST"])
def explain_unit(project: str, environment: str, flag: str) -> ResponseReturnValue:
    """The form, and the whole reason chain of the unit that was asked for. Enrolls nobody.

    By POST: units have no place in addresses, which are logged.
    """
    at = FlagAt(project, environment, flag)
    question = Question(unit=request.form.get("unit", "").strip(), context=request.form.get("context", "{}"))
    found, error = None, None
    if request.method == "POST":
        try:
            found = _explained(at, question)
        except Invalid as problem:
            error = problem
    with state().database.reading() as session:
        here = place(session, project, environment)
    body = page(
        "flags/explain.html",
        section="flags",
        place=here,
        flag=flag,
        question=question,
        found=found,
        lines=reason_lines(found.explanation) if found else (),
        verdict=verdict_words(found.explanation.choice) if found else "",
        error=error,
    )
    return body, 422 if error else 200


def _explained(at: FlagAt, question: Question) -> Explained:
    try:
        context = typed_json(question.context or "{}")
    except (ValueError, RecursionError) as error:
        raise Invalid("context", f"is not JSON: {str(error)[:200]}") from None
    if not isinstance(context, dict):
        raise Invalid("context", 'must be an object such as {"country": "DE"}')
    with state().database.reading() as session:
        parts = flags_state()
        return explained(session, parts.publisher, parts.evaluations, at, question.unit, context)
