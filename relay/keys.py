"""The keys of a relay's own clients, read from a file once at the start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flags.model import KeyKind
from flags.serving import stranger
from runtime.errors import Invalid
from runtime.tokens import fingerprint

_LEAST_CHARACTERS: Final = 16
_MOST_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayKey:
    """One client's right; ``id`` counts the file's keys from 1."""

    id: int
    kind: KeyKind


class RelayKeys:
    """Who may ask. Only fingerprints are kept in memory."""

    def __init__(self, keys: Mapping[str, RelayKey]) -> None:
        self._keys: Final = dict(keys)

    def find(self, secret: str | None) -> RelayKey:
        """The key of this secret. Unauthenticated: none."""
        found = self._keys.get(fingerprint(secret)) if secret else None
        if found is None:
            raise stranger()
        return found

    @property
    def ids(self) -> tuple[int, ...]:
        """Every key's id."""
        return tuple(each.id for each in self._keys.values())


def read_keys(path: Path) -> RelayKeys:
    """The keys of a file with a line ``server SECRET`` or ``client SECRET`` each. Invalid: names the line."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("keys", f"cannot be read: {error}") from None
    found: dict[str, RelayKey] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or words[0] not in {"server", "client"}:
            raise Invalid("keys", f"line {number}: write `server SECRET` or `client SECRET`")
        if len(words[1]) < _LEAST_CHARACTERS or not words[1].isascii():
            raise Invalid(
                "keys", f"line {number}: a secret has at least {_LEAST_CHARACTERS} ASCII characters"
            )
        found[fingerprint(words[1])] = RelayKey(id=len(found) + 1, kind=KeyKind(words[0]))
    if not found:
        raise Invalid("keys", "the file names no key; write `server SECRET` for each client")
    return RelayKeys(found)
