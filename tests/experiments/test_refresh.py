"""The worker's reports: made when something changed, from the lake, and never in a transaction."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from experiments import queries, service
from experiments.codec import to_json
from experiments.events.columns import to_tables
from experiments.events.lake import Lake
from experiments.model import StoredReport
from experiments.refresh import LEAST_AGE, SETTLED_AFTER, refresh_reports
from experiments.report import Decision
from runtime.database import Database
from runtime.errors import NotFound
from tests.experiments.world import ADA, AT, NOW, draft, start, stop

US = 1_000_000
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def fill(lake: Lake, number: int, *, units: int = 400, at: datetime = NOW, right: int = 4) -> None:
    """Half the units in each variant; of v1 one in four answers right, of v2 ``right`` in four."""
    at_us = int(at.timestamp()) * US + 1
    rows = []
    for index in range(units):
        unit, variant = f"n{number}-u{index}", ("v1", "v2")[index % 2]
        value = float(index // 2 % 4 < (1 if variant == "v1" else right))
        exposure = {"type": "exposure", "at_us": at_us, "flag": "digit-reader", "unit": unit}
        rows.append(("demo/prod", f"b{number}", exposure | {"variant": variant, "rule": "r1"}))
        outcomes = (("correct", value), ("latency", 0.1 + index % 10 / 1_000))
        rows += [
            (
                "demo/prod",
                f"b{number}",
                {"type": "outcome", "at_us": at_us, "unit": unit, "name": name, "value": v},
            )
            for name, v in outcomes
        ]
    for table, columns in to_tables(rows).items():
        lake.append(table, columns, "writer", number)


def stored(database: Database) -> StoredReport:
    with database.reading() as session:
        return queries.get_report(session, AT)


def test_a_running_experiment_gets_its_report_from_the_lake(database: Database, lake: Lake) -> None:
    with database.session() as session:
        start(session)
    fill(lake, 1)

    more = refresh_reports(database, lake, LATER)

    found = stored(database)
    assert not more
    assert found.computed_at == LATER
    assert found.report.units == {"v1": 200, "v2": 200}
    assert list(found.report.metrics) == ["correct", "latency"]
    assert found.report.metrics["correct"].variants["v1"].mean == 0.25
    assert found.report.verdict.decision is Decision.SHIP
    assert "<svg" in found.svg


def test_an_experiment_without_events_gets_a_report_that_says_so(database: Database, lake: Lake) -> None:
    with database.session() as session:
        start(session)

    refresh_reports(database, lake, LATER)

    verdict = stored(database).report.verdict
    assert (verdict.decision, verdict.missing) == (Decision.KEEP_RUNNING, ("units",))


def test_nothing_is_made_while_nothing_changes(database: Database, lake: Lake) -> None:
    with database.session() as session:
        start(session)
    fill(lake, 1)
    refresh_reports(database, lake, LATER)

    refresh_reports(database, lake, LATER + timedelta(days=1))

    assert stored(database).computed_at == LATER


def test_new_events_make_a_new_report_but_not_at_once(database: Database, lake: Lake) -> None:
    with database.session() as session:
        start(session)
    fill(lake, 1)
    refresh_reports(database, lake, LATER)
    fill(lake, 2)

    refresh_reports(database, lake, LATER + LEAST_AGE / 2)
    too_soon = stored(database)
    refresh_reports(database, lake, LATER + LEAST_AGE)
    then = stored(database)

    assert too_soon.computed_at == LATER
    assert then.computed_at == LATER + LEAST_AGE
    assert then.report.units == {"v1": 400, "v2": 400}


def test_a_report_that_was_asked_for_is_made_at_once(database: Database, lake: Lake) -> None:
    with database.session() as session:
        start(session)
    refresh_reports(database, lake, LATER)
    with database.session() as session:
        service.request_report(session, AT, now=LATER + timedelta(seconds=1))
    waiting = stored(database)

    refresh_reports(database, lake, LATER + timedelta(seconds=2))

    assert waiting.refreshing
    assert not stored(database).refreshing
    assert stored(database).computed_at == LATER + timedelta(seconds=2)


def test_what_happens_after_the_stop_does_not_count(database: Database, lake: Lake) -> None:
    with database.session() as session:
        stop(session, start(session), now=NOW + timedelta(minutes=30))
    fill(lake, 1)
    fill(lake, 2, at=NOW + timedelta(minutes=31))

    refresh_reports(database, lake, LATER)

    report = stored(database).report
    assert report.units == {"v1": 200, "v2": 200}
    assert report.window is not None
    assert report.window.end == NOW + timedelta(minutes=30)


def test_a_stopped_experiment_without_a_clear_answer_is_inconclusive(database: Database, lake: Lake) -> None:
    with database.session() as session:
        stop(session, start(session), now=LATER)
    fill(lake, 1, right=1)

    refresh_reports(database, lake, LATER)

    assert stored(database).report.verdict.decision is Decision.INCONCLUSIVE


def test_long_after_the_stop_late_events_are_looked_at_now_and_then(database: Database, lake: Lake) -> None:
    stopped_at = NOW + timedelta(minutes=30)
    with database.session() as session:
        stop(session, start(session), now=stopped_at)
    first = stopped_at + SETTLED_AFTER
    refresh_reports(database, lake, first)
    fill(lake, 1)

    refresh_reports(database, lake, first + LEAST_AGE)
    soon = stored(database)
    refresh_reports(database, lake, first + SETTLED_AFTER)
    later = stored(database)

    assert soon.computed_at == first
    assert later.report.units == {"v1": 200, "v2": 200}


def test_drafts_get_no_report(database: Database, lake: Lake) -> None:
    with database.session() as session:
        draft(session)

    assert not refresh_reports(database, lake, LATER)
    with pytest.raises(NotFound):
        stored(database)


def test_a_table_that_cannot_be_read_is_tried_again_and_keeps_the_last_report(
    database: Database, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    with database.session() as session:
        start(session)
    fill(lake, 1)
    refresh_reports(database, lake, LATER)
    before = to_json(stored(database).report)
    fill(lake, 2)
    for file in lake.files("exposures"):
        Path(file).write_bytes(b"not parquet")

    more = refresh_reports(database, lake, LATER + LEAST_AGE)

    assert not more
    assert "could not be made" in caplog.text
    assert to_json(stored(database).report) == before


def test_reports_are_made_one_at_a_time_the_longest_waiting_first(database: Database, lake: Lake) -> None:
    with database.session() as session:
        first = stop(session, start(session))
        service.create(session, ADA, second := type(AT)("demo", "prod", "second"), first.design, now=LATER)
        service.start(session, ADA, second, expected_version=1, now=LATER)

    more = refresh_reports(database, lake, LATER)

    assert more
    assert stored(database).computed_at == LATER
    assert not refresh_reports(database, lake, LATER)
