"""Change requests from the command line: looked at, and taken a step further. People approve on the pages."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from flags.cli import options
from flags.cli.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from flags.changes.model import ChangeRequest

_number = click.argument("number", type=click.IntRange(min=1))
_AT_ONCE = 200


@click.group()
def changes() -> None:
    """List, show, submit, publish, schedule and withdraw change requests."""


@changes.command("list")
@options.project
@options.environment
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
def list_changes(project: str, environment: str, everything: bool) -> None:
    """List an environment's change requests, the newest first."""
    from flags import requests
    from flags.changes.model import OPEN, ChangeState

    states = () if everything else (*OPEN, ChangeState.FAILED)
    offset, total = 0, 1
    while offset < total:
        with transaction() as (session, _):
            page = requests.list_changes(
                session, project, environment, states=states, limit=_AT_ONCE, offset=offset
            )
        for each in page.items:
            click.echo(f"{each.id}  {each.state.value}  {each.at.flag}  {each.author.name}  {each.reason}")
        offset, total = offset + max(1, len(page.items)), page.total


@changes.command("show")
@options.project
@options.environment
@_number
def show_change(project: str, environment: str, number: int) -> None:
    """Tell how request NUMBER stands, and what publishing it now would change; changes nothing."""
    from flags import requests
    from flags.service.requests import ChangeAt

    with transaction(rehearsing=True) as (session, by):
        found = requests.get_change(session, ChangeAt(project, environment, number))
        rehearsal = requests.rehearse(session, by, found)
    click.echo(f"{found.at.flag} in {environment}: {found.state.value}, by {found.author.name}")
    for each in found.valid:
        click.echo(f"approved by {each.actor}")
    if rehearsal.problem:
        click.echo(f"publishing it now would be refused: {rehearsal.problem}")
    for line in rehearsal.differences:
        click.echo(f"{line.field}: {line.before or '–'} → {line.after or '–'}")


@changes.command("submit")
@options.project
@options.environment
@_number
def submit_change(project: str, environment: str, number: int) -> None:
    """Put a draft before the approvers."""
    from flags.service.drafting import submit_change as command

    _step(project, environment, number, command)


@changes.command("withdraw")
@options.project
@options.environment
@_number
def withdraw_change(project: str, environment: str, number: int) -> None:
    """Give up a request that you wrote."""
    from flags.service.drafting import withdraw_change as command

    _step(project, environment, number, command)


@changes.command("publish")
@options.project
@options.environment
@_number
def publish_change(project: str, environment: str, number: int) -> None:
    """Make an approved request what serves."""
    from flags.service.approving import publish_change as command

    _step(project, environment, number, command)


@changes.command("schedule")
@options.project
@options.environment
@click.option("--at", "instant", required=True, type=click.DateTime(), help="When, in UTC.")
@_number
def schedule_change(project: str, environment: str, instant: datetime, number: int) -> None:
    """Have the worker publish an approved request at an instant."""
    from functools import partial

    from flags.service.approving import schedule_change as command

    _step(project, environment, number, partial(command, publish_at=instant.replace(tzinfo=UTC)))


@changes.command("unschedule")
@options.project
@options.environment
@_number
def unschedule_change(project: str, environment: str, number: int) -> None:
    """Take the instant away; approvals stay."""
    from flags.service.approving import unschedule_change as command

    _step(project, environment, number, command)


@changes.command("rebase")
@options.project
@options.environment
@_number
def rebase_change(project: str, environment: str, number: int) -> None:
    """Propose the same against how things stand now; approvals are cancelled."""
    from flags.service.drafting import rebase_change as command

    _step(project, environment, number, command)


def _step(project: str, environment: str, number: int, command: "Callable[..., ChangeRequest]") -> None:
    from flags import requests
    from flags.service.requests import ChangeAt

    at = ChangeAt(project, environment, number)
    with transaction() as (session, by):
        version = requests.get_change(session, at).version
        after = command(session, by, at, expected_version=version)
    click.echo(f"Change request {number} is {after.state.value}.")
