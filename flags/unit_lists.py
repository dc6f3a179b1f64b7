"""Lists of units as hashes in order: read from any source one by one, eight bytes a unit, joined by numpy."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flags import limits
from flags.entry import unit_problem
from pointsman.core.unit_sets import hash_of_unit, payload_of, seal_hashes
from runtime.errors import Invalid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Whoever lists everybody twice is let through; a stream without an end is not.
_MOST_READ: Final = 4 * limits.UNITS_PER_SEGMENT


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitList:
    """Units hashed with a salt, ascending, each once."""

    salt: str
    hashes: "NDArray[np.uint64]"

    @property
    def count(self) -> int:
        """How many units."""
        return int(self.hashes.size)

    def with_units(self, others: "UnitList") -> "UnitList":
        """These and the others."""
        import numpy as np

        if not others.count:
            return self
        return UnitList(salt=self.salt, hashes=_distinct(np.concatenate([self.hashes, others.hashes])))

    def without_units(self, others: "UnitList") -> "UnitList":
        """These but not the others."""
        import numpy as np

        if not self.count or not others.count:
            return self
        stays = np.ones(self.count, dtype=np.bool_)
        places = np.minimum(np.searchsorted(self.hashes, others.hashes), self.count - 1)
        stays[places[self.hashes[places] == others.hashes]] = False
        return UnitList(salt=self.salt, hashes=self.hashes[stays])

    def body(self) -> bytes:
        """As ``pointsman.core.unit_sets.write_hashes`` writes it."""
        return seal_hashes(self.salt, self.count, self.hashes.astype("<u8", copy=False).data.cast("B"))


def listed(salt: str, units: Iterable[str], field: str) -> UnitList:
    """The units, read once and forgotten. Invalid: names the first that is no unit, or there are too many."""
    import numpy as np

    hashes = array("Q")
    for index, unit in enumerate(units):
        problem = unit_problem(unit)
        if problem:
            raise Invalid(f"{field}.{index}", problem)
        if index >= _MOST_READ:
            raise Invalid(
                field, f"lists over {_MOST_READ} units; at most {limits.UNITS_PER_SEGMENT} are allowed"
            )
        hashes.append(hash_of_unit(salt, unit))
    found = UnitList(salt=salt, hashes=_distinct(np.array(hashes, dtype=np.uint64)))
    return within_limit(found, field)


def within_limit(units: UnitList, field: str) -> UnitList:
    """The list. Invalid: it is longer than a segment's may be."""
    if units.count > limits.UNITS_PER_SEGMENT:
        raise Invalid(
            field, f"would hold {units.count} units; at most {limits.UNITS_PER_SEGMENT} are allowed"
        )
    return units


def stored_list(salt: str, body: bytes | None) -> UnitList:
    """The list these bytes hold; None is an empty one."""
    import numpy as np

    hashes = np.frombuffer(b"" if body is None else payload_of(body), dtype="<u8")
    return UnitList(salt=salt, hashes=hashes.astype(np.uint64, copy=False))


def _distinct(hashes: "NDArray[np.uint64]") -> "NDArray[np.uint64]":
    """These in order, each once; they are put in order where they are."""
    import numpy as np

    hashes.sort()
    # Ten times as fast as numpy.unique.
    return hashes[np.append(True, hashes[1:] != hashes[:-1])] if hashes.size else hashes
