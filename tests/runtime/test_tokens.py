"""API tokens: what for, where and until when."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main
from runtime import audit
from runtime.accounts import tokens
from runtime.accounts.tokens import Scope, TokenAccess
from runtime.actors import SYSTEM, Actor, ActorKind
from runtime.database import Database
from runtime.errors import Forbidden, Invalid
from runtime.settings import Settings
from tests.platform import migrate

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def access(scope: Scope = Scope.WRITE, project: str | None = None) -> TokenAccess:
    actor = Actor(ActorKind.TOKEN, "ci")
    return TokenAccess(actor=actor, scope=scope, project=project, use_is_old=False)


@pytest.mark.parametrize(
    ("token", "writes", "project", "allowed"),
    [
        (access(), True, "demo", True),
        (access(), True, None, True),
        (access(Scope.READ), False, "demo", True),
        (access(Scope.READ), True, "demo", False),
        (access(project="demo"), True, "demo", True),
        (access(project="demo"), False, "other", False),
        (access(project="demo"), False, None, False),
        (access(Scope.READ, "demo"), True, "demo", False),
    ],
)
def test_a_token_allows_what_it_says_and_no_more(
    token: TokenAccess, writes: bool, project: str | None, allowed: bool
) -> None:
    if allowed:
        token.check(writes=writes, project=project)
        return
    with pytest.raises(Forbidden, match="ci"):
        token.check(writes=writes, project=project)


def test_a_token_ends_by_itself(database: Database) -> None:
    with database.session() as session:
        secret = tokens.create_api_token(session, SYSTEM, "ci", now=NOW, expires_at=NOW + HOUR)

    with database.reading() as session:
        assert tokens.token_access(session, secret, now=NOW + HOUR - timedelta(seconds=1))
        assert tokens.token_access(session, secret, now=NOW + HOUR) is None


def test_a_use_is_noted_once_an_hour(database: Database) -> None:
    with database.session() as session:
        secret = tokens.create_api_token(session, SYSTEM, "ci", now=NOW)
        first = tokens.token_access(session, secret, now=NOW)
        tokens.note_use(session, "ci", now=NOW)
        soon = tokens.token_access(session, secret, now=NOW + HOUR / 2)
        later = tokens.token_access(session, secret, now=NOW + HOUR)
        listed = tokens.list_api_tokens(session)

    assert [each is not None and each.use_is_old for each in (first, soon, later)] == [True, False, True]
    assert [each.last_used_at for each in listed] == [NOW]


def test_making_a_token_is_audited_without_its_secret(database: Database) -> None:
    with database.session() as session:
        secret = tokens.create_api_token(
            session, SYSTEM, "ci", now=NOW, scope=Scope.READ, project="demo", expires_at=NOW + HOUR
        )
        entry = audit.entries(session)[0]

    assert (entry.action, entry.subject) == ("token.create", "tokens/ci")
    assert entry.details["scope"] == "read"
    assert entry.details["project"] == "demo"
    assert secret not in str(entry)


@pytest.mark.parametrize("name", ["", "x" * 101, "a\x00b", "a\ud800", "a\nb"])
def test_a_name_must_be_readable(database: Database, name: str) -> None:
    with database.session() as session, pytest.raises(Invalid, match="name"):
        tokens.create_api_token(session, SYSTEM, name, now=NOW)


def test_a_token_that_is_over_cannot_be_made(database: Database) -> None:
    with database.session() as session, pytest.raises(Invalid, match="expires_at"):
        tokens.create_api_token(session, SYSTEM, "ci", now=NOW, expires_at=NOW)


@pytest.mark.parametrize("scope", ["read", "write"])
def test_the_command_makes_a_token_of_either_scope_that_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    monkeypatch.setenv("POINTSMAN_DATA", str(tmp_path))
    migrate(Settings(data_dir=tmp_path))

    made = CliRunner().invoke(main, ["token", "create", "ci", "--scope", scope])
    lasting = CliRunner().invoke(main, ["token", "create", "old", "--days", "0"])
    listed = CliRunner().invoke(main, ["token", "list"])

    assert made.exit_code == lasting.exit_code == 0, made.output
    assert made.output.startswith("pst_")
    assert f"ci  ({scope}, every project)  until 20" in listed.output
    assert "old  (write, every project)  for ever" in listed.output
