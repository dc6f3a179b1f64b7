"""Tables of the flags house. Rows never leave flags.storage."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
)
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
    holdout: Mapped[int] = mapped_column(server_default="0")
    required_approvers: Mapped[int] = mapped_column(default=0)


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
    unit_type: Mapped[str] = mapped_column(_KEY, server_default="user")
    scheme: Mapped[str] = mapped_column(String(32), server_default="pointsman")
    sticky: Mapped[bool] = mapped_column(server_default=false())
    schema: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # Keys between spaces, " nlp search ", so that one is found by looking for it with its spaces.
    tags: Mapped[str] = mapped_column(Text, default="")
    owner: Mapped[str] = mapped_column(String(200), default="")
    links: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)


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
    overrides: Mapped[dict[str, Any]] = mapped_column(JSON, server_default="{}")
    requires: Mapped[list[Any]] = mapped_column(JSON, server_default="[]")
    switches: Mapped[list[Any]] = mapped_column(JSON, server_default="[]")
    epoch: Mapped[int] = mapped_column(server_default="0")
    kept: Mapped[list[Any]] = mapped_column(JSON, server_default="[]")
    # " flag:a layer:b segment:c ": what the state refers to, findable by LIKE; "" for nothing.
    refers: Mapped[str] = mapped_column(Text, server_default="")


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
    # None: not a flag but what ``subject`` names was changed, such as ``segment:staff``.
    flag_id: Mapped[int | None] = mapped_column(ForeignKey("flags.id"), index=True)
    subject: Mapped[str] = mapped_column(String(100), server_default="")
    revision: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    # none_as_null: "was not served" is SQL NULL, not the JSON text null.
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class SegmentRow(Base):
    """A reusable set of units in one environment."""

    __tablename__ = "segments"
    __table_args__ = (UniqueConstraint("environment_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    key: Mapped[str] = mapped_column(_KEY)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    salt: Mapped[str] = mapped_column(String(64))
    conditions: Mapped[list[Any]] = mapped_column(JSON)
    included: Mapped[list[Any]] = mapped_column(JSON)
    excluded: Mapped[list[Any]] = mapped_column(JSON)
    included_count: Mapped[int]
    excluded_count: Mapped[int]
    refers: Mapped[str] = mapped_column(Text)
    version: Mapped[int]


class LayerRow(Base):
    """A layer of one environment. ``seed`` is written once: another would reshuffle its experiments."""

    __tablename__ = "layers"
    __table_args__ = (UniqueConstraint("environment_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    key: Mapped[str] = mapped_column(_KEY)
    name: Mapped[str] = mapped_column(String(200))
    seed: Mapped[str] = mapped_column(String(200))


class UnitSetRow(Base):
    """An immutable set of hashed units that rulesets of one environment refer to by its digest."""

    __tablename__ = "unit_sets"

    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    units: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class AssignmentRow(Base):
    """A unit of a sticky flag and the variant it keeps. The first writer wins; nothing updates a row.

    ``bucket`` is the unit's under its rule; None: the rule buckets another attribute. ``unit_hash`` is the
    unit's in unit sets of the flag's salt, as a signed number.
    """

    __tablename__ = "assignments"
    __table_args__ = (
        UniqueConstraint("flag_state_id", "unit"),
        Index("ix_assignments_state_rule_bucket", "flag_state_id", "rule", "bucket"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    flag_state_id: Mapped[int] = mapped_column(ForeignKey("flag_states.id"))
    unit_type: Mapped[str] = mapped_column(_KEY)
    unit: Mapped[str] = mapped_column(String(256), index=True)
    variant: Mapped[str] = mapped_column(_KEY)
    rule: Mapped[str] = mapped_column(_KEY)
    epoch: Mapped[int]
    bucket: Mapped[int | None]
    unit_hash: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(32))


class AssignmentChangeRow(Base):
    """What ended an assignment: a removed variant, a re-randomisation. Deleted with its unit (privacy)."""

    __tablename__ = "assignment_changes"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    flag_state_id: Mapped[int] = mapped_column(ForeignKey("flag_states.id"), index=True)
    unit: Mapped[str] = mapped_column(String(256), index=True)
    before: Mapped[str] = mapped_column(_KEY)
    after: Mapped[str] = mapped_column(_KEY)
    epoch: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
