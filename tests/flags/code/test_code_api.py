"""The document by the API."""

from flags import service
from runtime.database import Database
from tests.flags.code.rich import rich
from tests.flags.making import ANNA
from tests.flags.web import api_of


def test_what_is_exported_is_planned_and_applied(sqlite_database: Database) -> None:
    with sqlite_database.session() as session:
        rich(session)
    api = api_of(sqlite_database)
    document = api.ok("GET", "/projects/demo/export")

    assert api.ok("POST", "/projects/demo/plan", {"document": document})["empty"]
    document["flags"]["ranker"]["environments"]["prod"]["rules"][0]["percent"] = {"v1": 70, "v2": 30}
    plan = api.ok("POST", "/projects/demo/plan", {"document": document})
    assert (plan["flags"][0]["moved"], "10 % move from v1 to v2" in plan["text"]) == (10_000, True)
    body = {"document": document, "expect": plan["digest"], "reason": "more"}
    assert not api.ok("POST", "/projects/demo/apply", body)["empty"]

    assert api.ok("POST", "/projects/demo/apply", {"document": document})["empty"]
    assert api.call("POST", "/projects/demo/apply", body).status_code == 409


def test_wrong_documents_are_refused_with_the_field(sqlite_database: Database) -> None:
    with sqlite_database.session() as session:
        rich(session)
        service.set_required_approvers(session, ANNA, "demo", "prod", 1, expected=0)
    api = api_of(sqlite_database)
    document = api.ok("GET", "/projects/demo/export?environment=prod")

    other = api.call("POST", "/projects/other/plan", {"document": document})
    assert (other.status_code, other.get_json()["error"]["field"]) == (422, "document.project")
    unknown = api.call("POST", "/projects/demo/plan", {"document": {**document, "more": 1}})
    assert (unknown.status_code, unknown.get_json()["error"]["field"]) == (422, "document.more")
    document["flags"]["ranker"]["environments"]["prod"]["default"] = "v2"
    refused = api.call("POST", "/projects/demo/apply", {"document": document})
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (423, "approval_required")
    assert api.call("GET", "/projects/none/export").status_code == 404
    assert api.call("GET", "/projects/demo/export?environment=none").status_code == 404
