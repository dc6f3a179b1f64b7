"""What is counted of flags, what looks stale, and that nobody archives unseen what is in use."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from flags import queries, service
from flags.inventory import InventoryLine, inventory, recent_use
from flags.model import FlagEdit, Link
from flags.opinions import Opinion
from flags.service.usage import record_usage
from flags.staleness import StaleKind
from flags.storage import usage
from flags.usage import UsageSummary
from runtime.database import Database
from runtime.errors import Invalid, Locked
from tests.flags.making import ANNA, PROD, demo, flag, project, split, targeting
from tests.flags.test_races import together

TODAY = datetime.now(UTC)


def summary(
    variant: str = "v1", *, day: date | None = None, exposures: int = 1, key: str = "ranker"
) -> UsageSummary:
    day = day or TODAY.date()
    seen = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return UsageSummary(
        flag=key, variant=variant, day=day, evaluations=0, exposures=exposures, last_seen=seen
    )


def environment_id(session: Session, key: str = "prod") -> int:
    return queries.get_environment(session, "demo", key).id


def line(session: Session, *, days: int = 0, opinions: tuple[Opinion, ...] = ()) -> InventoryLine:
    """The flag `ranker` in the inventory, seen so many days from now."""
    now = datetime.now(UTC) + timedelta(days=days, seconds=1)
    page = inventory(session, "demo", "prod", opinions=opinions, now=now)
    return next(each for each in page.items if each.flag.key == "ranker")


def kinds(found: InventoryLine) -> list[StaleKind]:
    return [each.kind for each in found.stale]


def test_counts_of_one_day_add_up(database: Database) -> None:
    with database.session() as session:
        demo(session)
        at = environment_id(session)

        record_usage(session, at, [summary(exposures=2), summary(exposures=3), summary("v2")])
        record_usage(session, at, [summary(exposures=5)])

        found = usage.totals(session, [at], by_variant=True)
        assert [(each.variant, each.exposures) for each in found] == [("v1", 10), ("v2", 1)]


def test_strangers_and_other_projects_count_nowhere(database: Database) -> None:
    hostile = ["\x00", "x" * 100_000, "\ud800", "", "V1", "nobody"]
    with database.session() as session:
        demo(session)
        project(session, "other")
        at = queries.get_environment(session, "other", "prod").id

        record_usage(session, at, [summary()])
        at = environment_id(session)
        record_usage(session, at, [summary(key=key) for key in hostile])
        record_usage(session, at, [summary(variant) for variant in hostile])

        everywhere = [environment_id(session, each) for each in ("dev", "staging", "prod")]
        assert usage.totals(session, [*everywhere, at]) == ()


def test_counting_at_once_loses_nothing(database: Database) -> None:
    with database.session() as session:
        demo(session)
        flag(session, "other")
        at = environment_id(session)

    def count(turn: int) -> None:
        for _ in range(10):
            some = [summary("v1"), summary("v2"), summary("v1", key="other")]
            with database.session() as session:
                record_usage(session, at, some if turn % 2 else some[::-1])

    together([lambda turn=turn: count(turn) for turn in range(8)])  # type: ignore[misc]

    with database.reading() as session:
        found = usage.totals(session, [at], by_variant=True)
        assert [each.exposures for each in found] == [80, 80, 80]


def test_a_flag_nobody_asked_for_looks_stale_after_two_weeks(database: Database) -> None:
    with database.session() as session:
        demo(session)

        assert kinds(line(session, days=13)) == []
        assert kinds(line(session, days=14)) == [StaleKind.NEVER_USED]
        record_usage(session, environment_id(session), [summary()])
        assert kinds(line(session, days=14)) == []


def test_a_flag_that_served_one_variant_for_a_month_looks_stale(database: Database) -> None:
    with database.session() as session:
        demo(session)
        at = environment_id(session)
        record_usage(session, at, [summary("v2"), summary("v1", day=TODAY.date() + timedelta(days=35))])

        assert kinds(line(session, days=29)) == []
        assert kinds(line(session, days=36)) == [StaleKind.ONE_VARIANT]
        record_usage(session, at, [summary("v2", day=TODAY.date() + timedelta(days=36))])
        assert kinds(line(session, days=36)) == []


def test_another_house_may_have_an_opinion(database: Database) -> None:
    class Decided:
        def stale(self, session: Session, project: str, environment: str) -> dict[str, str]:
            return {"ranker": f"experiment is over in {project}/{environment}"}

    with database.session() as session:
        demo(session)

        found = line(session, opinions=(Decided(),))

        assert [(each.kind, each.words) for each in found.stale] == [
            (StaleKind.DECIDED, "experiment is over in demo/prod")
        ]


def test_the_inventory_tells_what_is_live_and_met(database: Database) -> None:
    with database.session() as session:
        demo(session)
        service.set_targeting(session, ANNA, PROD, targeting(split(25, 75)), expected_version=1)
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=2)
        record_usage(
            session, environment_id(session), [summary("v1", exposures=1), summary("v2", exposures=3)]
        )

        on = line(session).variants
        service.set_enabled(session, ANNA, PROD, enabled=False, expected_version=3)
        off = line(session).variants

        assert [(each.name, each.live, each.share, each.met_share) for each in on] == [
            ("v1", True, 0.25, 0.25),
            ("v2", True, 0.75, 0.75),
        ]
        assert [(each.live, each.share) for each in off] == [(True, 1.0), (False, 0.0)]


def test_what_was_used_lately_is_not_archived_unseen(database: Database) -> None:
    week = TODAY.date() - timedelta(days=7)
    with database.session() as session:
        demo(session)
        record_usage(session, environment_id(session), [summary(exposures=42)])

        with pytest.raises(Locked, match="prod: 42"):
            service.archive_flag(session, ANNA, "demo", "ranker", expected_version=1, unless_used_since=week)
        detail = queries.get_flag(session, "demo", "ranker")
        assert recent_use(session, detail, days=7, now=TODAY) == {"prod": 42}
        assert recent_use(session, detail, days=7, now=TODAY + timedelta(days=9)) == {}
        gone = service.archive_flag(session, ANNA, "demo", "ranker", expected_version=1)
        assert gone.archived_at is not None


def test_flags_are_found_by_tag_and_owner(database: Database) -> None:
    labels = FlagEdit(tags=("nlp", "search"), owner="Ada L.", links=(Link("wiki", "https://example.org/x"),))
    with database.session() as session:
        demo(session)
        flag(session, "other")
        edited = service.edit_flag(session, ANNA, "demo", "ranker", labels, expected_version=1)

        def keys(search: str) -> list[str]:
            return [each.flag.key for each in queries.list_flags(session, "demo", search=search).items]

        assert queries.get_flag(session, "demo", "ranker").flag == edited
        assert (edited.tags, edited.owner, edited.links) == (labels.tags, labels.owner, labels.links)
        assert keys("tag:nlp") == ["ranker"]
        assert keys("tag:nlp tag:search owner:ada rank") == ["ranker"]
        assert keys("tag:nl") == keys("tag:nlp tag:x") == keys("tag:%") == keys("owner:bert") == []
        assert keys("tag:") == []
        assert keys("e") == ["other", "ranker"]
        assert queries.get_environment(session, "demo", "prod").revision == 2


WRONG_LABELS = {
    "a tag with a space": (FlagEdit(tags=("a b",)), "tags.0"),
    "a tag twice": (FlagEdit(tags=("a", "a")), "tags"),
    "too many tags": (FlagEdit(tags=tuple(f"t{n}" for n in range(21))), "tags"),
    "a script": (FlagEdit(links=(Link("x", "javascript:alert(1)"),)), "links.0.url"),
    "no host": (FlagEdit(links=(Link("x", "https://"),)), "links.0.url"),
    "a broken address": (FlagEdit(links=(Link("x", "https://[::1"),)), "links.0.url"),
    "a half sign": (FlagEdit(links=(Link("\ud800", "https://x.org"),)), "links.0.label"),
    "too many links": (FlagEdit(links=(Link("x", "https://x.org"),) * 11), "links"),
    "an endless owner": (FlagEdit(owner="a" * 201), "owner"),
    "a line break": (FlagEdit(owner="a\nb"), "owner"),
}


@pytest.mark.parametrize("what", WRONG_LABELS)
def test_bad_labels_are_refused_by_field(sqlite_database: Database, what: str) -> None:
    edit, field = WRONG_LABELS[what]
    with sqlite_database.session() as session:
        demo(session)

        with pytest.raises(Invalid) as error:
            service.edit_flag(session, ANNA, "demo", "ranker", edit, expected_version=1)

        assert error.value.field == field
