"""What a flag's function may ask of everything around it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pointsman.core.choice import Choice, ErrorCode
from pointsman.core.model import Scalar
from pointsman.errors import PointsmanError

Memo: TypeAlias = dict[object, Any]
"""What was found out for one choice: each flag, segment and the instant is asked once."""

Decide: TypeAlias = Callable[..., Choice]
"""The choice for (unit, context), both whatever the caller handed over. Raises Unanswerable."""


class Unanswerable(PointsmanError):
    """This unit or context has no answer. Never leaves ``Evaluation.choose``."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One evaluation, as seen from the functions it makes."""

    revision: int
    attributes: Mapping[str, Scalar]
    """The client's own, which stand in where a context has no such key."""
    recent: Mapping[str, Mapping[str, str]] | None
    """By sticky flag, the variant that units had lately in this process."""
    holds: Callable[[str], Callable[[str], bool]]
    """The membership test of the unit set of this digest; it raises where the set is not loaded."""
    served: Callable[[str, str, dict[object, object], Memo], str]
    """The variant that another flag serves."""
    belongs: Callable[[str, str, dict[object, object], Memo], bool]
    """Whether the unit is in a segment."""
    instant: Callable[[Memo], float]
    """Unix seconds, the same throughout one choice."""
