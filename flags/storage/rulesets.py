"""An environment's flags as one consistent ruleset."""

from typing import Any

from sqlalchemy import Row, Select, and_, select
from sqlalchemy.orm import Session

from flags.encoding import rules_from_json
from flags.model import RulesetId
from flags.storage.tables import EnvironmentRow, FlagRow, FlagStateRow, ProjectRow
from pointsman.core.model import Flag, Kind, Ruleset


def load(session: Session, environment_id: int) -> tuple[RulesetId, Ruleset] | None:
    """What the environment serves now, and which ruleset that is; None: no such environment.

    One statement, therefore one snapshot: revision and flags belong together even while others commit.
    """
    rows = session.execute(_served(environment_id)).all()
    if not rows:
        return None
    first = rows[0]
    flags = {row.flag: _flag(row) for row in rows if row.flag is not None}
    ruleset_id = RulesetId(environment_id=environment_id, revision=first.revision, stamp=first.stamp)
    ruleset = Ruleset(
        project=first.project, environment=first.environment, revision=first.revision, flags=flags
    )
    return ruleset_id, ruleset


def _served(environment_id: int) -> Select[Any]:
    return (
        select(
            ProjectRow.key.label("project"),
            EnvironmentRow.key.label("environment"),
            EnvironmentRow.revision,
            EnvironmentRow.stamp,
            FlagRow.key.label("flag"),
            FlagRow.kind,
            FlagRow.salt,
            FlagRow.variants,
            FlagStateRow.enabled,
            FlagStateRow.off_variant,
            FlagStateRow.default_variant,
            FlagStateRow.rules,
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


def _flag(row: Row[Any]) -> Flag:
    return Flag(
        key=row.flag,
        kind=Kind(row.kind),
        salt=row.salt,
        enabled=row.enabled,
        version=row.version,
        variants=row.variants,
        off=row.off_variant,
        default=row.default_variant,
        rules=rules_from_json(row.rules),
    )
