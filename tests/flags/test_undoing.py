"""Undoing what was done to a segment or the holdout: units, conditions and shares come back exactly."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session

from cli import main
from flags import queries, service
from flags.model import RuleDraft, SegmentDraft, SegmentView, Targeting
from flags.service.restoring import Side
from flags.service.tidying import remove_unused_sets
from pointsman.core.model import InSegment
from runtime.database import Database
from runtime.errors import ApprovalRequired, Conflict, Invalid
from runtime.settings import Settings
from tests.flags.making import ANNA, BERT, GERMANS, PROD, demo
from tests.flags.sticky import served
from tests.security.application import Application, furnished


@pytest.fixture
def staffed(database: Database) -> Database:
    """A flag that serves v2 to the segment staff: revisions 1 (flag), 2 (segment), 3, 4 (rule, switch)."""
    with database.session() as session:
        demo(session)
        draft = SegmentDraft(key="staff", name="Staff", included=("u1",), conditions=(GERMANS,))
        service.create_segment(session, ANNA, "demo", "prod", draft)
        rule = RuleDraft(weights={"v2": 100_000}, conditions=(InSegment("staff"),))
        targeting = Targeting(rules=(rule,), default="v1", off="v1")
        state = service.set_targeting(session, ANNA, PROD, targeting, expected_version=1)
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=state.version)
    return database


def edit(session: Session, **changed: Any) -> SegmentView:
    now = queries.get_segment(session, "demo", "prod", "staff")
    draft = SegmentDraft(key="staff", **{"name": now.name, "conditions": now.conditions, **changed})
    return service.edit_segment(session, ANNA, "demo", "prod", draft, expected_version=now.version)


def newest(session: Session) -> int:
    return queries.list_revisions(session, "demo", "prod")[0].revision


def undo(session: Session, number: int, side: Side = Side.BEFORE) -> Any:
    revision = queries.get_revision(session, "demo", "prod", number)
    expected = queries.around_version(session, revision)
    return service.revert_around(session, BERT, "demo", "prod", number, expected_version=expected, side=side)


def variants(session: Session, *units: str) -> list[str | None]:
    return [choice.variant for choice in served(session, units).values()]


def test_an_edited_segment_is_what_it_was_units_and_conditions(staffed: Database) -> None:
    with staffed.session() as session:
        before = queries.get_segment(session, "demo", "prod", "staff")
        edit(session, included=("u2", "u3"), conditions=(), description="others")
        assert variants(session, "u1", "u2") == ["v1", "v2"]

        after = undo(session, newest(session))

        assert variants(session, "u1", "u2") == ["v2", "v1"]
        assert (after.conditions, after.included_count, after.description) == (
            before.conditions, 1, ""
        )  # fmt: skip
        made = queries.list_revisions(session, "demo", "prod")[0]
        assert made.reason == "revert of revision 5"
        assert made.actor == BERT.actor


def test_lists_are_kept_as_long_as_there_is_a_revision_to_undo(staffed: Database) -> None:
    with staffed.session() as session:
        edit(session, included=("u2",))
        edit(session, included=("u3",))
        place = queries.get_environment(session, "demo", "prod")
        assert remove_unused_sets(session, place, before=datetime.now(UTC) + timedelta(days=9)) == 0

        undo(session, 5)

        assert variants(session, "u1", "u2", "u3") == ["v2", "v1", "v1"]


def test_a_deleted_segment_comes_back_with_its_units(staffed: Database) -> None:
    with staffed.session() as session:
        state = queries.get_state(session, PROD)
        empty = Targeting(rules=(), default="v1", off="v1")
        service.set_targeting(session, ANNA, PROD, empty, expected_version=state.version)
        service.delete_segment(session, ANNA, "demo", "prod", "staff", expected_version=1)

        undo(session, newest(session))
        service.revert_revision(
            session, ANNA, "demo", "prod", newest(session) - 2, expected_version=state.version + 1
        )

        assert variants(session, "u1", "u2") == ["v2", "v1"]
        grown = edit(session, included=("u1", "u2"))
        assert variants(session, "u1", "u2") == ["v2", "v2"]
        assert grown.included_count == 2


def test_the_holdout_goes_back(staffed: Database) -> None:
    with staffed.session() as session:
        service.set_holdout(session, ANNA, "demo", "prod", share=7_000, expected=0)
        service.set_holdout(session, ANNA, "demo", "prod", share=9_000, expected=7_000)

        undo(session, newest(session))
        assert queries.get_environment(session, "demo", "prod").holdout == 7_000
        undo(session, 6, Side.AFTER)

        assert queries.get_environment(session, "demo", "prod").holdout == 9_000


def test_what_somebody_else_changed_is_not_undone_unseen(staffed: Database) -> None:
    with staffed.session() as session:
        edit(session, included=("u2",))
        edit(session, included=("u3",))

        with pytest.raises(Conflict):
            service.revert_around(session, BERT, "demo", "prod", 5, expected_version=2)


def test_before_it_was_made_there_is_nothing_to_go_back_to(staffed: Database) -> None:
    with staffed.session() as session, pytest.raises(Invalid, match="not served"):
        undo(session, 2)


def test_a_flags_revision_is_none_of_these(staffed: Database) -> None:
    with staffed.session() as session, pytest.raises(Invalid):
        service.revert_around(session, BERT, "demo", "prod", 3, expected_version=1)


def test_undoing_needs_the_approval_that_doing_needs(staffed: Database) -> None:
    with staffed.session() as session:
        edit(session, included=("u2",))
        service.set_required_approvers(session, ANNA, "demo", "prod", 1, expected=0)

    with pytest.raises(ApprovalRequired), staffed.session() as session:
        undo(session, 5)


def test_pages_api_and_command_line_undo_them_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path)
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    with furnished(settings) as site:
        for share, expected in ((1_000, 0), (2_000, 1_000), (3_000, 2_000)):
            with site.database.session() as session:
                service.set_holdout(session, ANNA, "demo", "prod", share=share, expected=expected)

        page = site.ada().get("/p/demo/prod/history/7").text
        pressed = site.submit("/p/demo/prod/history/7", {"version": "3000"})
        answer = api(site, 6, 2_000)
        ran = CliRunner().invoke(main, ["flags", "revert", "-p", "demo", "-e", "prod", "5"])

        assert "Undo revision 7" in page
        assert "<code>3000</code>" in page
        assert pressed.status_code == 303
        assert answer["holdout"] == 1_000
        assert ran.output == "holdout is in prod what it was before revision 5.\n"
        assert site.ada().get("/p/demo/prod/history/4").status_code == 200  # the segment's


def api(site: Application, revision: int, expected: int) -> Any:
    answer = site.visitor().post(
        f"/api/v1/projects/demo/environments/prod/revisions/{revision}/revert",
        json={"expected_version": expected},
        headers={"Authorization": f"Bearer {site.secrets.api_token}"},
    )
    assert answer.status_code == 200, answer.text
    return answer.get_json()
