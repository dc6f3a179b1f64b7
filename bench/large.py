"""A ruleset of 10,000 flags (3 model variants, 2 rules of 2 conditions each), and its next revisions."""

from dataclasses import replace
from typing import Final

from pointsman.core.model import Condition, Flag, Json, Kind, Operator, Rule, Ruleset
from pointsman.core.splits import split_of

FLAGS: Final = 10_000
_WEIGHTS: Final = {"v1": 34_000, "v2": 33_000, "v3": 33_000}


def large_ruleset() -> Ruleset:
    """Revision 1."""
    keys = [f"flag-{number:05}" for number in range(FLAGS)]
    return Ruleset(project="bench", environment="prod", revision=1, flags={key: _flag(key) for key in keys})


def one_changed(ruleset: Ruleset) -> Ruleset:
    """The next revision: one flag was switched."""
    key = min(ruleset.flags)
    flag = ruleset.flags[key]
    changed = replace(flag, version=flag.version + 1, enabled=not flag.enabled)
    return replace(ruleset, revision=ruleset.revision + 1, flags={**ruleset.flags, key: changed})


def all_changed(ruleset: Ruleset) -> Ruleset:
    """The next revision: every flag was saved again."""
    flags = {key: replace(flag, version=flag.version + 1) for key, flag in ruleset.flags.items()}
    return replace(ruleset, revision=ruleset.revision + 1, flags=flags)


def _flag(key: str) -> Flag:
    return Flag(
        key=key,
        kind=Kind.MODEL,
        salt=f"bench/{key}",
        enabled=True,
        version=1,
        variants={name: _payload(name) for name in _WEIGHTS},
        off="v1",
        default="v1",
        rules=(_rule("germans", "DE", "AT"), _rule("others", "FR", "PT")),
    )


def _payload(name: str) -> Json:
    return {"provider": "local", "name": f"model-{name}", "params": {"temperature": 0.5, "top_k": 40}}


def _rule(rule: str, *countries: str) -> Rule:
    conditions = (
        Condition(attribute="country", operator=Operator.IN, values=countries),
        Condition(attribute="age", operator=Operator.NUMBER_GE, values=(18,)),
    )
    return Rule(id=rule, conditions=conditions, split=split_of(_WEIGHTS))
