"""Unit sets beside the ruleset: fetched once, kept in memory and on disk while a ruleset refers to them."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pointsman.core.unit_sets import UnitSet, digest_of, read_units
from pointsman.errors import CodecError, Unreachable
from pointsman.messages import Request
from pointsman.private_file import read_private, write_private

if TYPE_CHECKING:
    from pointsman.transport import Transport

UnitSets = Mapping[str, UnitSet]


class Shelf:
    """Unit sets by digest, in one directory or (None) in memory alone.

    Sets never change, so what is here need not be asked for again. ``gather`` gives every set a ruleset needs
    or raises, so that no ruleset is ever used without its sets.
    """

    def __init__(self, directory: Path | None, *, limit: int) -> None:
        self._directory: Final = directory
        self._limit: Final = limit
        self._held: dict[str, UnitSet] = {}
        self.errors = 0
        self.problem: str | None = None

    def gather(self, digests: Collection[str], transport: "Transport") -> UnitSets:
        """These sets, fetched from the server where they are not here. Unreachable, CodecError."""
        found = {digest: self._held.get(digest) or self._fetched(digest, transport) for digest in digests}
        self._held = dict(found)
        return found

    def on_hand(self, digests: Collection[str]) -> UnitSets | None:
        """These sets as far as memory and disk have them; None: one is missing."""
        found: dict[str, UnitSet] = {}
        for digest in digests:
            units = self._held.get(digest) or self._read(digest)
            if units is None:
                return None
            found[digest] = units
        self._held = dict(found)
        return found

    def tidy(self, digests: Iterable[str]) -> None:
        """Delete the files of sets that are no longer among these."""
        if self._directory is None:
            return
        kept = {f"{digest}.units" for digest in digests}
        try:
            for path in self._directory.glob("*.units"):
                if path.name not in kept:
                    path.unlink(missing_ok=True)
        except OSError as error:
            self._fail(error)

    def _fetched(self, digest: str, transport: "Transport") -> UnitSet:
        known = self._read(digest)
        if known is not None:
            return known
        answer = transport.ask(
            Request(method="GET", path=f"/v1/units/{digest}", headers={}, limit=self._limit)
        )
        if answer.status != 200:
            raise Unreachable(f"the server answered {answer.status} to the request for a unit set")
        if digest_of(answer.body) != digest:
            raise CodecError("units", f"the unit set {digest[:12]} came with other content")
        units = read_units(answer.body)
        self._keep(digest, answer.body)
        return units

    def _read(self, digest: str) -> UnitSet | None:
        if self._directory is None:
            return None
        try:
            body = read_private(self._directory / f"{digest}.units", self._limit)
            return read_units(body) if digest_of(body) == digest else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._fail(error)
            return None

    def _keep(self, digest: str, body: bytes) -> None:
        if self._directory is None:
            return
        try:
            write_private(self._directory / f"{digest}.units", body)
        except (OSError, ValueError) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.errors += 1
        self.problem = f"{self._directory}: {error}"
