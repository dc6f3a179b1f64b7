"""Commands on SDK keys. A secret is shown once, when its key is made; the database keeps only a hash."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from flags.guards import Action, By
from flags.limits import MOST_ROWS
from flags.model import KeyKind, NewSdkKey, SdkKeyView
from flags.service.opening import open_environment
from flags.service.publishing import trace
from flags.storage import keys
from flags.validation import check_named, refuse
from runtime.errors import Invalid, NotFound
from runtime.tokens import fingerprint, new_secret

# Enough of the secret to tell keys apart in a list; 37 random characters (222 bits) stay unknown.
_SHOWN_CHARACTERS: Final = 6
_PREFIX: Final = {KeyKind.SERVER: "psk", KeyKind.CLIENT: "psc"}


def create_sdk_key(
    session: Session,
    by: By,
    project: str,
    environment: str,
    *,
    name: str,
    kind: KeyKind = KeyKind.SERVER,
) -> NewSdkKey:
    """A key that opens one environment to an SDK, with its secret; the prefix tells the kind.

    Invalid (the name), NotFound.
    """
    if not name.strip():
        raise Invalid("name", "is needed, to tell this key from others: say who will use it")
    refuse(check_named(name=name))
    at = open_environment(session, project, environment)
    prefix = f"{_PREFIX[kind]}_{environment}"
    secret = new_secret(prefix)
    key = keys.add(
        session,
        at,
        name=name,
        kind=kind,
        prefix=secret[: len(prefix) + 1 + _SHOWN_CHARACTERS],
        secret_hash=fingerprint(secret),
        now=datetime.now(UTC),
    )
    details = {"name": name, "kind": kind.value, "prefix": key.prefix}
    trace(session, by, Action.CREATE_KEY, _subject(key), details)
    return NewSdkKey(key=key, secret=secret)


def revoke_sdk_key(session: Session, by: By, project: str, environment: str, key_id: int) -> SdkKeyView:
    """The key opens nothing any more. NotFound: no live key of that id in the environment."""
    at = open_environment(session, project, environment)
    key = keys.revoke(session, at, key_id, now=datetime.now(UTC)) if 0 < key_id <= MOST_ROWS else None
    if key is None:
        raise NotFound("SDK key", f"{project}/{environment}/{key_id}")
    trace(session, by, Action.REVOKE_KEY, _subject(key), {"name": key.name, "prefix": key.prefix})
    return key


def _subject(key: SdkKeyView) -> str:
    return f"{key.project}/{key.environment}/key:{key.id}"
