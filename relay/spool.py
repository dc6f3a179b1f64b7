"""Batches of events on disk until the server above has acknowledged them: one file each, fsynced."""

import hashlib
import json
import logging
import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Condition
from typing import Final

from experiments.events.batch import Batch
from runtime.errors import PointsmanError

_SUFFIX: Final = ".batch"
_PART: Final = ".part"
_LOG: Final = logging.getLogger(__name__)
RETRY_S: Final = 5


class SpoolFull(PointsmanError):
    """There is no room for more events now."""

    code = "spool_full"
    retry_after_s = RETRY_S


class Reused(PointsmanError):
    """The batch's id came before with other content."""

    code = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """One batch on disk. ``digest`` is of its unpacked text, ``size`` of the file."""

    id: str
    digest: str
    encoding: str
    count: int
    path: Path
    size: int


class Spool:
    """The spool of one relay; the directory is its alone. Safe to share between threads.

    What ``put`` has returned from survives kill -9 and power loss. ``most_bytes`` bounds everything kept,
    what the server above refused for good included (in ``refused/``, for people to look at and delete).
    """

    def __init__(self, directory: Path, *, most_bytes: int) -> None:
        """OSError: the directory cannot be used."""
        self._directory, self._most = directory, most_bytes
        self._refused = directory / "refused"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._refused.mkdir(mode=0o700, exist_ok=True)
        self._changed = Condition()
        self._entries: OrderedDict[str, Spooled] = OrderedDict()
        for path in sorted(directory.iterdir()):
            if path.suffix == _PART:
                path.unlink()  # Never acknowledged.
            elif path.suffix == _SUFFIX:
                self._load(path)
        self._next = max((_turn(each) for each in self._entries.values()), default=0) + 1
        self._bytes = sum(each.size for each in self._entries.values())
        self._bytes += sum(each.stat().st_size for each in self._refused.iterdir())

    def _load(self, path: Path) -> None:
        """A batch of an earlier run; one that the disk has damaged is laid aside and stops nobody."""
        try:
            found = _read_head(path)
        except (ValueError, TypeError, KeyError) as error:
            _LOG.error(
                "the spooled batch %s cannot be read (%s): it is laid aside in refused/", path.name, error
            )
            path.replace(self._refused / path.name)
            return
        self._entries[found.id] = found

    def put(self, batch: Batch, body: bytes, encoding: str) -> bool:
        """Keep the batch; returns once it is on the disk. False: it is there already.

        SpoolFull: no room, or the disk refuses. Reused: another batch of that id is there.
        """
        head = {"id": batch.id, "digest": batch.digest, "encoding": encoding, "count": batch.size}
        sent = hashlib.sha256(body).hexdigest()
        content = json.dumps({**head, "sent": sent}).encode() + b"\n" + body
        with self._changed:
            known = self._entries.get(batch.id)
            if known is not None:
                if known.digest != batch.digest:
                    raise Reused(
                        f"the batch {batch.id[:80]!r} came before with other content; never reuse an id"
                    )
                return False
            if self._bytes + len(content) > self._most:
                raise SpoolFull("the relay's spool is full, for the server above is away; keep the events")
            name = f"{self._next:016d}-{hashlib.sha256(batch.id.encode()).hexdigest()[:16]}{_SUFFIX}"
            path = self._directory / name
            self._next += 1
            try:
                _write(path, content)
            except OSError as error:
                raise SpoolFull(
                    f"the relay's spool cannot be written ({error.strerror}); keep them"
                ) from error
            self._bytes += len(content)
            self._entries[batch.id] = Spooled(**head, path=path, size=len(content))  # type: ignore[arg-type]
            self._changed.notify_all()
            return True

    def wait(self, turn: int, timeout_s: float) -> Spooled | None:
        """The batch at this place of the queue (0: the oldest), round and round; None: none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._entries), timeout_s)
            if not self._entries:
                return None
            return next(islice(self._entries.values(), turn % len(self._entries), None))

    def body(self, entry: Spooled) -> bytes:
        """The batch as it came. OSError."""
        return entry.path.read_bytes().partition(b"\n")[2]

    def done(self, entry: Spooled) -> None:
        """The server above has it."""
        with self._changed:
            entry.path.unlink(missing_ok=True)
            del self._entries[entry.id]
            self._bytes -= entry.size

    def refuse(self, entry: Spooled) -> None:
        """The server above will never take it: it is laid aside, and still takes its room."""
        with self._changed:
            entry.path.replace(self._refused / entry.path.name)
            del self._entries[entry.id]

    def measure(self) -> dict[str, int]:
        """Batches and events waiting, and bytes taken."""
        with self._changed:
            entries = list(self._entries.values())
            return {
                "batches": len(entries),
                "events": sum(each.count for each in entries),
                "bytes": self._bytes,
                "refused": sum(1 for _ in self._refused.iterdir()),
            }


def _read_head(path: Path) -> Spooled:
    """What was written there. ValueError, TypeError, KeyError: something else."""
    content = path.read_bytes()
    first, end, body = content.partition(b"\n")
    head = json.loads(first)
    checked = Spooled(
        id=str(head["id"]),
        digest=str(head["digest"]),
        encoding=str(head["encoding"]),
        count=int(head["count"]),
        path=path,
        size=len(content),
    )
    if not end or hashlib.sha256(body).hexdigest() != head["sent"]:
        raise ValueError("it is not whole")
    _turn(checked)
    return checked


def _turn(entry: Spooled) -> int:
    """Its place in the queue, as its name has it. ValueError."""
    return int(entry.path.name.partition("-")[0])


def _write(path: Path, content: bytes) -> None:
    part = path.with_suffix(_PART)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # It names units.
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        with _opened(path.parent) as directory:
            os.fsync(directory)
    except OSError:
        part.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
