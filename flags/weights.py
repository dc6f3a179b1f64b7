"""Shares as people write them, turned into buckets without rounding anything away."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from pointsman.core.bucketing import BUCKETS
from runtime.errors import Invalid

_BUCKETS_PER_PERCENT: Final = BUCKETS // 100
_FINEST: Final = Decimal("0.001")


def buckets_of_percent(
    percent: Mapping[str, Decimal | float | str], field: str = "percent"
) -> dict[str, int]:
    """Weights in buckets: ``{"v1": "99.5", "v2": 0.5}`` → ``{"v1": 99500, "v2": 500}``.

    A float is taken as it prints (0.1 is a tenth). Invalid: not a number, negative, more than three
    decimals (a bucket is 0.001 %), or a sum other than 100; names ``field`` and the variant.
    """
    weights = {variant: _buckets(share, f"{field}.{variant}") for variant, share in percent.items()}
    total = sum(weights.values())
    if total != BUCKETS:
        shown = Decimal(total) / _BUCKETS_PER_PERCENT
        raise Invalid(field, f"the shares must sum to 100 %, not {shown.normalize():f} %")
    return weights


def buckets_of_share(share: Decimal | float | str, field: str) -> int:
    """One share in buckets: ``"12.5"`` → 12500. Invalid: as ``buckets_of_percent``."""
    return _buckets(share, field)


def percent_of_buckets(buckets: int, whole: int = BUCKETS) -> Decimal:
    """The same share of so many buckets in percent: 500 → Decimal('0.5'); exact where it is finite."""
    return (Decimal(buckets) * 100 / whole).normalize()


def _buckets(share: Decimal | float | str, field: str) -> int:
    try:
        percent = Decimal(str(share).strip())
    except InvalidOperation:
        raise Invalid(field, f"{str(share)[:40]!r} is not a number") from None
    if not (percent.is_finite() and 0 <= percent <= 100):
        raise Invalid(field, "must be a share from 0 to 100 %")
    exact = percent.quantize(_FINEST)
    if exact != percent:
        raise Invalid(field, "has more than three decimals; the finest share is 0.001 %")
    return int(exact * _BUCKETS_PER_PERCENT)
