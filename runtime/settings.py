"""Settings, read once from the environment; every value has a working default."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from runtime.errors import Invalid

_DEFAULT_DATA: Final = ".data"
_SCHEMES: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one process needs to know about its surroundings."""

    data_dir: Path = field(default_factory=lambda: Path(_DEFAULT_DATA).resolve())
    database_url: str = ""
    """SQLAlchemy URL; empty in the constructor means SQLite in ``data_dir``."""
    redis_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    stream_port: int = 8001
    web_workers: int = 1
    web_threads: int = 8
    body_timeout_s: int = 15
    """A request's body must have arrived within this; its head, and the next request, within twice this."""
    stream_url: str = ""
    """Where browsers reach the stream server; empty: at its own host and port, if those are reachable."""
    key_rate: int = 0
    """How many OFREP evaluations a second each key may ask of one web process; 0: no limit."""
    kept_units: int = 2_000_000
    """Enrolled units a sticky flag hands out as one filter; for more, applications ask."""
    growthbook: frozenset[str] = frozenset()
    """Environments, as ``project/environment``, whose rules GrowthBook's SDKs may read."""
    secure_cookies: bool = False
    """True behind HTTPS: session cookies are then never sent in the clear."""

    def __post_init__(self) -> None:
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.data_dir / 'pointsman.db'}")

    @property
    def lake_dir(self) -> Path:
        """Where the event tables live."""
        return self.data_dir / "lake"

    @property
    def spill_dir(self) -> Path:
        """Where an analysis that outgrows its memory writes; emptied freely."""
        return Path(tempfile.gettempdir()) / "pointsman-spill"

    @property
    def base_url(self) -> str:
        """The address people open."""
        return f"http://{self.host}:{self.port}"

    @property
    def public_stream_url(self) -> str | None:
        """Where clients reach the stream server; None: nobody said, and its own address says nothing."""
        if self.stream_url:
            return self.stream_url.rstrip("/")
        anywhere = self.host in {"0.0.0.0", "::", ""}  # noqa: S104  (compared, not bound)
        return None if anywhere else f"http://{self.host}:{self.stream_port}"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Settings from ``POINTSMAN_*``, ``DATABASE_URL`` and ``REDIS_URL``. Invalid: names the variable."""
        data_dir = Path(environ.get("POINTSMAN_DATA", _DEFAULT_DATA)).resolve()
        return cls(
            data_dir=data_dir,
            database_url=_database_url(environ.get("DATABASE_URL", "")),
            redis_url=_redis_url(environ.get("REDIS_URL", "")),
            host=environ.get("POINTSMAN_HOST", "127.0.0.1"),
            port=_number(environ, "POINTSMAN_PORT", 8000, most=65535),
            stream_port=_number(environ, "POINTSMAN_STREAM_PORT", 8001, most=65535),
            web_workers=_number(environ, "POINTSMAN_WEB_WORKERS", 1, most=64),
            web_threads=_number(environ, "POINTSMAN_WEB_THREADS", 8, most=256),
            body_timeout_s=_number(environ, "POINTSMAN_BODY_TIMEOUT_S", 15, most=600),
            stream_url=_stream_url(environ.get("POINTSMAN_STREAM_URL", "")),
            kept_units=_number(environ, "POINTSMAN_KEPT_UNITS", 2_000_000, most=100_000_000),
            key_rate=_number(environ, "POINTSMAN_KEY_RATE", 0, least=0, most=1_000_000),
            growthbook=_environments(environ.get("POINTSMAN_GROWTHBOOK", "")),
            secure_cookies=environ.get("POINTSMAN_SECURE_COOKIES", "") == "1",
        )

    def to_environment(self) -> dict[str, str]:
        """The variables that make a child process see these same settings."""
        return {
            "POINTSMAN_DATA": str(self.data_dir),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url or "",
            "POINTSMAN_HOST": self.host,
            "POINTSMAN_PORT": str(self.port),
            "POINTSMAN_STREAM_PORT": str(self.stream_port),
            "POINTSMAN_WEB_WORKERS": str(self.web_workers),
            "POINTSMAN_WEB_THREADS": str(self.web_threads),
            "POINTSMAN_BODY_TIMEOUT_S": str(self.body_timeout_s),
            "POINTSMAN_STREAM_URL": self.stream_url,
            "POINTSMAN_KEPT_UNITS": str(self.kept_units),
            "POINTSMAN_KEY_RATE": str(self.key_rate),
            "POINTSMAN_GROWTHBOOK": ",".join(sorted(self.growthbook)),
            "POINTSMAN_SECURE_COOKIES": "1" if self.secure_cookies else "0",
        }


def _database_url(url: str) -> str:
    if not url:
        return ""
    scheme, _, rest = url.partition("://")
    base = scheme.partition("+")[0]
    if base not in _SCHEMES:
        raise Invalid("DATABASE_URL", f"starts with {scheme!r}; use sqlite:///… or postgresql://…")
    return f"{_SCHEMES[base]}://{rest}"


def _redis_url(url: str) -> str | None:
    if not url:
        return None
    if urlsplit(url).scheme not in {"redis", "rediss", "unix"}:
        raise Invalid("REDIS_URL", "use redis://…, rediss://… or unix://…")
    return url


def _environments(text: str) -> frozenset[str]:
    found = frozenset(each.strip() for each in text.split(",") if each.strip())
    if any(each.count("/") != 1 or not all(each.split("/")) for each in found):
        raise Invalid("POINTSMAN_GROWTHBOOK", "list environments as project/environment, with commas between")
    return found


def _stream_url(url: str) -> str:
    if url and urlsplit(url).scheme not in {"http", "https"}:
        raise Invalid("POINTSMAN_STREAM_URL", "use http://… or https://…")
    return url


def _number(environ: Mapping[str, str], name: str, default: int, *, most: int, least: int = 1) -> int:
    text = environ.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
        raise Invalid(name, f"{text!r} is not a whole number from {least} to {most}")
    return int(text)
