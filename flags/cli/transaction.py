"""What every command of the flags house that changes something shares: a transaction, and who runs it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from flags.guards import By
    from flags.registry import ModelRegistry

GUARDS: Final = "flags.guards"
"""Where the program that holds these commands puts, in the context's ``meta``, a function that gives the
guards of the houses above; it is called only by commands that change something."""
WAITING: Final = "flags.waiting"
"""The same for a function that gives what `By.waiting` is."""


@contextmanager
def transaction(
    reason: str = "", *, rehearsing: bool = False, urgent: bool = False
) -> Iterator[tuple["Session", "By"]]:
    """A transaction and who asks for what is done in it, under the operator's limits.

    ``rehearsing``: nothing of it is kept. ``urgent``: long changes give way to it. Our own errors end the
    command, every problem on a line.
    """
    from flags.guards import By
    from runtime.accounts.cli import command_session
    from runtime.errors import Invalid
    from runtime.settings import Settings

    meta = click.get_current_context().meta
    guards, waiting = meta.get(GUARDS, tuple), meta.get(WAITING, lambda: None)
    with command_session(urgent=urgent) as (session, actor):
        kept_units = Settings.from_environment(os.environ).kept_units
        try:
            yield session, By(actor, reason, guards(), kept_units=kept_units, waiting=waiting())
        except Invalid as error:
            raise complaint(error) from None
        if rehearsing:
            session.rollback()


def registry() -> "ModelRegistry | None":
    """The model registry of the settings. ClickException: names the setting that is wrong."""
    from flags.registry import registry_of
    from runtime.errors import Invalid
    from runtime.settings import Settings

    try:
        return registry_of(Settings.from_environment(os.environ))
    except Invalid as error:
        raise complaint(error) from None


def complaint(error: Exception) -> click.ClickException:
    """The error as a command tells it: each problem with the field it is about."""
    from flags.validation import InvalidFlag

    if isinstance(error, InvalidFlag):
        return click.ClickException(
            "\n".join(f"{each.field}: {each.problem}" for each in error.problems[:20])
        )
    return click.ClickException(str(error))
