"""An environment's flags as one consistent ruleset."""

import json
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, Text, and_, cast, select
from sqlalchemy.orm import Session

from flags.gates import behind_holdout, rules_behind_holdout
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

_EMPTY_LIST: Final = "[]"
_EMPTY_OBJECT: Final = "{}"


class StoredFlag(NamedTuple):
    """A flag as it is stored, its JSON still text: equal ones are the same flag, cheaply compared.

    ``project`` and ``holdout`` are the environment's: they stand before every rule that splits.
    """

    project: str
    holdout: int
    key: str
    kind: str
    salt: str
    variants: str
    unit_type: str
    sticky: bool
    enabled: bool
    off: str
    default: str
    rules: str
    version: int
    overrides: str
    requires: str
    switches: str
    epoch: int
    kept: str

    @property
    def has_more(self) -> bool:
        """Whether ``wire`` holds more than the members that every flag has."""
        few = self.requires == self.switches == self.kept == _EMPTY_LIST
        return not few or self.overrides != _EMPTY_OBJECT

    def wire(self) -> dict[str, object]:
        """The flag as a ruleset's JSON, before anything is checked; perhaps not in its canonical form."""
        wire: dict[str, object] = {
            "kind": self.kind,
            "salt": self.salt,
            "enabled": self.enabled,
            "version": self.version,
            "off": self.off,
            "default": self.default,
            "variants": json.loads(self.variants),
            "rules": rules_behind_holdout(json.loads(self.rules), self.project, self.holdout),
            "unit_type": self.unit_type,
            "sticky": self.sticky,
            "epoch": self.epoch,
        }
        for field, text in (("requires", self.requires), ("switches", self.switches)):
            if text != _EMPTY_LIST:
                wire[field] = json.loads(text)
        if self.overrides != _EMPTY_OBJECT:
            wire["overrides"] = json.loads(self.overrides)
        if self.kept != _EMPTY_LIST:
            wire["kept"] = [each["kept"] for each in json.loads(self.kept)]
        return wire

    def read(self) -> Flag:
        """The flag. For our own columns: nothing is checked again."""
        rules = rules_from_json(json.loads(self.rules))
        return Flag(
            key=self.key,
            kind=Kind(self.kind),
            salt=self.salt,
            enabled=self.enabled,
            version=self.version,
            variants=json.loads(self.variants),
            off=self.off,
            default=self.default,
            rules=behind_holdout(rules, self.project, self.holdout),
            unit_type=self.unit_type,
            sticky=self.sticky,
            epoch=self.epoch,
            requires=requires_from_json(json.loads(self.requires)),
            overrides=json.loads(self.overrides),
            kept=tuple(each.kept for each in kept_from_json(json.loads(self.kept))),
            switches=switches_from_json(json.loads(self.switches)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRuleset:
    """What an environment serves now; ``empty`` is its ruleset without the flags."""

    id: RulesetId
    empty: Ruleset
    flags: tuple[StoredFlag, ...]


def load(session: Session, environment_id: int) -> StoredRuleset | None:
    """What the environment serves now; None: no such environment.

    One statement is one snapshot; segments come with another, whose stamp must be the same. If others
    committed in between, both are read again.
    """
    while True:
        rows = session.execute(_served(environment_id)).all()
        if not rows:
            return None
        environment, revision, stamp = rows[0][:3]
        same_stamp, segments = _segments(session, environment_id)
        if same_stamp == stamp:
            break
    empty = Ruleset(
        project=rows[0].project, environment=environment, revision=revision, flags={}, segments=segments
    )
    return StoredRuleset(
        id=RulesetId(environment_id=environment_id, revision=revision, stamp=stamp),
        empty=empty,
        flags=tuple(StoredFlag(*row[3:]) for row in rows if row.flag is not None),
    )


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


def _served(environment_id: int) -> Select[*tuple[Any, ...]]:
    return (
        select(
            EnvironmentRow.key,
            EnvironmentRow.revision,
            EnvironmentRow.stamp,
            # From here on as StoredFlag has them.
            ProjectRow.key.label("project"),
            EnvironmentRow.holdout,
            FlagRow.key.label("flag"),
            FlagRow.kind,
            FlagRow.salt,
            cast(FlagRow.variants, Text),
            FlagRow.unit_type,
            FlagRow.sticky,
            FlagStateRow.enabled,
            FlagStateRow.off_variant,
            FlagStateRow.default_variant,
            cast(FlagStateRow.rules, Text),
            FlagStateRow.version,
            cast(FlagStateRow.overrides, Text),
            cast(FlagStateRow.requires, Text),
            cast(FlagStateRow.switches, Text),
            FlagStateRow.epoch,
            cast(FlagStateRow.kept, Text),
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
