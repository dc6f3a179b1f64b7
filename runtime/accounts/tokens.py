"""API tokens: what a program may do with the admin API, where, and until when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from runtime import audit
from runtime.accounts.tables import ApiTokenRow
from runtime.actors import Actor, ActorKind
from runtime.errors import Forbidden, Invalid, NotFound
from runtime.tokens import fingerprint, new_secret

# "Last used" is for finding forgotten tokens: to the hour is enough, and costs one write an hour.
_USED_EVERY: Final = timedelta(hours=1)
_NAME_CHARACTERS: Final = 100
_PROJECT_CHARACTERS: Final = 64
MOST_DAYS: Final = 3_650


class Scope(StrEnum):
    """What a token is for."""

    READ = "read"
    """Looking only."""
    WRITE = "write"
    """Everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """An API token without its secret."""

    name: str
    scope: Scope
    project: str | None
    """The only project it opens; None: all, and what belongs to none."""
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    """To the hour; None: never."""
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAccess:
    """What a live token allows, and to whom."""

    actor: Actor
    scope: Scope
    project: str | None
    use_is_old: bool
    """Its last use was noted over an hour ago, or never."""

    def check(self, *, writes: bool, project: str | None) -> None:
        """Return if it allows this. Forbidden: says what it lacks."""
        if writes and self.scope is not Scope.WRITE:
            raise Forbidden(f"the token {self.actor.name} may only read; make one of scope write for this")
        if self.project is not None and project != self.project:
            raise Forbidden(f"the token {self.actor.name} opens the project {self.project} only")


def create_api_token(
    session: Session,
    actor: Actor,
    name: str,
    *,
    now: datetime,
    scope: Scope = Scope.WRITE,
    project: str | None = None,
    expires_at: datetime | None = None,
) -> str:
    """A new admin API token, shown this once. Invalid: names the field."""
    if not 1 <= len(name) <= _NAME_CHARACTERS or not name.isprintable():
        raise Invalid("name", f"needs 1 to {_NAME_CHARACTERS} characters that can be seen")
    if session.scalar(select(ApiTokenRow.id).where(ApiTokenRow.name == name)) is not None:
        raise Invalid("name", f"a token named {name!r} exists; choose another name")
    if project is not None and (len(project) > _PROJECT_CHARACTERS or not project.isprintable()):
        raise Invalid("project", "is not the key of a project")
    if expires_at is not None and expires_at <= now:
        raise Invalid("expires_at", "is over already; choose a later moment")
    token = new_secret("pst")
    session.add(
        ApiTokenRow(
            name=name,
            token_hash=fingerprint(token),
            scope=scope.value,
            project=project,
            owner=str(actor),
            expires_at=expires_at,
            created_at=now,
        )
    )
    ends = None if expires_at is None else expires_at.isoformat()
    details = {"scope": scope.value, "project": project, "expires_at": ends}
    audit.record(session, actor, "token.create", f"tokens/{name}", details)
    return token


def revoke_api_token(session: Session, actor: Actor, name: str, *, now: datetime) -> None:
    """The token is worth nothing afterwards. NotFound: no live token of that name."""
    if not name.isprintable():  # No token is called so, and PostgreSQL takes no NUL.
        raise NotFound("API token", ascii(name[:80]))
    changed = session.execute(
        update(ApiTokenRow)
        .where(ApiTokenRow.name == name, ApiTokenRow.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(ApiTokenRow.id)
    ).scalar_one_or_none()
    if changed is None:
        raise NotFound("API token", name)
    audit.record(session, actor, "token.revoke", f"tokens/{name}", {})


def list_api_tokens(session: Session) -> tuple[TokenView, ...]:
    """Every token, the newest first, revoked and expired ones included."""
    query = select(ApiTokenRow).order_by(ApiTokenRow.id.desc())
    return tuple(
        TokenView(
            name=row.name,
            scope=Scope(row.scope),
            project=row.project,
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
            revoked_at=row.revoked_at,
        )
        for row in session.scalars(query)
    )


def token_access(session: Session, token: str, *, now: datetime) -> TokenAccess | None:
    """What this token allows; None: unknown, revoked or expired."""
    row = session.scalar(
        select(ApiTokenRow).where(
            ApiTokenRow.token_hash == fingerprint(token),
            ApiTokenRow.revoked_at.is_(None),
            or_(ApiTokenRow.expires_at.is_(None), ApiTokenRow.expires_at > now),
        )
    )
    if row is None:
        return None
    return TokenAccess(
        actor=Actor(ActorKind.TOKEN, row.name, row.owner),
        scope=Scope(row.scope),
        project=row.project,
        use_is_old=row.last_used_at is None or now - row.last_used_at >= _USED_EVERY,
    )


def actor_of_token(session: Session, token: str, *, now: datetime) -> Actor | None:
    """Whose API token this is; None: unknown, revoked or expired."""
    found = token_access(session, token, now=now)
    return None if found is None else found.actor


def note_use(session: Session, name: str, *, now: datetime) -> None:
    """Remember that the token was used now."""
    session.execute(update(ApiTokenRow).where(ApiTokenRow.name == name).values(last_used_at=now))
