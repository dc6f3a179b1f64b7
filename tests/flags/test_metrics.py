import pytest

from flags import service
from runtime.database import Database
from tests.flags.making import ANNA, PROD, counted, demo

TOGGLES = "flag.toggle"


def toggles() -> float:
    return counted("pointsman_flag_commands_total", command=TOGGLES)


def test_a_command_is_counted_when_it_is_committed(sqlite_database: Database) -> None:
    with sqlite_database.session() as session:
        demo(session)
    before = toggles()

    with sqlite_database.session() as session:
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)
        assert toggles() == before

    assert toggles() == before + 1


def test_a_command_that_is_rolled_back_is_not_counted(sqlite_database: Database) -> None:
    with sqlite_database.session() as session:
        demo(session)
    before = toggles()

    with pytest.raises(RuntimeError), sqlite_database.session() as session:
        service.set_enabled(session, ANNA, PROD, enabled=True, expected_version=1)
        raise RuntimeError

    assert toggles() == before
