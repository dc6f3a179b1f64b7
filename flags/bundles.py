"""Signed bundles: an environment's ruleset and unit sets in one file for where no network is."""

import base64
import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from flags import queries
from flags.guards import Action, By
from flags.publisher import compile_ruleset
from flags.service.publishing import trace
from pointsman.core.bundle import Sign, seal
from pointsman.core.codec import decode
from pointsman.core.references import unit_sets_of
from runtime.errors import Invalid

# As the SDK reads it: pointsman.bundle_file.
PREFIX: Final = "pbk_"


def write_bundle(
    session: Session,
    by: By,
    project: str,
    environment: str,
    sign: Sign,
    *,
    now: datetime,
    expires_at: datetime | None = None,
) -> bytes:
    """The bundle of what the environment serves now; leaves an audit entry. NotFound.

    Invalid: it would be expired already.
    """
    if expires_at is not None and expires_at <= now:
        raise Invalid("expires_at", "must be later than now")
    at = queries.get_environment(session, project, environment)
    compiled = compile_ruleset(session, at.id)
    units = queries.unit_sets_in(session, at.id, unit_sets_of(decode(compiled.body)))
    body = seal(
        compiled.body,
        units,
        sign,
        created_at=int(now.timestamp()),
        expires_at=None if expires_at is None else int(expires_at.timestamp()),
    )
    details = {
        "revision": compiled.revision,
        "digest": hashlib.sha256(body).hexdigest(),
        "expires_at": None if expires_at is None else expires_at.isoformat(),
    }
    trace(session, by, Action.WRITE_BUNDLE, f"{project}/{environment}", details)
    return body


def make_key(path: Path) -> str:
    """Write a new private key (PEM, mode 0600) and tell the public one. Invalid: a file is there already."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Invalid("key_file", f"{path} is there already; bundles signed with it would be lost") from None
    except OSError as error:
        raise Invalid("key_file", f"cannot be written: {error}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    return spelled(key.public_key().public_bytes_raw())


def signer_of(path: Path) -> Sign:
    """What signs with the key in that file. Invalid: no Ed25519 private key can be read there."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Invalid("key_file", f"cannot be read ({error}); make one with `bundle-keygen`") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Invalid("key_file", "holds a key of another kind; make one with `bundle-keygen`")
    return key.sign


def spelled(public: bytes) -> str:
    """A public key as people copy it."""
    return PREFIX + base64.urlsafe_b64encode(public).decode().rstrip("=")
