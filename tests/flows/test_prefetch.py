"""Where a sticky flag keeps more units than it hands out, an application asks for them first."""

from dataclasses import replace
from pathlib import Path

from flags import queries, service
from flags.model import RuleDraft
from pointsman import Client, Options
from pointsman.core.choice import Reason
from runtime.database import Database
from tests.flows.test_sticky import ANNA, AT, prepared, targeting
from tests.platform import opened, platform, wait_until

UNITS = [f"u{n}" for n in range(400)]


def test_prefetched_units_keep_their_variants_and_the_others_get_the_codes_default(tmp_path: Path) -> None:
    with platform(tmp_path) as running, opened(running.settings) as database:
        key = prepared(database)
        running.start("web")
        running.wait_until_ready()
        options = Options(cache_dir=None, poll_interval_s=0.1)
        with Client(running.settings.base_url, key=key, options=options) as client:
            assert client.wait_until_ready(30)
            before = {unit: client.variant("ranker", unit=unit).variant for unit in UNITS}
            assert client.prefetch("ranker", units=UNITS) == len(UNITS)
            turn_round(database)
        with Client(running.settings.base_url, key=key, options=options) as client:
            assert client.wait_until_ready(30)
            unasked = {unit: client.variant("ranker", unit=unit, default="mine") for unit in UNITS}

            told = client.prefetch("ranker", units=UNITS)

            assert told == len(UNITS)
            assert {unit: client.variant("ranker", unit=unit).variant for unit in UNITS} == before
            assert {each.variant for each in unasked.values() if each.reason is Reason.ERROR} == {"mine"}
            assert all(each.variant in ("mine", before[unit]) for unit, each in unasked.items())


def test_prefetching_from_a_server_that_is_away_says_so_and_harms_nobody(tmp_path: Path) -> None:
    with platform(tmp_path) as running, opened(running.settings) as database:
        key = prepared(database)
        running.start("web")
        running.wait_until_ready()
        with Client(running.settings.base_url, key=key, options=Options(cache_dir=None)) as client:
            assert client.wait_until_ready(30)
            running.kill("web")
            wait_until(lambda: running.status("/healthz") is None, "the web server to be gone")

            told = client.prefetch("ranker", units=["u1"], timeout_s=0.5)

            assert told == 0
            assert client.variant("ranker", unit="u1").variant in ("v1", "v2")


def turn_round(database: Database) -> None:
    """Give half of the units to the other variant, with no filter for so many."""
    with database.session() as session:
        state = queries.get_state(session, AT)
        rule = RuleDraft(id="r1", weights={"v1": 10_000, "v2": 90_000})
        few = replace(ANNA, kept_units=10)
        service.set_targeting(session, few, AT, targeting(rule), expected_version=state.version)
