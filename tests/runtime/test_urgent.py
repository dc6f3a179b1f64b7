"""Switching off does not wait behind a long change: the long change gives way, and nothing of it stays."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from flags import queries, service
from flags.guards import By
from flags.importers.model import Options, Vendor
from flags.importers.vendors import mapped
from flags.importing import carry_out
from flags.model import FlagAt, NewFlag
from pointsman.core.model import Json, Kind
from runtime import migrations
from runtime.actors import SYSTEM
from runtime.database import Database
from runtime.errors import Busy
from runtime.settings import Settings
from runtime.urgent import Lane, announced
from runtime.web import state as web_state
from tests.platform import opened
from tests.security.application import Application, furnished

BY = By(SYSTEM)
MANY: dict[str, Json] = {"features": {f"f{number}": {"defaultValue": 1} for number in range(3_000)}}
WITHIN_S = 60.0


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated database with a flag that is on."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    settings = Settings(data_dir=tmp_path, database_url=url)
    migrations.upgrade(settings)
    with opened(settings) as database:
        with database.session() as session:
            service.create_project(session, BY, "demo")
            new = NewFlag(key="ranker", kind=Kind.BOOLEAN, variants={"yes": True, "no": False})
            service.create_flag(session, BY, "demo", new)
            at = FlagAt("demo", "prod", "ranker")
            service.set_enabled(session, BY, at, enabled=True, expected_version=1)
        yield database


def look(database: Database) -> None:
    """A long change that has come so far that it looks."""
    with database.reading() as session:
        lane = Lane(session)
        lane._looked -= 1.0
        lane.give_way()


def test_a_long_change_goes_on_while_nothing_is_announced(database: Database) -> None:
    look(database)
    with announced(database):
        pass

    look(database)


def test_a_long_change_gives_way_to_what_is_announced_by_any_number(database: Database) -> None:
    with announced(database):
        with announced(database), pytest.raises(Busy, match="try it again"):
            look(database)

        with pytest.raises(Busy) as refused:
            look(database)

    assert refused.value.retry_after_s > 0


def test_an_announcement_of_a_process_that_died_is_not_believed_for_ever(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    migrations.upgrade(settings)
    with opened(settings) as database:
        stale = tmp_path / "pointsman.db.urgent.1-1"
        stale.touch()
        with pytest.raises(Busy):
            look(database)

        os.utime(stale, (time.time() - 3_600, time.time() - 3_600))

        look(database)


def test_an_import_of_thousands_gives_way_to_the_kill_switch_and_leaves_nothing(database: Database) -> None:
    begun, outcome = threading.Event(), list[BaseException | None]()
    found = mapped(Vendor.GROWTHBOOK, MANY, Options(unit="", partial=False, text_hashing=False))

    def import_them() -> None:
        try:
            with database.session() as session:
                service.create_layer(session, BY, "demo", "prod", "held")
                begun.set()
                carry_out(session, BY, "demo", "prod", found, update=False)
        except Busy as error:
            outcome.append(error)
        else:
            outcome.append(None)

    importer = threading.Thread(target=import_them)
    importer.start()
    assert begun.wait(WITHIN_S)
    with announced(database), database.session() as session:
        state = service.set_enabled(
            session, BY, FlagAt("demo", "prod", "ranker"), enabled=False, expected_version=2
        )
    importer.join(WITHIN_S)

    assert not state.enabled
    assert isinstance(outcome[0], Busy)
    with database.reading() as session:
        assert queries.list_flags(session, "demo").total == 1
        assert not queries.list_layers(session, "demo", "prod")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Application]:
    with furnished(Settings(data_dir=tmp_path)) as application:
        yield application


def test_a_database_that_another_change_holds_is_busy_and_no_fault(site: Application) -> None:
    with site.app.app_context():
        engine = web_state.state().database.engine
    engine.dispose()
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=50"))

    with site.database.session() as session:
        service.create_layer(session, BY, "demo", "prod", "held")

        answer = site.visitor().put(
            "/api/v1/projects/demo/flags/ranker/environments/prod/enabled",
            json={"enabled": False, "expected_version": 3},
            headers={"Authorization": f"Bearer {site.secrets.api_token}"},
        )

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0
