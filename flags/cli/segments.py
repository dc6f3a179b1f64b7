"""Segments from the command line: lists of any size, read one unit a line."""

import codecs
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from flags.cli import options
from flags.cli.transaction import complaint, transaction

if TYPE_CHECKING:
    from flags.service import ListName
    from flags.unit_lists import UnitList

_list = click.option(
    "--list",
    "name",
    type=click.Choice(["included", "excluded"]),
    default="included",
    show_default=True,
    help="Which of the segment's lists.",
)
# Longer than any unit; what is cut here is refused as too long.
_LONGEST_LINE: Final = 4_096
_file = click.Path(exists=True, dir_okay=False, allow_dash=True)


@click.group()
def segments() -> None:
    """List, show, fill and delete segments. Files hold one unit a line; - is standard input."""


@segments.command("list")
@options.project
@options.environment
def list_segments(project: str, environment: str) -> None:
    """List the segments of an environment and how many units they name."""
    from flags import queries

    with transaction() as (session, _):
        found = queries.list_segments(session, project, environment)
    for each in found:
        click.echo(
            f"{each.key}  {len(each.conditions)} conditions, "
            f"{each.included_count} units in, {each.excluded_count} out"
        )


@segments.command("show")
@options.project
@options.environment
@click.argument("segment")
def show_segment(project: str, environment: str, segment: str) -> None:
    """Print SEGMENT as JSON. Its lists are kept only hashed: their sizes are all there is to see."""
    from flags import queries
    from flags.encoding import segment_json

    with transaction() as (session, _):
        found = queries.get_segment(session, project, environment, segment)
    click.echo(json.dumps(segment_json(found), indent=2, ensure_ascii=False))


@segments.command("put")
@options.project
@options.environment
@options.reason
@click.option("--included", type=_file, help="Who is in, whatever the conditions say.")
@click.option("--excluded", type=_file, help="Who is out, whatever else.")
@click.argument("segment")
def put_segment(
    project: str, environment: str, reason: str, included: str | None, excluded: str | None, segment: str
) -> None:
    """Put whole lists into SEGMENT, in the place of those it had; it is made if there is none.

    A list that is not given stays. One transaction, one revision.
    """
    from flags import service

    files = {"included": included, "excluded": excluded}
    given = {service.ListName(name): path for name, path in files.items() if path is not None}
    if not given:
        raise click.UsageError("give --included FILE, --excluded FILE or both")
    if list(given.values()).count("-") > 1:
        raise click.UsageError("only one list can come from standard input")
    lists = _read(project, environment, segment, given)
    with transaction(reason) as (session, by):
        made = service.put_units(session, by, project, environment, segment, lists)
    click.echo(f"{made.key}: {made.included_count} units in, {made.excluded_count} out.")


@segments.command("add")
@options.project
@options.environment
@options.reason
@_list
@click.argument("segment")
@click.argument("file", type=_file)
def add_units(project: str, environment: str, reason: str, name: str, segment: str, file: str) -> None:
    """Add the units in FILE to a list of SEGMENT."""
    _change(project, environment, reason, name, segment, file, adding=True)


@segments.command("remove")
@options.project
@options.environment
@options.reason
@_list
@click.argument("segment")
@click.argument("file", type=_file)
def remove_units(project: str, environment: str, reason: str, name: str, segment: str, file: str) -> None:
    """Take the units in FILE out of a list of SEGMENT."""
    _change(project, environment, reason, name, segment, file, adding=False)


@segments.command("delete")
@options.project
@options.environment
@options.reason
@click.argument("segment")
@click.confirmation_option(prompt="Delete this segment?")
def delete_segment(project: str, environment: str, reason: str, segment: str) -> None:
    """Delete SEGMENT, if nothing refers to it."""
    from flags import queries, service

    with transaction(reason) as (session, by):
        version = queries.get_segment(session, project, environment, segment).version
        service.delete_segment(session, by, project, environment, segment, expected_version=version)
    click.echo(f"{segment} is gone.")


def _change(
    project: str, environment: str, reason: str, name: str, segment: str, file: str, *, adding: bool
) -> None:
    from flags import service
    from flags.unit_lists import listed

    which = service.ListName(name)
    [given] = _read(project, environment, segment, {which: file}).values()
    nobody = listed(given.salt, (), name)
    with transaction(reason) as (session, by):
        changed = service.change_units(
            session,
            by,
            project,
            environment,
            segment,
            which,
            add=given if adding else nobody,
            remove=nobody if adding else given,
        )
    click.echo(f"{changed.key}: {changed.included_count} units in, {changed.excluded_count} out.")


def _read(
    project: str, environment: str, segment: str, files: "dict[ListName, str]"
) -> "dict[ListName, UnitList]":
    """The lists in these files, hashed. No transaction waits for them: a pipe may be slow."""
    from flags import service
    from flags.unit_lists import listed
    from runtime.errors import Invalid

    with transaction() as (session, _):
        salt = service.segment_salt(session, project, environment, segment)
    try:
        return {name: listed(salt, _units(path), name.value) for name, path in files.items()}
    except Invalid as error:
        raise complaint(error) from None


def _units(path: str) -> Iterator[str]:
    """One unit a line, without the spaces around it; empty lines are passed over."""
    with click.open_file(path, "rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
            raw = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            try:
                unit = raw.decode().strip()
            except UnicodeDecodeError:
                raise click.ClickException(f"{path}: line {number} is not UTF-8") from None
            if unit:
                yield unit
