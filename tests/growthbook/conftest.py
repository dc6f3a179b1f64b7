"""A running server whose environment GrowthBook's SDKs may read, and what it means, once for the folder."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from flags import service
from flags.model import KeyKind
from pointsman.core.codec import decode
from pointsman.core.evaluation import Evaluation
from runtime.database import Database
from tests.flags.making import ANNA
from tests.growthbook.furnishing import FLAGS, contexts, furnish, switch
from tests.platform import Platform, opened, platform

UNITS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running installation."""

    platform: Platform
    database: Database
    key: str
    """A client key of `demo/prod`."""
    server_key: str

    @property
    def url(self) -> str:
        """For clients."""
        return self.platform.settings.base_url

    def switch(self, *, enabled: bool) -> None:
        """Switch the flag `switched`: red while on, blue while off."""
        with self.database.session() as session:
            switch(session, enabled=enabled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Contexts, where they lie as JSON, and the value each flag serves to each of them."""

    contexts: list[dict[str, Any]]
    file: Path
    served: dict[str, list[object]]


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Real processes on an SQLite file."""
    with platform(tmp_path_factory.mktemp("growthbook")) as running:
        running.settings = replace(running.settings, growthbook=frozenset({"demo/prod"}))
        with opened(running.settings) as database:
            with database.session() as session:
                furnish(session)
                keys = {
                    kind: service.create_sdk_key(session, ANNA, "demo", "prod", name="sdk", kind=kind).secret
                    for kind in KeyKind
                }
            running.start("web", "stream")
            running.wait_until_ready()
            yield Site(
                platform=running,
                database=database,
                key=keys[KeyKind.CLIENT],
                server_key=keys[KeyKind.SERVER],
            )


@pytest.fixture(scope="package")
def asked(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """100,000 units, and what our own evaluation of the downloaded ruleset serves them."""
    request = urllib.request.Request(
        f"{site.url}/v1/ruleset", headers={"Authorization": f"Bearer {site.server_key}"}
    )
    with urllib.request.urlopen(request) as answer:
        ours = Evaluation(decode(answer.read()))
    found = contexts(UNITS)
    file = tmp_path_factory.mktemp("contexts") / "contexts.json"
    file.write_text(json.dumps(found))
    served = {
        flag: [ours.choose(flag, context["id"], context, None).value for context in found] for flag in FLAGS
    }
    assert all(len(set(map(str, values))) > 1 for values in served.values())
    return Asked(contexts=found, file=file, served=served)
