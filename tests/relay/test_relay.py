"""A relay in real processes: what it serves, and what outages and kill -9 cost (nothing)."""

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import urllib3
from sqlalchemy.orm import Session

from experiments.events.storage import backlog
from experiments.metrics import proportion
from flags import queries, service
from flags.guards import By
from flags.model import FlagAt, NewFlag, RuleDraft, SegmentDraft, Targeting
from flags.service import Exposed
from pointsman import Client, Options
from pointsman.core.bucketing import bucket
from pointsman.core.model import Kind
from pointsman.core.splits import owner
from runtime.database import Database
from tests.flows.making import ANNA, running_experiment
from tests.platform import Platform, opened, platform, wait_until
from tests.relay.running import CLIENT_KEY, SERVER_KEY, Relay, batch, relay

pytestmark = pytest.mark.faults
BY = By(ANNA, "a test")
AT = FlagAt("demo", "prod", "f")


@pytest.fixture
def above(tmp_path: Path) -> Iterator[tuple[Platform, Database, str]]:
    """A server that runs, its database, and an SDK key."""
    (tmp_path / "above").mkdir()
    with platform(tmp_path / "above") as running, opened(running.settings) as database:
        key = running_experiment(database, "f", ("v1", "v2"), (proportion("click"),)).sdk_key
        with database.session() as session:
            service.create_segment(
                session, BY, "demo", "prod", SegmentDraft(key="staff", included=("ada", "grace"))
            )
        running.start("web")
        running.wait_until_ready()
        yield running, database, key


@pytest.fixture
def relayed(tmp_path: Path, above: tuple[Platform, Database, str]) -> Iterator[Relay]:
    running, _, key = above
    with relay(tmp_path / "relay", running.settings.base_url, key) as made:
        made.start()
        wait_until(lambda: made.revision() is not None, "a first copy")
        yield made


def toggle(database: Database, enabled: bool) -> int:
    """Switch the flag; the revision after it."""
    with database.session() as session:
        version = queries.get_state(session, AT).version
        service.set_enabled(session, BY, AT, enabled=enabled, expected_version=version)
        return queries.get_environment(session, "demo", "prod").revision


def test_it_serves_what_the_server_serves(above: tuple[Platform, Database, str], relayed: Relay) -> None:
    running, _, key = above
    headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}
    theirs = urllib3.request("GET", f"{running.settings.base_url}/v1/ruleset", headers=headers)

    ours = relayed.ask("GET", "/v1/ruleset", headers={"Accept-Encoding": "identity"})

    assert (ours.status, ours.data, ours.headers["ETag"]) == (200, theirs.data, theirs.headers["ETag"])
    again = relayed.ask("GET", "/v1/ruleset", headers={"If-None-Match": ours.headers["ETag"]})
    assert again.status == 304
    packed = relayed.ask("GET", "/v1/ruleset", headers={"Accept-Encoding": "gzip"}, decode_content=False)
    assert packed.data == ours.data or gzip.decompress(packed.data) == ours.data
    (digest,) = json.loads(ours.data)["segments"]["staff"]["included"]
    mine = relayed.ask("GET", f"/v1/units/{digest}")
    same = urllib3.request("GET", f"{running.settings.base_url}/v1/units/{digest}", headers=headers)
    assert (mine.status, mine.data) == (200, same.data)
    assert relayed.ask("GET", f"/v1/units/{'0' * 64}").status == 404


def test_ofrep_and_key_kinds(relayed: Relay) -> None:
    body = json.dumps({"context": {"targetingKey": "ada"}}).encode()
    json_type = {"Content-Type": "application/json"}

    for key in (SERVER_KEY, CLIENT_KEY):
        single = relayed.ask("POST", "/ofrep/v1/evaluate/flags/f", key, body=body, headers=json_type)
        assert (single.status, single.json()["variant"] in {"v1", "v2"}) == (200, True)
        bulk = relayed.ask("POST", "/ofrep/v1/evaluate/flags", key, body=body, headers=json_type)
        assert [each["key"] for each in bulk.json()["flags"]] == ["f"]
    assert "rules" not in relayed.ask("GET", "/v1/ruleset", CLIENT_KEY).data.decode()
    assert relayed.ask("GET", f"/v1/units/{'0' * 64}", CLIENT_KEY).status == 403
    for stranger in (None, "nobody-at-all-000"):
        assert relayed.ask("GET", "/v1/ruleset", stranger).status == 401
        assert relayed.ask("POST", "/v1/events", stranger, body=batch(1)).status == 401
        assert relayed.ask("POST", "/ofrep/v1/evaluate/flags", stranger, body=body).status == 401
        assert relayed.ask("GET", "/v1/stream", stranger).status == 401
    assert relayed.ask("GET", "/nothing").status == 404
    assert relayed.ask("DELETE", "/v1/ruleset").status == 405


