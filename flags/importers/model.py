"""What an import gives: flags and segments as drafts, and what became of everything else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from flags.model import RuleDraft, SegmentDraft, Targeting
from pointsman.core.model import Json, Kind, Serves


class Vendor(StrEnum):
    """Whose documents can be read."""

    GROWTHBOOK = "growthbook"
    FLAGD = "flagd"
    UNLEASH = "unleash"
    LAUNCHDARKLY = "launchdarkly"


class Outcome(StrEnum):
    """What became of a part of the document, from best to worst."""

    MAPPED = "mapped"
    """Every unit and context gets what it got."""
    NOTED = "noted"
    """So it is for every context the note does not speak of."""
    CHANGED = "changed"
    """Carried otherwise than it was, as a partial import was asked for."""
    LEFT_OUT = "left out"
    """Not carried."""


class Unmappable(Exception):
    """``place`` of the document has a meaning that no flag of ours can have; ``why`` says which."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place = place
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one part. ``subject`` is the vendor's key; ``place`` a part of it, empty: the whole."""

    subject: str
    place: str
    outcome: Outcome
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFlag:
    """A flag to be created, and how it is to serve in the environment of the import."""

    source: str
    """The vendor's key, which ``key`` differs from only in what our keys do not allow."""
    key: str
    kind: Kind
    variants: dict[str, Json]
    default: str
    off: str
    enabled: bool
    rules: tuple[RuleDraft, ...] = ()
    requires: tuple[Serves, ...] = ()
    overrides: Mapping[str, str] = field(default_factory=dict)
    description: str = ""

    @property
    def targeting(self) -> Targeting:
        """How it is to serve."""
        return Targeting(
            rules=self.rules,
            default=self.default,
            off=self.off,
            overrides=self.overrides,
            requires=self.requires,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A whole document, mapped. Segments come before whoever refers to them."""

    vendor: Vendor
    flags: tuple[ImportedFlag, ...]
    segments: tuple[SegmentDraft, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to read a document.

    ``unit``: the attribute that the application hands to our SDK as the unit; empty: the vendor's usual one.
    ``partial``: carry what can be carried of a flag, and say what changes. ``text_hashing``: flagd's old
    providers, which hashed plain text instead of CBOR.
    """

    unit: str = ""
    partial: bool = False
    text_hashing: bool = False
