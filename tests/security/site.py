"""A furnished platform as an attacker sees it: real addresses, live secrets, and plain HTTP."""

import json
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3

from experiments.events import storage
from experiments.metrics import mean, proportion
from flags import service as flag_service
from flags.changes.model import Proposal
from flags.guards import By
from flags.model import FlagAt, SegmentDraft
from flags.service.drafting import create_change
from runtime.accounts import service as accounts
from runtime.actors import SYSTEM
from runtime.database import Database
from tests.flows.making import running_experiment

ADA: Final = "ada@example.org"
PASSWORD: Final = "correct horse battery"
PATIENCE_S: Final = 30.0
METRICS: Final = (proportion("click"), mean("latency"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What lets programs and a person in."""

    sdk_key: str
    api_token: str
    session: str


def furnish(database: Database) -> Secrets:
    """A project with a flag, a running experiment, an SDK key, an API token, and Ada signed in."""
    running = running_experiment(database, "ranker", ("v1", "v2"), METRICS)
    now = datetime.now(UTC)
    with database.session() as session:
        accounts.ensure_person(session, SYSTEM, ADA, now=now)
        accounts.set_password(session, SYSTEM, ADA, PASSWORD)
        flag_service.create_segment(session, By(SYSTEM), "demo", "prod", SegmentDraft(key="staff"))
        flag_service.create_layer(session, By(SYSTEM), "demo", "prod", "checkout")
        draft = Proposal(enabled=False)
        create_change(session, By(SYSTEM, "a draft"), FlagAt("demo", "prod", "ranker"), draft)
        accounts.create_api_token(session, SYSTEM, "spare", now=now)  # For whoever revokes one.
        return Secrets(
            sdk_key=running.sdk_key,
            api_token=accounts.create_api_token(session, SYSTEM, "tests", now=now),
            session=accounts.open_session(session, ADA, now=now),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error, in the one shape of every error; AssertionError if it has another."""
        found = self.json
        assert set(found) == {"error"}, found
        error: dict[str, Any] = found["error"]
        assert isinstance(error["code"], str)
        assert isinstance(error["message"], str)
        assert error["message"]
        return error


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running platform."""

    base_url: str
    database: Database
    secrets: Secrets
    pool: urllib3.HTTPConnectionPool

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One well-formed HTTP request, with underscores of header names as hyphens; never retried.

        On a connection of its own: a server that refuses a body unread may hang up afterwards.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()} | {"Connection": "close"}
        found = self.pool.urlopen(method, path, body=body, headers=named, redirect=False, retries=False)
        return Answer(
            status=found.status,
            headers={name.lower(): value for name, value in found.headers.items()},
            body=found.data,
        )

    def post_events(self, body: Any, **headers: str) -> Answer:
        """Hand in a body as a program with a live key would."""
        return self.send(
            "POST", "/v1/events", body, **({"Authorization": f"Bearer {self.secrets.sdk_key}"} | headers)
        )

    def call_api(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Ask the admin API with a live token."""
        usual = {"Authorization": f"Bearer {self.secrets.api_token}", "Content-Type": "application/json"}
        return self.send(method, f"/api/v1{path}", body, **(usual | headers))

    def raw(self, request: bytes, *, hang_up: bool = False) -> bytes:
        """Whatever the server says to these very bytes until it closes the connection; b"": it just closed.

        ``hang_up`` tells the server that nothing will follow, for requests it would wait to see the end of.
        """
        address = urlsplit(self.base_url)
        received = b""
        with socket.create_connection((address.hostname or "", address.port or 0), PATIENCE_S) as wire:
            try:
                wire.sendall(request)
                if hang_up:
                    wire.shutdown(socket.SHUT_WR)
                while chunk := wire.recv(65_536):
                    received += chunk
            except TimeoutError:
                raise AssertionError("the server neither answers nor hangs up") from None
            except OSError:
                pass  # It hung up on us while we were still talking, which is an answer too.
        return received

    def stored(self) -> dict[str, Any]:
        """Everything an attacker would like to change: the ruleset, the flags, the waiting events."""
        with self.database.reading() as session:
            inbox = storage.backlog(session)
        authorization = f"Bearer {self.secrets.sdk_key}"
        ruleset = self.send("GET", "/v1/ruleset", Authorization=authorization)
        flags = self.call_api("GET", "/projects/demo/flags")
        experiments = self.call_api("GET", "/projects/demo/environments/prod/experiments")
        projects = self.call_api("GET", "/projects")
        assert {each.status for each in (ruleset, flags, experiments, projects)} == {200}
        return {
            "ruleset": ruleset.json,
            "flags": flags.json,
            "experiments": experiments.json,
            "projects": projects.json,
            "events": (inbox.batches, inbox.events),
        }
