"""What one relay needs to know, handed from the command to the serving process by the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pointsman.address import Address, check_key, parse_address
from pointsman.errors import ConfigurationError
from relay.keys import RelayKeys, read_keys
from runtime.errors import Invalid

_PREFIX: Final = "POINTSMAN_RELAY_"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """One relay. ``poll_s``: a change above is known here within that; ``spool_bytes``: room for events."""

    upstream: str
    key: str
    keys_file: Path
    data_dir: Path
    poll_s: float
    spool_bytes: int

    def __post_init__(self) -> None:
        """Invalid: names the option."""
        try:
            parse_address(self.upstream)
        except ConfigurationError as error:
            raise Invalid("upstream", error.problem) from None
        try:
            check_key(self.key)
        except ConfigurationError as error:
            raise Invalid("key", error.problem) from None
        if not 0.05 <= self.poll_s <= 3_600:
            raise Invalid("poll-interval", "must be from 0.05 to 3600 seconds")
        if self.spool_bytes < 1:
            raise Invalid("spool-mb", "must be above 0")

    @property
    def address(self) -> Address:
        """The server above."""
        return parse_address(self.upstream)

    def keys(self) -> RelayKeys:
        """The keys of this relay's clients. Invalid."""
        return read_keys(self.keys_file)

    def to_environment(self) -> dict[str, str]:
        """The settings as environment variables."""
        return {
            f"{_PREFIX}UPSTREAM": self.upstream,
            f"{_PREFIX}KEY": self.key,
            f"{_PREFIX}KEYS": str(self.keys_file),
            f"{_PREFIX}DATA": str(self.data_dir),
            f"{_PREFIX}POLL_S": str(self.poll_s),
            f"{_PREFIX}SPOOL_BYTES": str(self.spool_bytes),
        }

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "RelaySettings":
        """What ``to_environment`` made."""
        return cls(
            upstream=environ[f"{_PREFIX}UPSTREAM"],
            key=environ[f"{_PREFIX}KEY"],
            keys_file=Path(environ[f"{_PREFIX}KEYS"]),
            data_dir=Path(environ[f"{_PREFIX}DATA"]),
            poll_s=float(environ[f"{_PREFIX}POLL_S"]),
            spool_bytes=int(environ[f"{_PREFIX}SPOOL_BYTES"]),
        )
