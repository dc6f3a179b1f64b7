"""Change requests, reverts, the inventory and the audit log as people and programs meet them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from flags import queries, service
from flags.guards import By
from flags.model import FlagAt
from flags.service.usage import record_usage
from flags.usage import UsageSummary
from runtime.accounts import service as accounts
from runtime.actors import SYSTEM
from runtime.settings import Settings
from runtime.web.auth import COOKIE
from tests.security.application import Application, furnished

HERE = "/p/demo/prod"
FLAG = f"{HERE}/flags/ranker"
API = "/api/v1/projects/demo/environments/prod"
RANKER = FlagAt("demo", "prod", "ranker")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Application]:
    """The application; nobody's experiment runs, and two approvers stand by."""
    with furnished(Settings(data_dir=tmp_path)) as application:
        yield application


def person(site: Application, email: str) -> FlaskClient:
    """Somebody else's browser."""
    now = datetime.now(UTC)
    with site.database.session() as session:
        accounts.ensure_person(session, SYSTEM, email, now=now)
        cookie = accounts.open_session(session, email, now=now)
    client = site.app.test_client()
    client.set_cookie(COOKIE, cookie)
    return client


def call(client: FlaskClient, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
    answer = client.open(path, method=method, json=body)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def protect(site: Application, count: int = 1) -> None:
    with site.database.session() as session:
        service.set_required_approvers(session, By(SYSTEM), "demo", "prod", count, expected=0)


def targeting(v1: int) -> dict[str, Any]:
    rule = {"conditions": [], "percent": {"v1": v1, "v2": 100 - v1}, "id": "r1"}
    return {"rules": [rule], "default": "v1", "off": "v1"}


def test_a_change_goes_through_four_eyes_by_api(site: Application) -> None:
    protect(site)
    ada, bert = person(site, "ada@example.org"), person(site, "bert@example.org")
    refused = call(
        ada,
        "PUT",
        "/api/v1/projects/demo/flags/ranker/environments/prod/enabled",
        {"enabled": True, "expected_version": 3},
    )
    assert refused["enabled"]  # it is on already: nothing to change, nothing to refuse
    path = "/api/v1/projects/demo/flags/ranker/environments/prod"

    answer = call(ada, "PUT", f"{path}/targeting", {**targeting(40), "expected_version": 3}, status=423)
    off = call(ada, "PUT", f"{path}/enabled", {"enabled": False, "expected_version": 3})
    made = call(
        ada,
        "POST",
        f"{path}/changes",
        {"proposal": {"enabled": True}, "reason": "back on", "submit": True},
        status=201,
    )
    one = f"{API}/changes/{made['number']}"
    body = {"expected_version": made["version"]}
    call(ada, "POST", f"{one}/approve", body, status=403)
    call(ada, "POST", f"{one}/publish", body, status=423)
    approved = call(bert, "POST", f"{one}/approve", {**body, "reason": "fine"})
    shown = call(ada, "GET", f"{one}/rehearsal")
    done = call(ada, "POST", f"{one}/publish", {"expected_version": approved["version"]})

    assert answer["error"]["code"] == "approval_required"
    assert answer["error"]["required_approvers"] == 1
    assert not off["enabled"]
    assert [each["field"] for each in shown["differences"]] == ["enabled"]
    assert (done["state"], done["approvals"][0]["note"]) == ("published", "fine")
    with site.database.reading() as session:
        assert queries.get_state(session, RANKER).enabled


def test_a_token_writes_but_never_decides(site: Application) -> None:
    client = site.visitor()
    headers = {"Authorization": f"Bearer {site.secrets.api_token}"}
    made = client.post(f"{API}/changes/1/submit", json={"expected_version": 1}, headers=headers)
    assert made.status_code == 200

    answer = client.post(f"{API}/changes/1/approve", json={"expected_version": 2}, headers=headers)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "forbidden")


