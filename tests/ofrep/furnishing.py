"""A project whose flags are one of every kind, for clients of the protocol."""

from dataclasses import dataclass

from flags import service
from flags.model import FlagAt, KeyKind, NewFlag, Targeting
from pointsman.core.model import Json, Kind
from runtime.database import Database
from tests.flags.making import ANNA, GERMANS, project, split, targeting

MODEL: Json = {"provider": "acme", "model": "large", "params": {"temperature": 0.5}}

KINDS: dict[str, tuple[Kind, dict[str, Json]]] = {
    "toggle": (Kind.BOOLEAN, {"on": True, "off": False}),
    "theme": (Kind.STRING, {"blue": "blue", "green": "grün 🌲"}),
    "whole": (Kind.NUMBER, {"one": 1, "seven": 7}),
    "share": (Kind.NUMBER, {"all": 1, "half": 0.5}),
    "layout": (Kind.JSON, {"wide": {"columns": 3, "note": None}, "list": [1, "two"]}),
    "nothing": (Kind.JSON, {"null": None, "empty": {}}),
    "ranker": (Kind.MODEL, {"v1": {"model": "small"}, "v2": MODEL}),
    "asleep": (Kind.STRING, {"dark": "dark", "bright": "bright"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What opens the furnished environment."""

    server: str
    client: str


def furnish(database: Database) -> Keys:
    """Every flag is on and serves its first variant, but `ranker` (a rule for Germans) and `asleep` (off)."""
    with database.session() as session:
        project(session)
        for key, (kind, variants) in KINDS.items():
            service.create_flag(session, ANNA, "demo", NewFlag(key=key, kind=kind, variants=variants))
            if key != "asleep":
                at = FlagAt("demo", "prod", key)
                service.set_enabled(session, ANNA, at, enabled=True, expected_version=1)
        rules = (split(0, 100, conditions=(GERMANS,)), split(50, 50))
        at = FlagAt("demo", "prod", "ranker")
        service.set_targeting(session, ANNA, at, targeting(*rules), expected_version=2)
        dark = Targeting(rules=(), default="dark", off="bright")
        service.set_targeting(session, ANNA, FlagAt("demo", "prod", "asleep"), dark, expected_version=1)
        made = {
            kind: service.create_sdk_key(session, ANNA, "demo", "prod", name=kind.value, kind=kind).secret
            for kind in KeyKind
        }
    return Keys(server=made[KeyKind.SERVER], client=made[KeyKind.CLIENT])
