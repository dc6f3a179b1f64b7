"""Signed bundles: written here, believed there only if nothing about them is wrong."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import main
from flags import queries, service
from flags.bundles import make_key, signer_of, spelled, write_bundle
from flags.model import FlagAt
from flags.publisher import compile_ruleset
from pointsman import Client, ConfigurationError
from pointsman.core.codec import decode
from pointsman.core.evaluation import Evaluation
from pointsman.core.references import unit_sets_of
from pointsman.core.unit_sets import read_units
from runtime.database import Database
from runtime.errors import Invalid
from runtime.settings import Settings
from tests.flags.code.rich import rich, version_of
from tests.flags.making import ANNA, actions
from tests.platform import ROOT, migrate

NOW = datetime.now(UTC)
GREETING = FlagAt("demo", "prod", "greeting")


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, str]:
    """The private key's file, and the public key."""
    path = tmp_path / "keys" / "bundle.key"
    return path, make_key(path)


def written(database: Database, keys: tuple[Path, str], *, expires_at: datetime | None = None) -> Path:
    with database.session() as session:
        rich(session)
        service.set_enabled(
            session, ANNA, GREETING, enabled=True, expected_version=version_of(session, GREETING)
        )
        body = write_bundle(session, ANNA, "demo", "prod", signer_of(keys[0]), now=NOW, expires_at=expires_at)
    path = keys[0].parent / "prod.bundle"
    path.write_bytes(body)
    return path


def test_a_client_of_a_bundle_answers_as_the_ruleset_does(
    sqlite_database: Database, keys: tuple[Path, str]
) -> None:
    path = written(sqlite_database, keys)
    with sqlite_database.reading() as session:
        at = queries.get_environment(session, "demo", "prod")
        ruleset = decode(compile_ruleset(session, at.id).body)
        bodies = queries.unit_sets_in(session, at.id, unit_sets_of(ruleset))
    evaluation = Evaluation(
        ruleset, {digest: read_units(body) for digest, body in bodies.items()}, now=lambda: 0
    )

    with Client.from_bundle(path, public_key=keys[1]) as client:
        context = {"country": "DE", "age": 20}
        got = [client.variant("imported", unit=f"u{n}", context=context) for n in range(500)]
        wanted = [evaluation.choose("imported", f"u{n}", context, None) for n in range(500)]
        variants = {each.variant for each in got}

    assert got == wanted
    assert variants == {"c"}
    assert client.variant("greeting", unit="a").value is False
    assert client.variant("ranker", unit="ada").error is None


def test_nothing_of_it_uses_the_network_or_a_thread(
    sqlite_database: Database, keys: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(sqlite_database, keys)
    before = threading.active_count()

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refused)

    with Client.from_bundle(path, public_key=keys[1]) as client:
        client.expose(client.variant("greeting", unit="a"))
        client.record("click", unit="a")
        assert client.wait_until_ready(0)
        assert client.flush(0)
        assert threading.active_count() == before
        assert client.stats().dropped["offline"] == 2
        assert client.stats().queued == 0


def test_a_bundle_of_another_key_is_refused(sqlite_database: Database, keys: tuple[Path, str]) -> None:
    path = written(sqlite_database, keys)
    other = make_key(keys[0].parent / "other.key")

    with pytest.raises(ConfigurationError, match="not signed by this key"):
        Client.from_bundle(path, public_key=other)

    assert Client.from_bundle(path, public_key=[other, keys[1]]).wait_until_ready(0)


def test_every_single_changed_byte_and_every_cut_is_refused(
    sqlite_database: Database, keys: tuple[Path, str]
) -> None:
    path = written(sqlite_database, keys)
    whole = path.read_bytes()
    places = [*range(0, len(whole), 37), len(whole) - 1]

    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1
        refuse(path, bytes(changed), keys[1])
        refuse(path, whole[:place], keys[1])
    refuse(path, whole + b"\n", keys[1])
    refuse(path, b"", keys[1])


def refuse(path: Path, content: bytes, key: str) -> None:
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as error:
        Client.from_bundle(path, public_key=key)
    assert error.value.field == "bundle"


def test_what_is_signed_but_makes_no_sense_is_refused(
    sqlite_database: Database, keys: tuple[Path, str]
) -> None:
    path = written(sqlite_database, keys)
    magic, _, signed = path.read_bytes().split(b"\n", 2)
    head, _, body = signed.partition(b"\n")
    plain = json.loads(head)
    sign = signer_of(keys[0])
    for wrong in (
        {**plain, "more": 1},
        {**plain, "units": []},
        {**plain, "ruleset": [10**30, plain["ruleset"][1]]},
        {**plain, "created_at": "now"},
        {**plain, "units": 7},
    ):
        resigned = magic + b"\n" + json.dumps(wrong).encode() + b"\n" + body
        content = magic + b"\n" + sign(resigned).hex().encode() + resigned.removeprefix(magic)
        refuse(path, content, keys[1])


