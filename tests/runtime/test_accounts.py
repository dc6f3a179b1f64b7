"""Who gets in, and for how long."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from runtime import audit
from runtime.accounts import service
from runtime.accounts.tables import ApiTokenRow, PersonRow, SessionRow, SignInLinkRow
from runtime.actors import SYSTEM, Actor, ActorKind
from runtime.database import Database
from runtime.errors import Invalid, NotFound, Unauthenticated

ADA = "ada@example.org"
PASSWORD = "correct horse battery"


def sign_in(session: Session, email: str, password: str, *, now: datetime) -> str:
    service.check_password(session, email, password)
    return service.open_session(session, email, now=now)


@pytest.fixture
def ada(database: Database, now: datetime) -> str:
    with database.session() as session:
        service.ensure_person(session, SYSTEM, ADA, now=now)
        service.set_password(session, SYSTEM, ADA, PASSWORD)
    return ADA


def test_the_right_password_signs_in(database: Database, ada: str, now: datetime) -> None:
    with database.session() as session:
        token = sign_in(session, ada, PASSWORD, now=now)

    with database.reading() as session:
        assert service.actor_of_session(session, token, now=now) == Actor(ActorKind.PERSON, ADA)


@pytest.mark.parametrize(("email", "password"), [(ADA, "wrong"), ("eve@example.org", PASSWORD)])
def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(
    database: Database, ada: str, now: datetime, email: str, password: str
) -> None:
    with database.session() as session, pytest.raises(Unauthenticated) as refused:
        sign_in(session, email, password, now=now)

    assert str(refused.value) == "that e-mail address and password do not go together"


def test_a_person_without_a_password_cannot_sign_in_with_one(database: Database, now: datetime) -> None:
    with database.session() as session:
        service.ensure_person(session, SYSTEM, ADA, now=now)

    with database.session() as session, pytest.raises(Unauthenticated):
        sign_in(session, ADA, "", now=now)


def test_a_session_ends_by_itself(database: Database, ada: str, now: datetime) -> None:
    with database.session() as session:
        token = sign_in(session, ada, PASSWORD, now=now)

    with database.reading() as session:
        late = now + service.SESSION_LIFE
        assert service.actor_of_session(session, token, now=late) is None


def test_signing_out_ends_the_session(database: Database, ada: str, now: datetime) -> None:
    with database.session() as session:
        token = sign_in(session, ada, PASSWORD, now=now)

    with database.session() as session:
        service.sign_out(session, token)

    with database.reading() as session:
        assert service.actor_of_session(session, token, now=now) is None


def test_a_new_password_signs_other_browsers_out(database: Database, ada: str, now: datetime) -> None:
    with database.session() as session:
        token = sign_in(session, ada, PASSWORD, now=now)

    with database.session() as session:
        service.set_password(session, SYSTEM, ada, "another long password")

    with database.reading() as session:
        assert service.actor_of_session(session, token, now=now) is None


def test_a_sign_in_link_works_once(database: Database, ada: str, now: datetime) -> None:
    with database.session() as session:
        link = service.create_sign_in_link(session, SYSTEM, ada, now=now)

    with database.session() as session:
        token = service.use_sign_in_link(session, link, now=now)

    with database.session() as session:
        assert service.actor_of_session(session, token, now=now) == Actor(ActorKind.PERSON, ADA)
        with pytest.raises(Unauthenticated):
            service.use_sign_in_link(session, link, now=now)


def test_a_sign_in_link_goes_stale(database: Database, ada: str, now: datetime) -> None:
    with database.session() as session:
        link = service.create_sign_in_link(session, SYSTEM, ada, now=now)

    with database.session() as session, pytest.raises(Unauthenticated):
        service.use_sign_in_link(session, link, now=now + timedelta(minutes=31))


def test_an_api_token_names_its_owner_until_it_is_revoked(database: Database, now: datetime) -> None:
    with database.session() as session:
        token = service.create_api_token(session, SYSTEM, "ci", now=now)

    with database.session() as session:
        assert service.actor_of_token(session, token, now=now) == Actor(ActorKind.TOKEN, "ci")
        service.revoke_api_token(session, SYSTEM, "ci", now=now)
        assert service.actor_of_token(session, token, now=now) is None
        with pytest.raises(NotFound):
            service.revoke_api_token(session, SYSTEM, "ci", now=now)


def test_secrets_are_never_stored(database: Database, ada: str, now: datetime) -> None:
    with database.session() as session:
        link = service.create_sign_in_link(session, SYSTEM, ada, now=now)
        cookie = sign_in(session, ada, PASSWORD, now=now)
        token = service.create_api_token(session, SYSTEM, "ci", now=now)

    with database.reading() as session:
        stored = [
            str(value)
            for table in (PersonRow, SessionRow, SignInLinkRow, ApiTokenRow, audit.AuditRow)
            for row in session.execute(table.__table__.select())
            for value in row
        ]
    for secret in (PASSWORD, link, cookie, token):
        assert not any(secret in value for value in stored)


@pytest.mark.parametrize("email", ["", "ada", "a b@c", "@", "x" * 70 + "@example.org"])
def test_what_is_no_address_makes_no_person(database: Database, now: datetime, email: str) -> None:
    with database.session() as session, pytest.raises(Invalid) as refused:
        service.ensure_person(session, SYSTEM, email, now=now)

    assert refused.value.field == "email"


def test_short_passwords_and_unknown_people_are_refused(database: Database, ada: str, now: datetime) -> None:
    with database.session() as session:
        with pytest.raises(Invalid):
            service.set_password(session, SYSTEM, ada, "short")
        with pytest.raises(NotFound):
            service.create_sign_in_link(session, SYSTEM, "eve@example.org", now=now)


@pytest.mark.parametrize("name", ["", "x" * 101, "ci"])
def test_a_token_needs_a_free_name(database: Database, now: datetime, name: str) -> None:
    with database.session() as session:
        service.create_api_token(session, SYSTEM, "ci", now=now)

    with database.session() as session, pytest.raises(Invalid) as refused:
        service.create_api_token(session, SYSTEM, name, now=now)

    assert refused.value.field == "name"


def test_every_account_command_leaves_an_audit_entry(database: Database, ada: str, now: datetime) -> None:
    with database.session() as session:
        service.create_sign_in_link(session, SYSTEM, ada, now=now)
        sign_in(session, ada, PASSWORD, now=now)
        service.create_api_token(session, SYSTEM, "ci", now=now)
        service.revoke_api_token(session, SYSTEM, "ci", now=now)

    with database.reading() as session:
        actions = [entry.action for entry in reversed(audit.entries(session))]
        of_ada = audit.entries(session, subject=f"people/{ADA}")
    assert actions == [
        "person.create",
        "person.password",
        "person.link",
        "person.sign_in",
        "token.create",
        "token.revoke",
    ]
    assert len(of_ada) == 4
