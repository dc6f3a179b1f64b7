"""An experiment on a sticky flag whose split has changed before: real web, worker and SDKs, to the report."""

from datetime import UTC, datetime
from pathlib import Path

from experiments import queries as experiments
from experiments import service
from experiments.metrics import proportion
from experiments.model import Brief, Design, ExperimentAt
from experiments.report import Report
from experiments.rule import DecisionRule
from experiments.stats.results import NotEstimable
from experiments.table import trust
from flags import queries
from flags import service as flags
from flags.model import RuleDraft
from pointsman import Client, Options
from pointsman.core.bucketing import bucket
from runtime.database import Database
from runtime.errors import NotFound
from tests.flows.test_sticky import ANNA, AT, prepared, targeting
from tests.platform import opened, platform, wait_until

# Enough for a filter: 1,500 of them will be in moved ranges, and up to 1,000 would be an exact list.
OLD = [f"u{n}" for n in range(5_000)]
NEW = [f"n{n}" for n in range(4_000)]
EXPERIMENT = ExperimentAt("demo", "prod", "better")
# Hears of no change while the test runs, as a process behind a broken network would not.
DEAF = Options(cache_dir=None, poll_interval_s=3_600)


def test_it_counts_whom_the_present_split_drew_and_says_what_it_left_out(tmp_path: Path) -> None:
    with platform(tmp_path) as running, opened(running.settings) as database:
        key = prepared(database)
        running.start("web", "worker")
        running.wait_until_ready()
        with Client(running.settings.base_url, key=key, options=DEAF) as former:
            assert former.wait_until_ready(30)
            expose(former, OLD)
            wait_until(lambda: enrolled(database) == len(OLD), "the old units in the store", patience_s=60)
            reweight(database)
            start(database)
            with Client(running.settings.base_url, key=key, options=Options(cache_dir=None)) as present:
                assert present.wait_until_ready(30)
                crossing = [
                    unit for unit in strays(database) if present.variant("ranker", unit=unit).variant == "v2"
                ]
                expose(present, [*OLD, *NEW, *crossing])
                expose(former, crossing)
            everyone = len(OLD) + len(NEW) + len(crossing)

            wait_until(lambda: seen(database) == everyone, "everyone in the report", patience_s=90)

            found = report(database)
            left_out = found.exclusions
            taken = left_out.enrolled_before - len(OLD)
            assert 0 <= taken <= 10  # filters take 0.06 % of the newcomers in moved ranges
            assert sum(found.units.values()) == len(NEW) - taken
            assert (left_out.crossovers, left_out.late) == (len(crossing), len(crossing))
            assert not isinstance(found.srm, NotEstimable)
            assert not found.srm.alarm
            assert 0.0 < found.expected.taken <= 0.3 * 0.001
            assert f"Excluded: {left_out.enrolled_before:,} units that were enrolled before" in "\n".join(
                trust(found)
            )


def expose(client: Client, units: list[str]) -> None:
    for unit in units:
        client.expose(client.variant("ranker", unit=unit))
    assert client.flush(60)


def enrolled(database: Database) -> int:
    with database.reading() as session:
        return sum(queries.count_assignments(session, AT).values())


def reweight(database: Database) -> None:
    """From half and half to one in five: buckets 20,000 to 50,000 move from v1 to v2."""
    rule = RuleDraft(id="r1", weights={"v1": 20_000, "v2": 80_000})
    with database.session() as session:
        state = queries.get_state(session, AT)
        flags.set_targeting(session, ANNA, AT, targeting(rule), expected_version=state.version)


def start(database: Database) -> None:
    design = Design(
        name="Better",
        flag="ranker",
        control="v1",
        metrics=(proportion("click"),),
        decision_rule=DecisionRule(primary="click"),
        hypothesis="v2 is clicked more",
        brief=Brief(decision="which serves", owner="Anna", ships_when="more clicks"),
    )
    now = datetime.now(UTC)
    with database.session() as session:
        made = service.create(session, ANNA.actor, EXPERIMENT, design, now=now)
        service.start(session, ANNA.actor, EXPERIMENT, expected_version=made.version, now=now)


def strays(database: Database) -> list[str]:
    """Units nobody has met, whose buckets have moved."""
    with database.reading() as session:
        salt = queries.get_flag(session, "demo", "ranker").flag.salt
    units = (f"s{n}" for n in range(100))
    return [unit for unit in units if 20_000 <= bucket(salt, unit) < 50_000][:10]


def report(database: Database) -> Report:
    with database.reading() as session:
        return experiments.get_report(session, EXPERIMENT).report


def seen(database: Database) -> int:
    try:
        found = report(database)
    except NotFound:
        return 0
    return sum(found.units.values()) + found.exclusions.enrolled_before + found.exclusions.crossovers