def test_a_request_is_scheduled_by_page_and_api(site: Application) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    site.submit(f"{HERE}/changes/1", {"press": "submit", "version": "1"})

    answer = site.submit(
        f"{HERE}/changes/1", {"press": "schedule", "version": "2", "publish_at": f"{soon:%Y-%m-%dT%H:%M}"}
    )

    assert answer.status_code == 303
    found = call(site.ada(), "GET", f"{API}/changes/1")
    assert found["state"] == "scheduled"
    assert found["publish_at"].startswith(f"{soon:%Y-%m-%dT%H:%M}")
    naive = {"expected_version": 3, "publish_at": "2030-01-01T00:00:00"}
    call(site.ada(), "POST", f"{API}/changes/1/schedule", naive, status=422)
    call(site.ada(), "POST", f"{API}/changes/1/unschedule", {"expected_version": 3})


def test_a_page_shows_the_conflict_and_rebases(site: Application) -> None:
    form = {"press": "propose", "version": "3", "default": "v2", "off": "v1", "reason": "v2 for all"}
    with site.database.session() as session:
        state = queries.get_state(session, RANKER)
    weights = {"rule-0-id": state.rules[0].id, "rule-0-weight-v1": "50", "rule-0-weight-v2": "50"}
    made = site.submit(f"{FLAG}/targeting", form | weights)
    assert made.status_code == 303
    where = made.headers["Location"]
    site.submit(where, {"press": "submit", "version": "1"})
    site.submit(f"{FLAG}/toggle", {"version": "3", "enabled": "no"})

    conflict = site.submit(where, {"press": "publish", "version": "2"})
    rebased = site.submit(where, {"press": "rebase", "version": "2"})
    published = site.submit(where, {"press": "publish", "version": "3"})

    assert conflict.status_code == 409
    assert "Somebody else changed this" in conflict.text
    assert "Rebase on how it stands now" in conflict.text
    assert (rebased.status_code, published.status_code) == (303, 303)
    assert "v2 for all" in site.ada().get(where).text
    with site.database.reading() as session:
        assert queries.get_state(session, RANKER).default == "v2"


def test_a_draft_is_edited_in_the_form_it_was_written_in(site: Application) -> None:
    form = {"press": "propose", "version": "3", "default": "v2", "off": "v1", "reason": "first"}
    where = site.submit(f"{FLAG}/targeting", form).headers["Location"]
    number = where.rpartition("/")[2]

    shown = site.ada().get(f"{FLAG}/targeting?change={number}").text
    site.submit(f"{FLAG}/targeting", form | {"default": "v1", "reason": "second", "change": number})

    assert f"change request {number}" in shown
    assert '<option value="v2" selected>' in shown
    found = call(site.ada(), "GET", f"{API}/changes/{number}")
    assert (found["proposal"]["targeting"]["default"], found["reason"]) == ("v1", "second")


def test_an_undo_is_one_click_from_the_history(site: Application) -> None:
    site.submit(f"{FLAG}/toggle", {"version": "3", "enabled": "no"})
    page = site.ada().get(f"{HERE}/history/5")

    answer = site.submit(f"{HERE}/history/5", {"version": "4"})
    stale = site.submit(f"{HERE}/history/5", {"version": "4"})

    assert "Undo revision 5" in page.text
    assert (answer.status_code, stale.status_code) == (303, 409)
    with site.database.reading() as session:
        assert queries.get_state(session, RANKER).enabled
        assert queries.list_revisions(session, "demo", "prod")[0].reason == "revert of revision 5"


def test_a_revision_is_told_and_undone_by_api(site: Application) -> None:
    told = call(site.ada(), "GET", f"{API}/revisions/3/diff")
    assert told["differences"] == [{"field": "enabled", "before": "no", "after": "yes", "moved": None}]

    undone = call(site.ada(), "POST", f"{API}/revisions/3/revert", {"expected_version": 3})

    assert (undone["enabled"], undone["version"]) == (False, 4)
    call(site.ada(), "POST", f"{API}/revisions/1/revert", {"expected_version": 4}, status=422)


