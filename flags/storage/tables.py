"""Tables of the flags house. Rows never leave flags.storage."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from runtime.database import Base, UtcDateTime

_KEY = String(64)


class ProjectRow(Base):
    """Flags and environments of one product."""

    __tablename__ = "projects"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(_KEY, unique=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EnvironmentRow(Base):
    """One environment of a project and the revision of its ruleset.

    ``stamp`` is random and new with every revision: it names the ruleset across databases.
    """

    __tablename__ = "environments"
    __table_args__ = (UniqueConstraint("project_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    key: Mapped[str] = mapped_column(_KEY)
    name: Mapped[str] = mapped_column(String(200))
    revision: Mapped[int]
    stamp: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class FlagRow(Base):
    """What a flag is everywhere. ``salt`` is written once: changing it would move every unit."""

    __tablename__ = "flags"
    __table_args__ = (UniqueConstraint("project_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    key: Mapped[str] = mapped_column(_KEY)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    salt: Mapped[str] = mapped_column(String(200))
    variants: Mapped[dict[str, Any]] = mapped_column(JSON)
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FlagStateRow(Base):
    """How a flag serves in one environment; every flag has one row for each environment of its project."""

    __tablename__ = "flag_states"
    __table_args__ = (UniqueConstraint("environment_id", "flag_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    flag_id: Mapped[int] = mapped_column(ForeignKey("flags.id"), index=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    enabled: Mapped[bool]
    off_variant: Mapped[str] = mapped_column(_KEY)
    default_variant: Mapped[str] = mapped_column(_KEY)
    rules: Mapped[list[Any]] = mapped_column(JSON)
    next_rule: Mapped[int]
    version: Mapped[int]


class SdkKeyRow(Base):
    """An SDK's right to one environment; only the hash of its secret is kept."""

    __tablename__ = "sdk_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(16), server_default="server")
    prefix: Mapped[str] = mapped_column(String(80))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RevisionRow(Base):
    """One change of an environment's ruleset; never changed, never deleted."""

    __tablename__ = "revisions"
    __table_args__ = (UniqueConstraint("environment_id", "revision"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    flag_id: Mapped[int] = mapped_column(ForeignKey("flags.id"), index=True)
    revision: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    # none_as_null: "was not served" is SQL NULL, not the JSON text null.
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
