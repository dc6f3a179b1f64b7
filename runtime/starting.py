"""What must hold before a process starts, said in one clear line when it does not."""

import socket

from sqlalchemy.exc import DBAPIError

from runtime import migrations
from runtime.database import Database
from runtime.errors import Invalid
from runtime.settings import Settings


def refuse_taken_ports(settings: Settings) -> None:
    """Invalid: somebody listens on a port of ours already (the kernel would share it between us)."""
    for port, variable in (
        (settings.port, "POINTSMAN_PORT"),
        (settings.stream_port, "POINTSMAN_STREAM_PORT"),
    ):
        if not is_free(settings.host, port):
            raise Invalid(variable, f"port {port} is in use; free it, or set the variable to another")


def refuse_unmigrated(database: Database) -> None:
    """Invalid: the database cannot be reached, or lacks tables that this version needs."""
    needed = migrations.newest()
    try:
        with database.reading() as session:
            found = migrations.current(session)
    except DBAPIError as error:
        reason = str(error.orig).partition("\n")[0]
        raise Invalid("DATABASE_URL", f"the database cannot be used: {reason}") from None
    if found != needed:
        at = "has no tables" if found is None else f"is at revision {found}, not {needed}"
        raise Invalid(
            "DATABASE_URL",
            f"the database {at}; run `pointsman migrate` first (`pointsman serve` does so by itself, in its "
            "first seconds), or point DATABASE_URL or POINTSMAN_DATA to the installation you mean",
        )


def make_data_dir(settings: Settings) -> None:
    """The data folder exists, closed to other users. Invalid: it cannot be made."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Invalid("POINTSMAN_DATA", f"the folder cannot be made: {error}") from None


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