def test_an_expired_bundle_is_refused(sqlite_database: Database, keys: tuple[Path, str]) -> None:
    with sqlite_database.session() as session:
        rich(session)
        body = write_bundle(
            session,
            ANNA,
            "demo",
            "prod",
            signer_of(keys[0]),
            now=NOW - timedelta(days=2),
            expires_at=NOW - timedelta(days=1),
        )
    path = keys[0].parent / "old.bundle"
    path.write_bytes(body)

    with pytest.raises(ConfigurationError, match="expired"):
        Client.from_bundle(path, public_key=keys[1])


def test_a_bundle_that_would_be_expired_is_not_written(
    sqlite_database: Database, keys: tuple[Path, str]
) -> None:
    with pytest.raises(Invalid, match="expires_at"):
        written(sqlite_database, keys, expires_at=NOW)


@pytest.mark.parametrize("key", ["", "pbk_", "pbk_!!", "x" * 47, None, 7, [], b"pbk_"])
def test_what_is_no_public_key_is_named(
    sqlite_database: Database, keys: tuple[Path, str], key: object
) -> None:
    path = written(sqlite_database, keys)

    with pytest.raises(ConfigurationError) as error:
        Client.from_bundle(path, public_key=key)  # type: ignore[arg-type]

    assert error.value.field == "public_key"


def test_a_path_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", "a\0b", 7):
        with pytest.raises(ConfigurationError, match="bundle"):
            Client.from_bundle(path, public_key=spelled(bytes(32)))  # type: ignore[arg-type]


def test_without_cryptography_it_says_what_to_install(
    sqlite_database: Database, keys: tuple[Path, str]
) -> None:
    path = written(sqlite_database, keys)
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from pointsman import Client\n"
        f"Client.from_bundle({str(path)!r}, public_key={keys[1]!r})"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'sdk/src'}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "install pointsman[bundle]" in ran.stderr


def test_writing_a_bundle_is_audited(sqlite_database: Database, keys: tuple[Path, str]) -> None:
    written(sqlite_database, keys)

    with sqlite_database.reading() as session:
        assert actions(session)[-1] == "bundle.write"


def test_a_key_is_never_overwritten_and_only_its_owner_reads_it(keys: tuple[Path, str]) -> None:
    assert keys[0].stat().st_mode & 0o777 == 0o600
    with pytest.raises(Invalid, match="there already"):
        make_key(keys[0])


def test_what_is_no_private_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.key"
    path.write_text("no key")

    for each in (path, tmp_path / "none"):
        with pytest.raises(Invalid, match="bundle-keygen"):
            signer_of(each)


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A migrated one with the project `demo`."""
    monkeypatch.setenv("POINTSMAN_DATA", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    settings = Settings(data_dir=tmp_path)
    migrate(settings)
    database = Database(settings.database_url)
    with database.session() as session:
        rich(session)
    yield
    database.close()


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=stdin)


@pytest.mark.usefixtures("installation")
def test_the_commands_make_a_key_and_a_bundle_that_a_client_takes(tmp_path: Path) -> None:
    out = tmp_path / "prod.bundle"

    public = run("bundle-keygen").output.strip()
    result = run("bundle", "-p", "demo", "-e", "prod", "--out", str(out), "--days", "30")

    assert result.exit_code == 0, result.output
    assert Client.from_bundle(out, public_key=public).stats().ready
    assert run("bundle", "-p", "demo", "-e", "none", "--out", str(out)).exit_code == 1
    assert run("bundle-keygen").exit_code == 1
    assert sorted(each.name for each in tmp_path.glob("*.bundle*")) == ["prod.bundle"]


@pytest.mark.usefixtures("installation")
def test_export_plan_and_apply_from_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "flags.yaml"
    file.write_text(run("export", "-p", "demo").output)

    assert run("plan", str(file)).exit_code == 0
    file.write_text(file.read_text().replace("owner: ada", "owner: grace"))
    planned = run("plan", str(file))
    assert (planned.exit_code, "~ owner: ada -> grace" in planned.output) == (2, True)
    assert run("apply", str(file), stdin="n\n").exit_code == 1
    assert run("plan", str(file)).exit_code == 2
    assert run("apply", str(file), stdin="y\n").exit_code == 0
    assert run("plan", "-", stdin=file.read_text()).exit_code == 0
    file.write_text(file.read_text().replace("owner: grace", "owner: bob"))
    assert run("apply", str(file), "--yes", "--expect", "0" * 16).exit_code == 1
    assert run("apply", str(file), "--yes").output.endswith("Applied.\n")
    file.write_text("a: &b [*b]")
    assert run("plan", str(file)).exit_code == 1
