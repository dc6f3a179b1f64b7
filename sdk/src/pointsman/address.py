"""Where the server is: a URL taken apart once, loudly."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from pointsman.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """``path`` has no slash at its end, so ``path + "/v1/events"`` is a path."""

    secure: bool
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.host}:{self.port}{self.path}"


def parse_address(url: object) -> Address:
    """ConfigurationError unless this is ``http(s)://host[:port][/path]`` and nothing more."""
    if not isinstance(url, str) or not url:
        raise ConfigurationError("url", "must be the server's address, such as https://flags.example.com")
    if not url.isprintable() or not url.isascii() or " " in url:
        raise ConfigurationError("url", "must be plain ASCII without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigurationError("url", str(error)) from error
    if parts.scheme not in ("http", "https"):
        raise ConfigurationError("url", "must begin with http:// or https://")
    if not parts.hostname or port == 0:
        raise ConfigurationError("url", "must name a host, and a port from 1 to 65535 if any")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise ConfigurationError(
            "url", "must not hold a user name, a query or a fragment; the key goes in key="
        )
    secure = parts.scheme == "https"
    return Address(
        secure=secure,
        host=parts.hostname,
        port=port or (443 if secure else 80),
        path=parts.path.rstrip("/"),
    )


def check_key(key: object) -> str:
    """The SDK key. ConfigurationError unless it is visible ASCII, as a header needs it."""
    if not isinstance(key, str) or not key:
        raise ConfigurationError("key", "must be the environment's SDK key")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("key", "must be ASCII without spaces or line ends; was it copied whole?")
    return key
