"""How much of the machine an analysis may use. PURE."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Memory, disk and cores of one analysis."""

    memory: str = "1GB"
    """What DuckDB may keep in memory; the process around it adds a few hundred megabytes."""
    spill: Path | None = None
    """Where each analysis makes a folder of its own for what does not fit in memory; None: the system's."""
    threads: int | None = None
    """None: one for every core."""
