"""The server's own evaluation of current rulesets: one for each environment, kept while it is current."""

from collections import OrderedDict
from threading import Lock
from time import time
from typing import Final

from sqlalchemy.orm import Session

from flags import queries
from flags.model import RulesetId, SdkAccess
from flags.publisher import Publisher
from pointsman.core.codec import decode
from pointsman.core.evaluation import Evaluation
from pointsman.core.references import unit_sets_of
from pointsman.core.unit_sets import read_units

_MOST: Final = 32

_kept: OrderedDict[RulesetId, Evaluation] = OrderedDict()
_lock = Lock()


def evaluation_of(session: Session, access: SdkAccess, publisher: Publisher) -> Evaluation:
    """The current ruleset of the environment a key opens, ready to evaluate with its unit sets."""
    with _lock:
        found = _kept.get(access.ruleset)
        if found is not None:
            _kept.move_to_end(access.ruleset)
            return found
    compiled = publisher.current(session, access.ruleset)
    ruleset = decode(compiled.body)
    bodies = queries.unit_sets_of(session, access, unit_sets_of(ruleset))
    made = Evaluation(ruleset, {digest: read_units(body) for digest, body in bodies.items()}, now=time)
    with _lock:
        _kept[compiled.id] = made
        while len(_kept) > _MOST:
            _kept.popitem(last=False)
    return made
