"""Which ruleset may follow which."""

import pytest

from pointsman.succession import RESTORED_AFTER_S, Succession
from tests.sdk.core.rulesets import ruleset

HELD = ruleset(revision=7)
OLDER = ruleset(revision=6)


@pytest.mark.parametrize(
    "offered", [ruleset(revision=7), ruleset(revision=8), ruleset(revision=1, environment="dev")]
)
def test_a_revision_that_is_not_lower_follows_at_once(offered: object) -> None:
    assert Succession().admits(HELD, offered, 0.0)  # type: ignore[arg-type]  # pytest's parameters are objects


def test_the_first_ruleset_follows_nothing() -> None:
    assert Succession().admits(None, OLDER, 0.0)


def test_a_lower_revision_does_not_follow() -> None:
    succession = Succession()

    assert [succession.admits(HELD, OLDER, now) for now in (0.0, 1.0, 2.0, RESTORED_AFTER_S - 0.1)] == [
        False
    ] * 4


def test_a_database_restored_from_a_backup_is_followed_after_a_minute() -> None:
    succession = Succession()
    for now in (0.0, 10.0, 20.0):
        assert not succession.admits(HELD, OLDER, now)

    assert succession.admits(HELD, OLDER, RESTORED_AFTER_S)


def test_two_answers_a_minute_apart_are_too_few_to_believe() -> None:
    succession = Succession()
    succession.admits(HELD, OLDER, 0.0)

    assert not succession.admits(HELD, OLDER, RESTORED_AFTER_S * 2)


def test_a_lagging_replica_beside_a_good_one_is_never_followed() -> None:
    succession = Succession()

    for minute in range(10):
        assert not succession.admits(HELD, OLDER, minute * 60.0)
        assert not succession.admits(HELD, OLDER, minute * 60.0 + 20.0)
        succession.confirm()
        assert not succession.admits(HELD, OLDER, minute * 60.0 + 40.0)
        assert succession.admits(HELD, HELD, minute * 60.0 + 50.0)
