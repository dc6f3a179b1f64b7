"""Flags from the command line, working straight on the database through the service (law 8)."""

from typing import TYPE_CHECKING

import click

from flags.cli import options
from flags.cli.transaction import transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from flags.guards import By
    from flags.model import FlagAt, FlagState, Revision


@click.group()
def flags() -> None:
    """List, show, toggle and revert flags; set approvers; create SDK keys."""


@flags.command("list")
@options.project
@click.option("--search", default="", help="Part of a key or name.")
@click.option("--archived", is_flag=True, help="Only archived flags.")
def list_flags(project: str, search: str, archived: bool) -> None:
    """List a project's flags and where they are on."""
    from flags import queries

    offset, total = 0, 1
    while offset < total:
        with transaction() as (session, _):
            page = queries.list_flags(
                session, project, search=search, archived=archived, limit=queries.MOST_AT_ONCE, offset=offset
            )
        for detail in page.items:
            states = "  ".join(f"{each.environment} {_on(each)}" for each in detail.states)
            click.echo(f"{detail.flag.key}  ({detail.flag.kind})  {states}")
        offset, total = offset + max(1, len(page.items)), page.total


@flags.command("show")
@options.project
@click.argument("flag")
def show_flag(project: str, flag: str) -> None:
    """Print FLAG as JSON, with its state in every environment."""
    import json

    from flags import queries
    from flags.encoding import flag_json, state_json

    with transaction() as (session, _):
        detail = queries.get_flag(session, project, flag)
    states = {state.environment: state_json(state) for state in detail.states}
    click.echo(json.dumps({**flag_json(detail.flag), "environments": states}, indent=2, ensure_ascii=False))


@flags.command("toggle")
@options.project
@options.environment
@options.reason
@click.argument("flag")
@click.argument("to", type=click.Choice(["on", "off"]))
@click.option("--propose", is_flag=True, help="Open a change request instead, submitted.")
def toggle_flag(project: str, environment: str, reason: str, flag: str, to: str, propose: bool) -> None:
    """Switch FLAG on or off in one environment."""
    from flags import queries, service
    from flags.model import FlagAt

    at = FlagAt(project, environment, flag)
    if propose:
        _propose_switch(at, reason, enabled=to == "on")
        return
    with transaction(reason, urgent=to == "off") as (session, by):
        version = queries.get_state(session, at).version
        state = service.set_enabled(session, by, at, enabled=to == "on", expected_version=version)
    click.echo(f"{flag} is {_on(state)} in {environment} (version {state.version}).")


def _propose_switch(at: "FlagAt", reason: str, *, enabled: bool) -> None:
    from flags.changes.model import Proposal
    from flags.service.drafting import create_change, submit_change
    from flags.service.requests import ChangeAt

    with transaction(reason) as (session, by):
        made = create_change(session, by, at, Proposal(enabled=enabled))
        where = ChangeAt(at.project, at.environment, made.id)
        submit_change(session, by, where, expected_version=made.version)
    click.echo(f"Change request {made.id} for {at.flag}.")


@flags.command("approvers")
@options.project
@options.environment
@options.reason
@click.argument("count", type=click.IntRange(min=0))
def set_approvers(project: str, environment: str, reason: str, count: int) -> None:
    """Have COUNT people approve every change of an environment."""
    from flags import queries, service

    with transaction(reason) as (session, by):
        expected = queries.get_environment(session, project, environment).required_approvers
        service.set_required_approvers(session, by, project, environment, count, expected=expected)
    click.echo(f"A change in {environment} needs {count} approvals.")


@flags.command("revert")
@options.project
@options.environment
@options.reason
@click.argument("revision", type=int)
def revert_revision(project: str, environment: str, reason: str, revision: int) -> None:
    """Undo REVISION: its flag, segment or holdout is again exactly what it was before."""
    from flags import queries, service
    from flags.model import FlagAt

    with transaction(reason) as (session, by):
        found = queries.get_revision(session, project, environment, revision)
        if found.subject:
            _revert_around(session, by, found)
            return
        flag = found.flag
        version = queries.get_state(session, FlagAt(project, environment, flag)).version
        state = service.revert_revision(session, by, project, environment, revision, expected_version=version)
    click.echo(
        f"{flag} serves in {environment} what it served before revision {revision} (version {state.version})."
    )


def _revert_around(session: "Session", by: "By", found: "Revision") -> None:
    from flags import queries, service

    project, environment = found.project, found.environment
    version = queries.around_version(session, found)
    service.revert_around(session, by, project, environment, found.revision, expected_version=version)
    click.echo(f"{found.subject} is in {environment} what it was before revision {found.revision}.")


@flags.group("keys")
def keys() -> None:
    """SDK keys of an environment."""


@keys.command("create")
@options.project
@options.environment
@click.option("--kind", type=click.Choice(["server", "client"]), default="server", show_default=True)
@click.argument("name")
def create_key(project: str, environment: str, kind: str, name: str) -> None:
    """Create an SDK key called NAME and print its secret, this once."""
    from flags import service
    from flags.model import KeyKind

    with transaction() as (session, by):
        made = service.create_sdk_key(session, by, project, environment, name=name, kind=KeyKind(kind))
    click.echo(made.secret)


def _on(state: "FlagState") -> str:
    return "on" if state.enabled else "off"
