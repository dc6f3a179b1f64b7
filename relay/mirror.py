"""The copy: the last good ruleset and its unit sets, on disk and in memory, kept fresh by one thread."""

import hashlib
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time
from typing import Final

from flags.cache import CompiledRuleset
from flags.evaluations import Answers
from flags.model import RulesetId
from pointsman.address import Address
from pointsman.core.codec import encode
from pointsman.core.evaluation import Evaluation
from pointsman.core.references import unit_sets_of
from pointsman.core.unit_sets import UNPUBLISHED
from pointsman.poller import Poller
from pointsman.private_file import read_private
from pointsman.ruleset_file import Held, RulesetFile
from pointsman.shelf import Shelf
from pointsman.transport import Transport

log = logging.getLogger("pointsman.relay")

_MOST_RULESET: Final = 64_000_000
_MOST_UNIT_SET: Final = 256_000_000
_TIMEOUT_S: Final = 30.0
_REST_AFTER_FAULT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """What is served now. ``digests`` are the unit sets it needs."""

    project: str
    environment: str
    compiled: CompiledRuleset
    answers: Answers
    digests: frozenset[str]


class Mirror:
    """Read by every thread, changed by its own. Starts nothing before ``start``."""

    def __init__(self, address: Address, key: str, data_dir: Path, *, poll_s: float) -> None:
        self._address, self._key = address, key
        self._units: Final = data_dir.absolute() / "units"
        shelf = Shelf(self._units, limit=_MOST_UNIT_SET)
        file = RulesetFile(data_dir, address, key, _MOST_RULESET, shelf)
        self.current: Mirrored | None = None
        held = file.load()
        if held is not None:
            self._publish(held)
        self._poller: Final = Poller(
            interval_s=poll_s,
            backoff_s=min(1.0, poll_s),
            limit=_MOST_RULESET,
            held=held,
            file=file,
            shelf=shelf,
            publish=self._publish,
        )
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def stop(self) -> None:
        """End; does not wait for a request under way."""
        self._ended.set()

    @property
    def problem(self) -> str | None:
        """Why the last poll failed; None: it did not."""
        return self._poller.problem

    def unit_set(self, digest: str) -> bytes | None:
        """The bytes of a set that the ruleset needs; None: it needs no such set."""
        current = self.current
        if current is None or digest not in current.digests:
            return None
        return read_private(self._units / f"{digest}.units", _MOST_UNIT_SET)

    def _publish(self, held: Held) -> None:
        ruleset = held.ruleset
        # Canonical: the very bytes that came.
        body = encode(ruleset)
        tag = hashlib.sha256(body).hexdigest()
        self.current = Mirrored(
            project=ruleset.project,
            environment=ruleset.environment,
            compiled=CompiledRuleset(
                id=RulesetId(environment_id=0, revision=ruleset.revision, stamp=tag), body=body, etag=tag
            ),
            answers=Answers(Evaluation(ruleset, held.units, now=time), asks=UNPUBLISHED.encode() in body),
            digests=unit_sets_of(ruleset),
        )
        log.info("serving revision %d of %s/%s", ruleset.revision, ruleset.project, ruleset.environment)

    def _run(self) -> None:
        transport = Transport(self._address, self._key, _TIMEOUT_S)
        before: str | None = None
        while not self._ended.is_set():
            try:
                self._poller.step(transport)
                wait_s = self._poller.due - monotonic()
                if self._poller.problem != before:
                    before = self._poller.problem
                    log.warning("the server above: %s", before or "answers again")
            except Exception:
                log.exception("a fault while polling; trying again")
                wait_s = _REST_AFTER_FAULT_S
            self._ended.wait(max(0.0, wait_s))
        transport.close()