def test_of_units_that_only_the_server_knows_it_says_so(
    above: tuple[Platform, Database, str], relayed: Relay
) -> None:
    running, database, key = above
    units = [f"u{n}" for n in range(40)]
    revision = more_kept_than_handed_out(database, units)
    wait_until(lambda: relayed.revision() == revision, "the new split at the relay")
    json_type = {"Content-Type": "application/json"}
    path = "/ofrep/v1/evaluate/flags/kept"

    bodies = [json.dumps({"context": {"targetingKey": unit}}).encode() for unit in units]
    below = [relayed.ask("POST", path, body=body, headers=json_type) for body in bodies]
    bearer = {"Authorization": f"Bearer {key}"}
    url = running.settings.base_url + path
    server = [urllib3.request("POST", url, body=body, headers=json_type | bearer) for body in bodies]

    unsure = [answer.json() for answer in below if answer.status != 200]
    assert unsure
    assert all("ask it, not a relay" in each["errorDetails"] for each in unsure)
    assert {answer.status for answer in server} == {200}
    assert all(
        ours.json()["variant"] == theirs.json()["variant"]
        for ours, theirs in zip(below, server, strict=True)
        if ours.status == 200
    )


def more_kept_than_handed_out(database: Database, units: list[str]) -> int:
    """A sticky flag, re-weighted after these units were enrolled, without a filter; the revision then."""
    at = FlagAt("demo", "prod", "kept")
    with database.session() as session:
        new = NewFlag(key="kept", kind=Kind.STRING, variants={"v1": "a", "v2": "b"}, sticky=True)
        service.create_flag(session, BY, "demo", new)
        service.set_enabled(session, BY, at, enabled=True, expected_version=1)
        for version, weights in ((2, {"v1": 50_000, "v2": 50_000}), (3, {"v1": 10_000, "v2": 90_000})):
            draft = Targeting(rules=(RuleDraft(id="r1", weights=weights),), default="v1", off="v1")
            few = replace(BY, kept_units=5)
            service.set_targeting(session, few, at, draft, expected_version=version)
            if version == 2:
                enrol(session, units)
        return queries.get_environment(session, "demo", "prod").revision


def enrol(session: Session, units: list[str]) -> None:
    """Bring exposures to the store that say what the rule gave these units."""
    environment = queries.get_environment(session, "demo", "prod")
    split = queries.get_state(session, FlagAt("demo", "prod", "kept")).rules[0].split
    salt = queries.get_flag(session, "demo", "kept").flag.salt
    exposed = [
        Exposed(
            flag="kept",
            unit=unit,
            variant=owner(split, bucket(salt, unit)),
            rule="r1",
            revision=None,
            at=datetime(2026, 11, 21, tzinfo=UTC),
        )
        for unit in units
    ]
    assert service.enrol_exposed(session, "demo", environment.id, exposed) == len(units)


def test_a_change_above_reaches_streams_below(above: tuple[Platform, Database, str], relayed: Relay) -> None:
    _, database, _ = above
    stream = relayed.ask("GET", "/v1/stream", preload_content=False)
    assert stream.headers["Content-Type"].startswith("text/event-stream")

    revision = toggle(database, False)

    seen = b""
    for chunk in stream.stream(64):
        seen += chunk
        if f'{{"revision":{revision}}}'.encode() in seen:
            break
    stream.close()
    assert relayed.revision() == revision