def test_archiving_what_is_used_asks_for_the_key(site: Application) -> None:
    with site.database.session() as session:
        made = queries.get_environment(session, "demo", "dev").id
        now = datetime.now(UTC)
        seen = UsageSummary(
            flag="ranker", variant="v1", day=now.date(), evaluations=0, exposures=7, last_seen=now
        )
        record_usage(session, made, [seen])
        stop(session)

    page = site.ada().get(FLAG).text
    hasty = site.submit(f"{FLAG}/archive", {"version": "1", "archived": "yes"})
    sure = site.submit(f"{FLAG}/archive", {"version": "1", "archived": "yes", "confirm": "ranker"})

    assert "7 times in dev" in page
    assert (hasty.status_code, sure.status_code) == (423, 303)
    assert "used since" in hasty.text


def stop(session: Any) -> None:
    from experiments import queries as experiments
    from experiments import service as commands
    from experiments.model import ExperimentAt

    at = ExperimentAt("demo", "prod", "trial")
    version = experiments.get_experiment(session, at).version
    commands.stop(session, SYSTEM, at, expected_version=version, now=datetime.now(UTC))


def test_a_stopped_experiment_makes_its_flag_look_stale(site: Application) -> None:
    with site.database.session() as session:
        stop(session)

    found = call(site.ada(), "GET", f"{API}/inventory?stale=true")
    page = site.ada().get(f"{HERE}/inventory?stale=yes").text

    assert found["flags"][0]["stale"][0]["kind"] == "decided"
    assert "experiment trial was stopped" in page


def test_labels_are_edited_and_searched(site: Application) -> None:
    form = {
        "press": "save", "version": "1", "name": "Ranker", "tags": "nlp search", "owner": "Ada",
        "links": "the wiki https://example.org/a?b=1&c=2\n\nhttps://example.org",
        "variant-0-name": "v1", "variant-0-payload": '{"model": "v1"}',
        "variant-1-name": "v2", "variant-1-payload": '{"model": "v2"}',
    }  # fmt: skip
    assert site.submit(f"{FLAG}/edit", form).status_code == 303

    page = site.ada().get(FLAG).text
    bad = site.submit(f"{FLAG}/edit", form | {"version": "2", "links": "x javascript:alert(1)"})

    assert 'href="https://example.org/a?b=1&amp;c=2"' in page
    assert "tag:nlp" in site.ada().get(f"{HERE}/flags?q=tag:nlp").text
    assert "No flag matches" in site.ada().get(f"{HERE}/flags?q=tag:none").text
    assert bad.status_code == 422
    assert 'value="nlp search"' in bad.text


def test_the_audit_log_is_shown_filtered_and_saved(site: Application) -> None:
    ada = site.ada()
    flags = ada.get("/audit?action=flag&subject=demo/prod").text
    saved = ada.get("/audit/export?format=csv&action=flag")
    found = call(ada, "GET", "/api/v1/audit?action=flag.toggle")
    page = call(ada, "GET", "/api/v1/audit?limit=2")["entries"]
    older = call(ada, "GET", f"/api/v1/audit?limit=2&before={page[-1]['position']}")["entries"]

    assert "flag.toggle" in flags
    assert "key.create" not in flags
    assert saved.headers["Content-Disposition"] == "attachment; filename=audit.csv"
    assert saved.text.startswith("position,at,")
    assert {each["action"] for each in found["entries"]} == {"flag.toggle"}
    assert [each["position"] for each in page + older] == list(
        range(page[0]["position"], page[0]["position"] - 4, -1)
    )
    assert ada.get("/audit?subject=%00").status_code == 422
    assert ada.get("/audit/export?format=xlsx").status_code == 422
    assert site.visitor().get("/audit").status_code == 302
    assert site.visitor().get("/api/v1/audit/export").status_code == 401
