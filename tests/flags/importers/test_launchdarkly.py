"""LaunchDarkly's flags, imported, give every unit what LaunchDarkly's own server SDK gives it."""

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ldclient import Context as TheirContext
from ldclient.client import LDClient
from ldclient.config import Config
from ldclient.integrations import Files

from flags.importers import launchdarkly
from flags.importers.model import Import, Options, Outcome
from pointsman.core.model import Json
from tests.flags.importers.trial import Context, evaluation_of, moved

UNITS = 100_000
SINCE = ("2024-01-31T10:00:00Z", "2026-02-01T00:00:00.5+02:00", 1735689600000, "x")


def units(seed: int, count: int) -> Iterator[tuple[str, Context]]:
    """Users with attributes of the shapes the clauses below ask for."""
    chance = random.Random(seed)
    for number in range(count):
        unit = chance.choice((f"user-{number % 5_000}", f"{chance.getrandbits(64):x}", f"ü-{number}-日本"))
        context: dict[str, object] = {
            "key": unit,
            "country": chance.choice(("DE", "AT", "FR", "")),
            "age": chance.choice((0, 17, 18, 18.5, 65, "18", True)),
            "groups": chance.choice(([], ["beta"], ["beta", "staff"], ["x", 1], "beta")),
            "company": chance.choice((f"c{number % 997}", number, 7, "")),
            "address": {"city": chance.choice(("Bonn", "Wien", "Nancy"))},
            "version": chance.choice(("1.9.9", "2.0.0-rc.1", "2.0.0", "2.10.0+b", "x")),
            "since": chance.choice(
                ("2024-01-31T10:00:00Z", "2026-02-01T00:00:00.5+02:00", 1735689600000, "x")
            ),
        }
        for name in chance.sample(sorted(context.keys() - {"key"}), chance.randrange(3)):
            del context[name]
        yield unit, context


def flag_of(key: str, **parts: Any) -> dict[str, Any]:
    """A flag of three values as SDKs receive it."""
    usual = {
        "key": key,
        "version": 1,
        "on": True,
        "salt": f"salt-of-{key}",
        "variations": ["a", "b", "c"],
        "offVariation": 2,
        "fallthrough": {"variation": 0},
        "targets": [],
        "rules": [],
        "prerequisites": [],
    }
    return {**usual, **parts}


def rollout(*weights: int, **parts: Any) -> dict[str, Any]:
    """A rollout over the variations in order."""
    shares = [{"variation": index % 3, "weight": weight} for index, weight in enumerate(weights)]
    return {"rollout": {"variations": shares, **parts}}


def rule(*clauses: dict[str, Any], **serves: Any) -> dict[str, Any]:
    """A rule with these clauses."""
    return {"id": "r", "clauses": list(clauses), **(serves or {"variation": 1})}


def clause(attribute: str, op: str, *values: Any, **parts: Any) -> dict[str, Any]:
    """A clause."""
    return {"attribute": attribute, "op": op, "values": list(values), "negate": False, **parts}


def document(*flags: dict[str, Any], segments: tuple[dict[str, Any], ...] = ()) -> Any:
    """The flags and segments by key."""
    return {
        "flags": {each["key"]: each for each in flags},
        "segments": {each["key"]: {"version": 1, "salt": "s", **each} for each in segments},
    }


def read(found: Any, *, partial: bool = False) -> Import:
    """The document, imported."""
    return launchdarkly.mapped(found, Options(partial=partial))


def differences(document: Any, tmp_path: Path, counts: dict[str, int]) -> list[Any]:
    """Users whom the import of the flags would move."""
    path = tmp_path / "flags.json"
    path.write_text(json.dumps(document))
    source = Files.new_data_source(paths=[str(path)])
    client = LDClient(Config("sdk-key", update_processor_class=source, send_events=False), start_wait=5)
    ours = evaluation_of(read(document))
    try:
        found = []
        for key, count in counts.items():
            theirs = partial(_theirs, client, key)
            found += moved(ours, key, theirs, units(count, count), varied=False)
        return found
    finally:
        client.close()  # type: ignore[no-untyped-call]


def _theirs(client: LDClient, key: str, _: str, context: Context) -> Json:
    value: Json = client.variation(key, TheirContext.from_dict({"kind": "user", **context}), "failed")
    return value


