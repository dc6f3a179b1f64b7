"""An environment's flags as one consistent ruleset."""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Select, Text, and_, cast, select
from sqlalchemy.orm import Session

from flags.encoding import rules_from_json
from flags.model import RulesetId
from flags.storage.tables import EnvironmentRow, FlagRow, FlagStateRow, ProjectRow
from pointsman.core.model import Flag, Kind, Ruleset


class StoredFlag(NamedTuple):
    """A flag as it is stored, its JSON still text: equal ones are the same flag, cheaply compared."""

    key: str
    kind: str
    salt: str
    variants: str
    enabled: bool
    off: str
    default: str
    rules: str
    version: int

    def read(self) -> Flag:
        """The flag. For our own columns: nothing is checked again."""
        return Flag(
            key=self.key,
            kind=Kind(self.kind),
            salt=self.salt,
            enabled=self.enabled,
            version=self.version,
            variants=json.loads(self.variants),
            off=self.off,
            default=self.default,
            rules=rules_from_json(json.loads(self.rules)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRuleset:
    """What an environment serves now; ``empty`` is its ruleset without the flags."""

    id: RulesetId
    empty: Ruleset
    flags: tuple[StoredFlag, ...]


def load(session: Session, environment_id: int) -> StoredRuleset | None:
    """What the environment serves now; None: no such environment.

    One statement, therefore one snapshot: revision and flags belong together even while others commit.
    """
    rows = session.execute(_served(environment_id)).all()
    if not rows:
        return None
    project, environment, revision, stamp = rows[0][:4]
    return StoredRuleset(
        id=RulesetId(environment_id=environment_id, revision=revision, stamp=stamp),
        empty=Ruleset(project=project, environment=environment, revision=revision, flags={}),
        flags=tuple(StoredFlag(*row[4:]) for row in rows if row[4] is not None),
    )


def _served(environment_id: int) -> Select[*tuple[Any, ...]]:
    return (
        select(
            ProjectRow.key.label("project"),
            EnvironmentRow.key.label("environment"),
            EnvironmentRow.revision,
            EnvironmentRow.stamp,
            FlagRow.key.label("flag"),
            FlagRow.kind,
            FlagRow.salt,
            cast(FlagRow.variants, Text),
            FlagStateRow.enabled,
            FlagStateRow.off_variant,
            FlagStateRow.default_variant,
            cast(FlagStateRow.rules, Text),
            FlagStateRow.version,
        )
        .select_from(EnvironmentRow)
        .join(ProjectRow, ProjectRow.id == EnvironmentRow.project_id)
        .outerjoin(
            FlagRow, and_(FlagRow.project_id == EnvironmentRow.project_id, FlagRow.archived_at.is_(None))
        )
        .outerjoin(
            FlagStateRow,
            and_(FlagStateRow.flag_id == FlagRow.id, FlagStateRow.environment_id == EnvironmentRow.id),
        )
        .where(EnvironmentRow.id == environment_id)
        .order_by(FlagRow.key)
    )
