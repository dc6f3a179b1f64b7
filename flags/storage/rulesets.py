"""An environment's flags as one consistent ruleset."""

from typing import Any

from sqlalchemy import Row, Select, and_, select
from sqlalchemy.orm import Session

from flags.gates import behind_holdout
from flags.model import RulesetId
from flags.reading import (
    kept_from_json,
    nodes_from_json,
    requires_from_json,
    rules_from_json,
    switches_from_json,
)
from flags.storage.tables import EnvironmentRow, FlagRow, FlagStateRow, ProjectRow, SegmentRow
from pointsman.core.model import Flag, Kind, Ruleset, Segment


def load(session: Session, environment_id: int) -> tuple[RulesetId, Ruleset] | None:
    """What the environment serves now, and which ruleset that is; None: no such environment.

    One statement is one snapshot; segments come with another, whose stamp must be the same. If others
    committed in between, both are read again.
    """
    while True:
        rows = session.execute(_served(environment_id)).all()
        if not rows:
            return None
        stamp, segments = _segments(session, environment_id)
        if stamp == rows[0].stamp:
            break
    first = rows[0]
    flags = {row.flag: _flag(row) for row in rows if row.flag is not None}
    ruleset_id = RulesetId(environment_id=environment_id, revision=first.revision, stamp=first.stamp)
    ruleset = Ruleset(
        project=first.project,
        environment=first.environment,
        revision=first.revision,
        flags=flags,
        segments=segments,
    )
    return ruleset_id, ruleset


def _segments(session: Session, environment_id: int) -> tuple[str, dict[str, Segment]]:
    rows = session.execute(
        select(EnvironmentRow.stamp, SegmentRow)
        .outerjoin(SegmentRow, SegmentRow.environment_id == EnvironmentRow.id)
        .where(EnvironmentRow.id == environment_id)
        .execution_options(populate_existing=True)
    ).all()
    present: list[SegmentRow | None] = [row[1] for row in rows]
    return rows[0][0], {row.key: _segment(row) for row in present if row is not None}


def _segment(row: SegmentRow) -> Segment:
    return Segment(
        key=row.key,
        conditions=nodes_from_json(row.conditions),
        included=tuple(row.included),
        excluded=tuple(row.excluded),
    )


def _served(environment_id: int) -> Select[Any]:
    return (
        select(
            ProjectRow.key.label("project"),
            EnvironmentRow.key.label("environment"),
            EnvironmentRow.revision,
            EnvironmentRow.stamp,
            EnvironmentRow.holdout,
            FlagRow.key.label("flag"),
            FlagRow.kind,
            FlagRow.salt,
            FlagRow.variants,
            FlagRow.unit_type,
            FlagRow.sticky,
            FlagStateRow.enabled,
            FlagStateRow.off_variant,
            FlagStateRow.default_variant,
            FlagStateRow.rules,
            FlagStateRow.version,
            FlagStateRow.overrides,
            FlagStateRow.requires,
            FlagStateRow.switches,
            FlagStateRow.epoch,
            FlagStateRow.kept,
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
        rules=behind_holdout(rules_from_json(row.rules), row.project, row.holdout),
        unit_type=row.unit_type,
        sticky=row.sticky,
        epoch=row.epoch,
        requires=requires_from_json(row.requires),
        overrides=row.overrides,
        kept=tuple(each.kept for each in kept_from_json(row.kept)),
        switches=switches_from_json(row.switches),
    )
