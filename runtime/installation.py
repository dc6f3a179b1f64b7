"""What is true of one installation whatever process asks: named secrets and marks, kept in the database."""

import secrets

from sqlalchemy import String, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from runtime.database import Base, Database


class InstallationRow(Base):
    """One named value, written once."""

    __tablename__ = "installation"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(200))


def signing_key(database: Database) -> str:
    """The key that signs forms; made by the first process that asks, the same for all of them."""
    return _value(database, "signing_key", secrets.token_hex(32))


def _value(database: Database, name: str, fresh: str) -> str:
    query = select(InstallationRow.value).where(InstallationRow.name == name)
    with database.reading() as session:
        found = session.scalar(query)
    if found is not None:
        return found
    try:
        with database.session() as session:
            session.add(InstallationRow(name=name, value=fresh))
    except IntegrityError:
        # Another process was first; its value is the value.
        with database.reading() as session:
            return session.scalars(query).one()
    return fresh
