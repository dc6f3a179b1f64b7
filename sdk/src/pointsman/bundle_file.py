"""A bundle from a file, believed only once its signature, its age and all of its bytes were checked."""

import base64
import binascii
import os
from collections.abc import Iterable
from pathlib import Path
from time import time
from typing import Final

from pointsman.core.bundle import Bundle, read_signed, unseal
from pointsman.errors import CodecError, ConfigurationError

PREFIX: Final = "pbk_"
"""Public keys are spelled with it, then 32 bytes in URL-safe base64."""
_MOST_BYTES: Final = 1_000_000_000


def load_bundle(path: object, public_key: object) -> Bundle:
    """The bundle. ConfigurationError ``bundle`` or ``public_key``: why it cannot be used.

    ``public_key``: text as ``pointsman bundle-keygen`` prints it, or several, one of which signed.
    """
    content = _read(path)
    try:
        sealed = unseal(content)
        del content
        keys = _keys(public_key)
        if not any(_verifies(key, sealed.signature, sealed.signed) for key in keys):
            raise ConfigurationError(
                "bundle", "was not signed by this key, or was changed afterwards; get it anew"
            )
        bundle = read_signed(sealed.signed)
    except CodecError as error:
        raise ConfigurationError("bundle", str(error)) from error
    if has_expired(bundle):
        raise ConfigurationError("bundle", f"expired at {bundle.expires_at} (Unix time); get a newer one")
    return bundle


def has_expired(bundle: Bundle) -> bool:
    """Whether its time is over by this machine's clock."""
    return bundle.expires_at is not None and time() >= bundle.expires_at


def _read(path: object) -> bytes:
    if not isinstance(path, str | os.PathLike):
        raise ConfigurationError("bundle", "must be the path of a file that `pointsman bundle` wrote")
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ConfigurationError("bundle", f"cannot be read: {error}") from error
    if len(content) > _MOST_BYTES:
        raise ConfigurationError("bundle", f"is larger than {_MOST_BYTES} bytes")
    return content


def _keys(given: object) -> list[bytes]:
    several = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else []
    if not several:
        raise ConfigurationError("public_key", "must be the key that `pointsman bundle-keygen` printed")
    return [_key(each) for each in several]


def _key(text: object) -> bytes:
    try:
        if isinstance(text, str) and text.startswith(PREFIX):
            raw = base64.b64decode(text.removeprefix(PREFIX) + "=", altchars=b"-_", validate=True)
            if len(raw) == 32:
                return raw
    except (ValueError, binascii.Error):
        pass
    raise ConfigurationError(
        "public_key", f"must begin with {PREFIX} and hold 32 bytes; was it copied whole?"
    )


def _verifies(key: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise ConfigurationError(
            "bundle", "needs the package `cryptography` to check signatures: install pointsman[bundle]"
        ) from error
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True