def test_rollouts_move_none_of_100_000_units(tmp_path: Path) -> None:
    seeded = rollout(50_000, 50_000, kind="experiment", seed=61, bucketBy="company")
    by_city = rollout(40_000, 60_000, bucketBy="/address/city", contextKind="user")
    found = document(
        flag_of("rollout", fallthrough=rollout(33_333, 33_334, 33_333)),
        flag_of("short", fallthrough=rollout(10_000, 20_000, 5_000, 1)),
        flag_of("seeded", fallthrough=seeded),
        flag_of("by-company", fallthrough=rollout(40_000, 30_000, 30_000, bucketBy="company")),
        flag_of("by-city", fallthrough=by_city),
    )

    assert differences(found, tmp_path, dict.fromkeys(found["flags"], UNITS // 5)) == []


def test_targets_and_prerequisites_move_none_of_100_000_units(tmp_path: Path) -> None:
    targets = [
        {"variation": 1, "values": [f"user-{n}" for n in range(0, 1_000, 3)]},
        {"variation": 2, "values": [f"user-{n}" for n in range(0, 1_000, 2)]},
    ]
    contexts = [
        {"contextKind": "user", "variation": 2, "values": []},
        {"contextKind": "user", "variation": 1, "values": []},
    ]
    found = document(
        flag_of(
            "child", prerequisites=[{"key": "parent", "variation": 1}], fallthrough=rollout(50_000, 50_000)
        ),
        flag_of("parent", targets=targets, contextTargets=contexts, fallthrough=rollout(30_000, 70_000)),
        flag_of("orphan", prerequisites=[{"key": "off", "variation": 2}]),
        flag_of("lost", prerequisites=[{"key": "nowhere", "variation": 0}]),
        flag_of("off", on=False),
    )

    assert differences(found, tmp_path, dict.fromkeys(found["flags"], UNITS // 5)) == []


FRENCH = clause("country", "in", "FR")
CLAUSES = (
    clause("country", "in", "DE", "AT"),
    clause("groups", "in", "beta", 1),
    clause("age", "in", 18, 1),
    clause("key", "in", "user-1", "user-2", "user-77"),
    clause("country", "startsWith", "D"),
    clause("country", "endsWith", "T", "R"),
    clause("country", "contains", "E"),
    clause("country", "matches", "^(DE|FR)$"),
    *(clause("age", op, 18) for op in ("lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual")),
    clause("since", "before", "2025-06-01T00:00:00Z"),
    clause("since", "after", 1735689599999),
    *(clause("version", op, "2") for op in ("semVerEqual", "semVerLessThan", "semVerGreaterThan")),
    clause("/address/city", "in", "Bonn", contextKind="user"),
    clause("kind", "in", "user"),
    clause("country", "unheardOf", "x"),
    clause("", "segmentMatch", "testers"),
    clause("", "segmentMatch", "wide", "testers"),
)
SEGMENTS = (
    {
        "key": "wide",
        "included": [],
        "excluded": [],
        "rules": [
            {"clauses": [clause("", "segmentMatch", "testers")]},
            {"clauses": [clause("age", "in", 65)]},
        ],
    },
    {
        "key": "testers",
        "included": [f"user-{n}" for n in range(500)],
        "excluded": [f"user-{n}" for n in range(400, 900)],
        "rules": [{"clauses": [clause("country", "in", "DE"), clause("age", "greaterThan", 17)]}],
    },
)


def test_clauses_and_segments_move_none_of_100_000_units(tmp_path: Path) -> None:
    asked = [each for one in CLAUSES for each in (one, {**one, "negate": True})]
    flags = [
        flag_of(
            f"c{index}", rules=[rule(each), rule(clause("country", "in", "FR"), **rollout(20_000, 80_000))]
        )
        for index, each in enumerate(asked)
    ]
    found = document(*flags, segments=SEGMENTS)

    assert len(read(found).flags) == len(flags)
    assert differences(found, tmp_path, dict.fromkeys(found["flags"], UNITS // len(flags) + 1)) == []


@pytest.mark.parametrize(
    ("flag", "place"),
    [
        (flag_of("f", rules=[rule(clause("key", "in", "x", contextKind="org"))]), "rules.0.clauses.0"),
        (flag_of("f", rules=[rule(clause("", "segmentMatch", "nowhere"))]), "rules.0.clauses.0"),
        (flag_of("f", fallthrough=rollout(1, 99_999, contextKind="org")), "fallthrough.rollout.contextKind"),
        (flag_of("f", offVariation=None), "flag.offVariation"),
        (flag_of("f", contextTargets=[{"contextKind": "org", "variation": 1}]), "contextTargets"),
    ],
)
def test_a_flag_with_what_cannot_be_carried_is_left_out_and_says_why(flag: Any, place: str) -> None:
    found = read(document(flag))

    assert found.flags == ()
    assert [(each.outcome, each.place) for each in found.findings] == [(Outcome.LEFT_OUT, place)]


def test_a_segment_of_a_share_of_units_takes_its_flags_along() -> None:
    share = {"key": "share", "rules": [{"clauses": [], "weight": 5_000}]}
    flag = flag_of("f", rules=[rule(clause("", "segmentMatch", "share"))])

    found = read(document(flag, segments=(share,)))

    assert [each.subject for each in found.findings if each.outcome is Outcome.LEFT_OUT] == [
        "segment share",
        "f",
    ]
