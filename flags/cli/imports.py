"""``pointsman import``: another vendor's flags, straight into the database through the service."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flags.cli.transaction import transaction

if TYPE_CHECKING:
    from flags.importing import Plan

_VENDORS = ("growthbook", "flagd", "unleash", "launchdarkly")


@click.command("import")
@click.argument("vendor", type=click.Choice(_VENDORS))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--project", "-p", required=True, help="Key of the project.")
@click.option("--environment", "-e", required=True, help="Key of the environment.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--update", is_flag=True, help="Overwrite flags and segments that exist and differ.")
@click.option("--partial", is_flag=True, help="Carry what can be carried of a flag, and say what changes.")
@click.option("--unit", default="", help="The attribute that is the unit, if not the usual one.")
@click.option("--text-hashing", is_flag=True, help="flagd only: as its providers hashed before CBOR.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--reason", default="", help="Why, for the history.")
def import_flags(
    vendor: str,
    file: Path,
    project: str,
    environment: str,
    dry_run: bool,
    update: bool,
    partial: bool,
    unit: str,
    text_hashing: bool,
    as_json: bool,
    reason: str,
) -> None:
    """Import VENDOR's document in FILE, so that every unit keeps what it has."""
    from flags import importing
    from flags.importers.model import Options, Vendor
    from flags.importers.reading import document
    from flags.importers.vendors import mapped

    options = Options(unit=unit, partial=partial, text_hashing=text_hashing)
    with transaction(reason) as (session, by):
        found = mapped(Vendor(vendor), document(file.read_bytes()), options)
        if dry_run:
            done = importing.plan(session, project, environment, found, update=update)
        else:
            done = importing.carry_out(session, by, project, environment, found, update=update)
    click.echo(json.dumps(plan_json(done), indent=2, ensure_ascii=False) if as_json else _table(done))


def plan_json(plan: "Plan") -> dict[str, object]:
    """The plan for programs."""
    return {
        "vendor": plan.found.vendor.value,
        "lines": [
            {"what": each.what, "key": each.key, "action": each.action.value, "text": each.text}
            for each in plan.lines
        ],
        "findings": [
            {
                "subject": each.subject,
                "place": each.place,
                "outcome": each.outcome.value,
                "text": each.text,
            }
            for each in plan.found.findings
        ],
    }


def _table(plan: "Plan") -> str:
    rows = [
        *((each.what, each.key, each.action.value, each.text) for each in plan.lines),
        *(
            (each.outcome.value, each.subject, each.place, each.text)
            for each in plan.found.findings
            if each.outcome.value != "mapped"
        ),
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = ([*(row[column].ljust(widths[column]) for column in range(3)), row[3]] for row in rows)
    return "\n".join("  ".join(line).rstrip() for line in lines)