def test_clients_get_rulesets_while_the_server_is_away_and_after_the_relay_was_killed(
    above: tuple[Platform, Database, str], relayed: Relay, tmp_path: Path
) -> None:
    running, database, _ = above
    before = relayed.ask("GET", "/v1/ruleset").data
    running.kill("web")
    assert relayed.ask("GET", "/v1/ruleset").data == before

    relayed.kill()
    relayed.start()

    assert relayed.ask("GET", "/v1/ruleset").data == before
    digest = json.loads(before)["segments"]["staff"]["included"][0]
    assert relayed.ask("GET", f"/v1/units/{digest}").status == 200
    options = Options(poll_interval_s=0.1, cache_dir=None)
    with Client(relayed.url, key=SERVER_KEY, options=options) as client:
        assert client.wait_until_ready(20)
        assert client.variant("f", unit="ada").error is None
    running.start("web")
    running.wait_until_ready()
    revision = toggle(database, False)
    wait_until(lambda: relayed.revision() == revision, "the change, once the server is back")


def test_a_relay_that_never_had_a_copy_says_so(tmp_path: Path) -> None:
    with relay(tmp_path / "alone", "http://127.0.0.1:9", "psk_none") as made:
        made.start()

        answer = made.ask("GET", "/v1/ruleset")

        assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
        assert made.ask("GET", "/v1/stream").status == 503
        ofrep = made.ask("POST", "/ofrep/v1/evaluate/flags", body=b"{}")
        assert (ofrep.status, "errorDetails" in ofrep.json()) == (503, True)
        assert made.ask("GET", "/readyz").status == 503
        assert made.ask("POST", "/v1/events", body=batch(1)).status == 200
        assert made.told()["spool"]["events"] == 3


def test_events_taken_in_during_an_outage_arrive_exactly_once(
    above: tuple[Platform, Database, str], relayed: Relay
) -> None:
    running, database, _ = above
    running.kill("web")
    bodies = [batch(number) for number in range(20)]
    for body in bodies:
        assert relayed.ask("POST", "/v1/events", body=body).json()["accepted"] == 3
    assert relayed.ask("POST", "/v1/events", body=bodies[0]).json()["duplicate"]
    assert relayed.ask("POST", "/v1/events", body=batch(0, 2)).status == 409
    relayed.kill()
    relayed.start()
    assert relayed.told()["spool"]["events"] == 60

    running.start("web")

    wait_until(lambda: relayed.told()["spool"]["batches"] == 0, "an empty spool")
    with database.reading() as session:
        assert backlog(session).events == 60


def test_killing_the_relay_again_and_again_loses_and_doubles_nothing(
    above: tuple[Platform, Database, str], relayed: Relay
) -> None:
    _, database, _ = above
    bodies = {number: gzip.compress(batch(number)) for number in range(150)}
    ended = threading.Event()

    def send() -> None:
        for body in bodies.values():
            while True:
                try:
                    headers = {"Content-Encoding": "gzip"}
                    if relayed.ask("POST", "/v1/events", body=body, headers=headers).status == 200:
                        break
                except urllib3.exceptions.HTTPError:
                    threading.Event().wait(0.05)
        ended.set()

    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(3):
        ended.wait(0.7)
        relayed.kill()
        relayed.start()
    sender.join(120)

    wait_until(lambda: relayed.told()["spool"]["batches"] == 0, "an empty spool")
    with database.reading() as session:
        assert backlog(session).events == 450
    assert relayed.told()["spool"]["refused"] == 0


def test_a_full_spool_says_when_to_come_back(tmp_path: Path) -> None:
    with relay(tmp_path / "small", "http://127.0.0.1:9", "psk_none", spool_mb=1) as made:
        made.start()
        answers = [made.ask("POST", "/v1/events", body=batch(number, 900)) for number in range(15)]

    full = [each for each in answers if each.status == 503]
    assert full
    assert full[0].headers["Retry-After"] == "5"
    assert full[0].json()["error"]["code"] == "spool_full"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 422),
        (b"[]", {}, 422),
        (b'{"batch":"x","events":[]}' * 2, {}, 422),
        (b"x", {"Content-Encoding": "gzip"}, 422),
        (b"{}", {"Content-Encoding": "br"}, 422),
        (gzip.compress(b" " * 6_000_000), {"Content-Encoding": "gzip"}, 413),
        (b" " * 6_000_000, {}, 413),
    ],
)
def test_what_is_no_batch_is_refused_at_once(
    alone: Relay, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert alone.ask("POST", "/v1/events", body=body, headers=headers).status == status
    assert alone.told()["spool"]["batches"] == 0


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """A relay whose server does not answer."""
    with relay(tmp_path_factory.mktemp("alone"), "http://127.0.0.1:9", "psk_none") as made:
        made.start()
        yield made
