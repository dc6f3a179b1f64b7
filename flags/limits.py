"""How much of everything: limits that keep a ruleset small enough for every SDK."""

import re
from typing import Final

KEY_PATTERN: Final = r"[a-z0-9][a-z0-9._-]{0,63}"
_KEY: Final = re.compile(KEY_PATTERN)

NAME_CHARACTERS: Final = 200
DESCRIPTION_CHARACTERS: Final = 5_000
REASON_CHARACTERS: Final = 1_000

TAGS_PER_FLAG: Final = 20
LINKS_PER_FLAG: Final = 10
URL_CHARACTERS: Final = 2_000
MOST_APPROVERS: Final = 5
OPEN_CHANGES_PER_ENVIRONMENT: Final = 1_000

FLAGS_PER_PROJECT: Final = 10_000
ENVIRONMENTS_PER_PROJECT: Final = 50
VARIANTS_PER_FLAG: Final = 20
RULES_PER_FLAG: Final = 100
NODES_PER_RULE: Final = 200
VALUES_PER_CONDITION: Final = 1_000
ATTRIBUTE_CHARACTERS: Final = 200
VALUE_CHARACTERS: Final = 1_000
# Imports of other vendors bring buckets of their own; beyond this a split no longer fits 32 bits of hash.
BUCKETS_PER_RULE: Final = 10**9
OVERRIDES_PER_FLAG: Final = 10_000
REQUIRES_PER_FLAG: Final = 20
SWITCHES_PER_FLAG: Final = 100
KEPT_PER_FLAG: Final = 200
# Two bytes a unit: 4 MB for every SDK process to download once, and to keep in memory.
KEPT_UNITS: Final = 2_000_000
SEGMENTS_PER_ENVIRONMENT: Final = 1_000
LAYERS_PER_ENVIRONMENT: Final = 100
UNITS_PER_SEGMENT: Final = 1_000_000
UNIT_CHARACTERS: Final = 256
SALT_CHARACTERS: Final = 200
SCHEMA_BYTES: Final = 64 * 1024
# Seconds since 1970 that every database and reader takes: the year 9999.
LAST_SECOND: Final = 253_402_300_799

PAYLOAD_BYTES: Final = 64 * 1024
JSON_DEPTH: Final = 32

# Whole numbers up to here survive every JSON reader (a double holds them exactly); above, ids get corrupted.
MOST_EXACT_INTEGER: Final = 2**53

# The widest row number both databases take.
MOST_ROWS: Final = 2**31 - 1


def is_key(text: str) -> bool:
    """Whether anything could be called this; other text need not be looked up (nor could NUL be)."""
    return _KEY.fullmatch(text) is not None
