"""Sign-in, sign-out and sign-in links. Every function works in the caller's transaction."""

import re
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from runtime import audit
from runtime.accounts.tables import PersonRow, SessionRow, SignInLinkRow
from runtime.accounts.tokens import actor_of_token, create_api_token, revoke_api_token
from runtime.actors import Actor, ActorKind
from runtime.errors import Invalid, NotFound, Unauthenticated
from runtime.tokens import fingerprint, new_secret

__all__ = [
    "LINK_LIFE",
    "SESSION_LIFE",
    "actor_of_session",
    "actor_of_token",
    "check_password",
    "create_api_token",
    "create_sign_in_link",
    "ensure_person",
    "open_session",
    "revoke_api_token",
    "set_password",
    "sign_out",
    "use_sign_in_link",
]

SESSION_LIFE: Final = timedelta(hours=12)
LINK_LIFE: Final = timedelta(minutes=30)
_EMAIL: Final = re.compile(r"[^@\s\x00]{1,64}@[^@\s\x00]{1,130}")
_LEAST_PASSWORD: Final = 12


def ensure_person(session: Session, actor: Actor, email: str, *, now: datetime) -> None:
    """The person exists afterwards. Invalid: not an e-mail address."""
    if not _EMAIL.fullmatch(email):
        raise Invalid("email", f"{email!r} is not an e-mail address")
    if _person(session, email) is None:
        session.add(PersonRow(email=email, created_at=now))
        session.flush()
        audit.record(session, actor, "person.create", f"people/{email}", {})


def set_password(session: Session, actor: Actor, email: str, password: str) -> None:
    """Give the person a password; their other browsers are signed out. Invalid: shorter than 12."""
    from argon2 import PasswordHasher

    if len(password) < _LEAST_PASSWORD:
        raise Invalid("password", f"needs at least {_LEAST_PASSWORD} characters")
    person = _known_person(session, email)
    person.password_hash = PasswordHasher().hash(password)
    session.execute(delete(SessionRow).where(SessionRow.person_id == person.id))
    audit.record(session, actor, "person.password", f"people/{email}", {})


def check_password(session: Session, email: str, password: str) -> None:
    """Unauthenticated: the same words whatever was wrong. Takes long on purpose, so do it in a reading
    session: a writing one would keep everybody else from writing meanwhile.
    """
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    person = _person(session, email)
    stored = person.password_hash if person is not None else None
    try:
        # An unknown address costs the same work, so that timing tells nothing about who exists.
        PasswordHasher().verify(stored or _nobodys_hash(), password)
    except (VerificationError, InvalidHashError):
        stored = None
    if stored is None:
        raise Unauthenticated("that e-mail address and password do not go together")


def open_session(session: Session, email: str, *, now: datetime) -> str:
    """A session token for the cookie of somebody whose password was checked. NotFound."""
    return _open_session(session, _known_person(session, email), now=now)


def create_sign_in_link(session: Session, actor: Actor, email: str, *, now: datetime) -> str:
    """A token for a link that signs this person in once, within 30 minutes."""
    person = _known_person(session, email)
    token = new_secret("psl")
    session.add(SignInLinkRow(token_hash=fingerprint(token), person_id=person.id, expires_at=now + LINK_LIFE))
    audit.record(session, actor, "person.link", f"people/{email}", {})
    return token


def use_sign_in_link(session: Session, token: str, *, now: datetime) -> str:
    """A session token; the link is spent. Unauthenticated: unknown, spent or out of date."""
    spent = session.execute(
        update(SignInLinkRow)
        .where(
            SignInLinkRow.token_hash == fingerprint(token),
            SignInLinkRow.used_at.is_(None),
            SignInLinkRow.expires_at > now,
        )
        .values(used_at=now)
        .returning(SignInLinkRow.person_id)
    ).scalar_one_or_none()
    if spent is None:
        raise Unauthenticated("this sign-in link was used already or is too old; ask for a new one")
    return _open_session(session, session.get_one(PersonRow, spent), now=now)


def sign_out(session: Session, token: str) -> None:
    """The session token is worth nothing afterwards."""
    session.execute(delete(SessionRow).where(SessionRow.token_hash == fingerprint(token)))


def actor_of_session(session: Session, token: str, *, now: datetime) -> Actor | None:
    """Who holds this session token; None: nobody, or no longer."""
    email = session.scalar(
        select(PersonRow.email)
        .join(SessionRow, SessionRow.person_id == PersonRow.id)
        .where(SessionRow.token_hash == fingerprint(token), SessionRow.expires_at > now)
    )
    return None if email is None else Actor(ActorKind.PERSON, email)


@cache
def _nobodys_hash() -> str:
    from argon2 import PasswordHasher

    return PasswordHasher().hash(new_secret("nobody"))


def _open_session(session: Session, person: PersonRow, *, now: datetime) -> str:
    token = new_secret("pss")
    session.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
    session.add(
        SessionRow(
            token_hash=fingerprint(token),
            person_id=person.id,
            created_at=now,
            expires_at=now + SESSION_LIFE,
        )
    )
    actor = Actor(ActorKind.PERSON, person.email)
    audit.record(session, actor, "person.sign_in", f"people/{person.email}", {})
    return token


def _person(session: Session, email: str) -> PersonRow | None:
    # What is no address need not be looked up (nor could NUL be).
    known = _EMAIL.fullmatch(email) is not None
    return session.scalar(select(PersonRow).where(PersonRow.email == email)) if known else None


def _known_person(session: Session, email: str) -> PersonRow:
    person = _person(session, email)
    if person is None:
        raise NotFound("person", email)
    return person
