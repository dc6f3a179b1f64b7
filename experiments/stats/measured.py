"""Missing measurements: is a metric measured for the same share of units in every arm?"""

import math
from collections.abc import Mapping

from experiments.stats.srm import chi2_survival


def p_value_of_difference(measured: Mapping[str, int], units: Mapping[str, int]) -> float | None:
    """The χ² test that every arm has the same share of measured units; None: there is nothing to test.

    Both by arm; ``measured`` counts no more than ``units``. Nothing to test: fewer than two arms with units,
    every unit measured, or none. A small value means that whatever keeps a unit from being measured differs
    between the arms, so that those measured can no longer be compared.
    Source: Pearson's χ² for a 2 × k table. Checked against scipy.stats.chi2_contingency.
    """
    arms = [arm for arm, count in units.items() if count > 0]
    total = sum(units[arm] for arm in arms)
    known = sum(measured.get(arm, 0) for arm in arms)
    if len(arms) < 2 or not 0 < known < total:
        return None
    share = known / total
    chi2 = math.fsum(
        (measured.get(arm, 0) - units[arm] * share) ** 2 / (units[arm] * share * (1.0 - share))
        for arm in arms
    )
    return chi2_survival(chi2, df=len(arms) - 1)
