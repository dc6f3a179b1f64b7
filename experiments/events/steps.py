"""The worker's steps on events."""

from datetime import datetime

from experiments.events.drain import drain_once
from experiments.events.lake import TABLES, Lake
from flags.queries import list_environments, list_projects
from runtime.database import Database


def drain_inbox(database: Database, lake: Lake, now: datetime) -> bool:
    """Bring one drain to the lake; whether more may wait."""

    def name_of(environment_id: int) -> str:
        return _environment_paths(database)[environment_id]

    return drain_once(database, lake, name_of, now=now) > 0


def compact_lake(lake: Lake) -> bool:
    """Merge small files where they became many; nothing to do at once afterwards."""
    for table in TABLES:
        lake.compact(table)
    return False


def _environment_paths(database: Database) -> dict[int, str]:
    with database.reading() as session:
        return {
            environment.id: f"{environment.project}/{environment.key}"
            for project in list_projects(session)
            for environment in list_environments(session, project.key)
        }
