"""`pointsman export`, `plan` and `apply`: a whole project as one file, straight on the database."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from flags.cli.transaction import complaint, registry, transaction

if TYPE_CHECKING:
    from flags.code.document import ProjectDoc
    from flags.code.planning import Plan

CHANGES: Final = 2
"""`plan` exits with this where there is something to do."""

_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
_prune = click.option("--prune", is_flag=True, help="Archive flags that the file does not name.")


@click.command()
@click.option("--project", "-p", required=True, help="Key of the project.")
@click.option("--environment", "-e", "environments", multiple=True, help="Only these; all if none is given.")
def export(project: str, environments: tuple[str, ...]) -> None:
    """Print a project as YAML: environments, flags, rules, segments, layers.

    Listed units of segments are kept hashed and cannot be printed; only their number is.
    """
    from flags.code.stored import export as read
    from flags.code.yaml_text import dump_yaml

    with transaction() as (session, _):
        document = read(session, project, environments)
    click.echo(dump_yaml(document), nl=False)


@click.command()
@_file
@_prune
@click.pass_context
def plan(context: click.Context, file: str, prune: bool) -> None:
    """Show what applying FILE would change, and which units would move; changes nothing.

    Exit code 0: nothing to do; 2: there are changes; 1: it would be refused.
    """
    document = _read(file)
    found = _plan(document, prune=prune)
    _tell(found)
    context.exit(0 if found.is_empty else CHANGES)


@click.command()
@_file
@_prune
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--expect", metavar="DIGEST", help="Refuse if the plan is no longer the one of this digest.")
@click.option("--reason", default="", help="Why, for the history.")
def apply(file: str, prune: bool, yes: bool, expect: str | None, reason: str) -> None:
    """Bring a project to what FILE says, all of it or nothing; applying again changes nothing."""
    from flags.code.planning import apply_document

    document = _read(file)
    if not yes:
        found = _plan(document, prune=prune)
        _tell(found)
        if found.is_empty:
            return
        click.confirm("Apply?", abort=True, err=True)
        expect = expect or found.digest
    with transaction(reason) as (session, by):
        done = apply_document(session, by, document, prune=prune, expect=expect)
    if yes:
        _tell(done)
    if not done.is_empty:
        click.echo("Applied.")


def _plan(document: "ProjectDoc", *, prune: bool) -> "Plan":
    from flags.code.planning import make_plan

    with transaction(rehearsing=True) as (session, by):
        return make_plan(session, by, document, prune=prune)


def _read(file: str) -> "ProjectDoc":
    from flags.code.reading import frozen, read_document
    from flags.code.yaml_text import MOST_BYTES, load_yaml
    from runtime.errors import Invalid

    with click.open_file(file, "rb") if file == "-" else Path(file).open("rb") as stream:
        text = stream.read(MOST_BYTES + 1)
    try:
        return frozen(read_document(load_yaml(text)), registry())
    except Invalid as error:
        raise complaint(error) from None


def _tell(found: "Plan") -> None:
    from flags.code.telling import lines_of

    for line in lines_of(found):
        click.echo(line)


@click.command()
@click.option("--project", "-p", required=True, help="Key of the project.")
@click.option("--from", "source", required=True, help="The environment to copy from.")
@click.option("--to", "target", required=True, help="The environment to copy to.")
@click.option("--flag", "flags", multiple=True, help="Only these flags; all if none is given.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--propose", is_flag=True, help="Open a change request for each flag instead.")
@click.option("--reason", default="", help="Why, for the history.")
def promote(
    project: str, source: str, target: str, flags: tuple[str, ...], yes: bool, propose: bool, reason: str
) -> None:
    """Copy how flags serve from one environment to another, after showing the diff and the units moved."""
    from flags.code import promoting

    with transaction(rehearsing=True) as (session, by):
        found = promoting.plan_promotion(session, by, project, source, target, flags)
    _tell(found)
    if found.is_empty:
        return
    if not yes:
        click.confirm("Propose?" if propose else "Copy?", abort=True, err=True)
    with transaction(reason) as (session, by):
        if propose:
            made = promoting.propose_promotion(session, by, project, source, target, flags)
            for each in made:
                click.echo(f"Change request {each.id} for {each.at.flag}.")
            return
        promoting.promote(session, by, project, source, target, flags, expect=found.digest)
    click.echo("Copied.")
