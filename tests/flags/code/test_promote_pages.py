"""Copying flags between environments, as people do it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flags import queries, requests, service
from flags.guards import By
from flags.model import FlagAt
from runtime.actors import SYSTEM
from runtime.settings import Settings
from tests.flags.making import split, targeting
from tests.security.application import Application, furnished

HERE = "/p/demo/staging/promote"
DEV, STAGING = FlagAt("demo", "dev", "ranker"), FlagAt("demo", "staging", "ranker")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Application]:
    """The application; ranker serves a split in dev and nothing but its first variant in staging."""
    with furnished(Settings(data_dir=tmp_path)) as application:
        with application.database.session() as session:
            version = queries.get_state(session, DEV).version
            wanted = targeting(split(70, 30, rule="r1"))
            service.set_targeting(session, By(SYSTEM), DEV, wanted, expected_version=version)
        yield application


def seen(site: Application) -> str:
    text = site.ada().get(f"{HERE}?source=dev").text
    return text.partition('name="seen" value="')[2].partition('"')[0]


def rules(site: Application) -> int:
    with site.database.reading() as session:
        return len(queries.get_state(session, STAGING).rules)


def test_the_page_tells_what_changes_and_who_moves_and_changes_nothing(site: Application) -> None:
    asked = site.ada().get(HERE)
    shown = site.ada().get(f"{HERE}?source=dev")

    assert (asked.status_code, shown.status_code) == (200, 200)
    assert "30 % move from v1 to v2" in shown.text
    assert rules(site) == 0
    assert "Copy from" in site.ada().get("/p/demo/staging/flags").text


def test_chosen_flags_are_copied(site: Application) -> None:
    form = {"source": "dev", "seen": seen(site), "flag": "ranker", "press": "copy", "reason": "ready"}

    answer = site.submit(HERE, form)

    assert answer.status_code == 303
    assert rules(site) == 1
    assert "Nothing differs" in site.ada().get(f"{HERE}?source=dev").text


def test_a_page_that_is_outdated_copies_nothing(site: Application) -> None:
    form = {"source": "dev", "seen": seen(site), "flag": "ranker", "press": "copy"}
    with site.database.session() as session:
        version = queries.get_state(session, DEV).version
        service.set_enabled(session, By(SYSTEM), DEV, enabled=True, expected_version=version)

    answer = site.submit(HERE, form)

    assert (answer.status_code, rules(site)) == (409, 0)


def test_nothing_chosen_or_no_such_environment_is_refused(site: Application) -> None:
    form = {"source": "dev", "seen": seen(site), "press": "copy"}

    assert site.submit(HERE, form).status_code == 422
    assert site.submit(HERE, form | {"flag": "ranker", "source": "staging"}).status_code == 422
    assert site.submit(HERE, form | {"flag": "ranker", "source": "none"}).status_code == 404
    assert site.ada().get(f"{HERE}?source=none").status_code == 404
    assert site.ada().get(f"{HERE}?source=staging").status_code == 200


def test_where_approvals_are_needed_it_is_proposed(site: Application) -> None:
    with site.database.session() as session:
        service.set_required_approvers(session, By(SYSTEM), "demo", "staging", 1, expected=0)
    form = {"source": "dev", "seen": seen(site), "flag": "ranker", "press": "copy"}

    assert site.submit(HERE, form).status_code == 423
    assert site.submit(HERE, form | {"press": "propose"}).status_code == 303

    with site.database.reading() as session:
        (made,) = requests.list_changes(session, "demo", "staging").items
    assert (made.state.value, made.at.flag, rules(site)) == ("submitted", "ranker", 0)
