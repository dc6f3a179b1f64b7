"""How a client behaves. The defaults suit a web application; every number has its unit in its name."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pointsman.core.model import Scalar
from pointsman.errors import ConfigurationError

# The server takes 1,000 events a batch.
_LARGEST_BATCH: Final = 1_000
_LONGEST_NAME: Final = 64
_INTERVALS: Final = ("poll_interval_s", "flush_interval_s", "usage_interval_s")


def default_cache_dir() -> Path | None:
    """``pointsman`` in the user's own cache directory, or None where the user has no home."""
    try:
        return _user_cache() / "pointsman"
    except RuntimeError:  # Path.home() found none.
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """ConfigurationError names the option that cannot be used."""

    poll_interval_s: float = 10.0
    """A change reaches this process within this time; polls come at random moments inside it."""
    timeout_s: float = 5.0
    """The longest one request may take in all; only the background thread waits."""
    flush_interval_s: float = 1.0
    """Events wait this long for company before a batch is sent."""
    usage_interval_s: float = 60.0
    """So often the server is told how many times each variant was chosen."""
    backoff_s: float = 1.0
    """After a failure the next try comes at a random moment within twice this, then four times … a minute."""
    batch_size: int = 500
    """Events in one batch, at most; as many waiting are sent at once."""
    queue_size: int = 50_000
    """Events kept in memory while the server is away, about 200 bytes each; more is dropped and counted."""
    exit_timeout_s: float = 2.0
    """The longest the interpreter's exit waits for events to be sent, and close() by default."""
    max_ruleset_bytes: int = 16_000_000
    """A larger ruleset is refused and the last good one kept."""
    max_unit_set_bytes: int = 64_000_000
    """A larger unit set (two bytes a unit) is refused, its ruleset too, and the last good one kept."""
    device: str = ""
    """What this machine is called; the server lists each device with the revision it is at."""
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    """Stand in for attributes a context does not have: ``{"placement": "edge", "app_version": "2.1.0"}``."""
    cache_dir: str | os.PathLike[str] | None = field(default_factory=default_cache_dir)
    """Where the last good ruleset is kept for a start without the server; None keeps it nowhere."""

    def __post_init__(self) -> None:
        for name in (*_INTERVALS, "timeout_s", "backoff_s", "exit_timeout_s"):
            _check_seconds(name, getattr(self, name))
        for name in ("batch_size", "queue_size", "max_ruleset_bytes", "max_unit_set_bytes"):
            _check_count(name, getattr(self, name))
        if self.batch_size > _LARGEST_BATCH:
            raise ConfigurationError("batch_size", f"must be at most {_LARGEST_BATCH}")
        _check_attributes(self.attributes)
        _check_name("device", self.device)
        if self.cache_dir is not None and not isinstance(self.cache_dir, str | os.PathLike):
            raise ConfigurationError("cache_dir", "must be a path, or None for no cache")
        if self.cache_dir == "":
            raise ConfigurationError("cache_dir", "must not be empty; None means no cache")


def _check_name(name: str, text: object) -> None:
    if not isinstance(text, str) or len(text) > _LONGEST_NAME or not text.isprintable():
        raise ConfigurationError(name, f"must be text of at most {_LONGEST_NAME} visible characters")


def _check_seconds(name: str, value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 86_400:
        raise ConfigurationError(name, "must be a number of seconds above 0, at most a day")


def _check_attributes(attributes: object) -> None:
    if not isinstance(attributes, Mapping) or not all(
        isinstance(name, str) and isinstance(value, bool | int | float | str)
        for name, value in attributes.items()
    ):
        raise ConfigurationError("attributes", "must map names to texts, numbers or truth values")


def _check_count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(name, "must be a whole number of at least 1")


def _user_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = Path(os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"
