"""The last good ruleset on disk: whole or not at all, and never in the way."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pointsman.address import parse_address
from pointsman.core.codec import encode
from pointsman.ruleset_file import RulesetFile
from pointsman.shelf import Shelf
from tests.sdk.conftest import Connect
from tests.sdk.servers import RULESET, WITHIN_S, Server

ADDRESS = parse_address("http://127.0.0.1:8000")
BODY = encode(RULESET)


@pytest.fixture
def file(tmp_path: Path) -> RulesetFile:
    return RulesetFile(tmp_path / "deep" / "cache", ADDRESS, "sdk-key", 1_000_000, Shelf(None, limit=1))


def test_what_was_saved_is_loaded(file: RulesetFile) -> None:
    file.save(BODY, '"7"')

    held = file.load()

    assert held is not None
    assert (held.ruleset, held.etag, file.errors) == (RULESET, '"7"', 0)


def test_the_file_is_its_owners_alone_and_nothing_lies_beside_it(file: RulesetFile) -> None:
    file.save(BODY, '"7"')
    file.save(BODY, '"8"')

    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert list(file.path.parent.iterdir()) == [file.path]


def test_no_file_is_no_error(file: RulesetFile) -> None:
    assert file.load() is None
    assert file.errors == 0


def test_each_address_and_key_has_a_file_that_does_not_tell_the_key(tmp_path: Path) -> None:
    other = parse_address("http://127.0.0.1:8001")

    paths = {
        RulesetFile(tmp_path, address, key, 1, Shelf(None, limit=1)).path
        for address in (ADDRESS, other)
        for key in ("one", "two")
    }

    assert len(paths) == 4
    assert not any("one" in path.name or "two" in path.name for path in paths)


def replaced_by(make: Callable[[Path], None]) -> Callable[[Path], object]:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "flipped": lambda path: path.write_bytes(path.read_bytes().replace(b"50000", b"50001")),
    "foreign": lambda path: path.write_bytes(b"\x00" * 100),
    "oversize": lambda path: path.write_bytes(path.read_bytes() + b" " * 2_000_000),
    "directory": replaced_by(Path.mkdir),
    "link": lambda path: path.symlink_to(path.rename(path.with_suffix(".real"))),
    "pipe": replaced_by(os.mkfifo),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_file_that_is_not_whole_or_not_ours_is_ignored_and_counted(file: RulesetFile, name: str) -> None:
    file.save(BODY, '"7"')
    DAMAGE[name](file.path)

    assert file.load() is None
    assert file.errors == 1
    assert file.problem is not None
    assert str(file.path) in file.problem


def test_a_directory_that_cannot_be_made_is_counted_and_survived(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    file = RulesetFile(tmp_path / "file" / "cache", ADDRESS, "sdk-key", 1_000_000, Shelf(None, limit=1))

    file.save(BODY, '"7"')

    assert file.errors == 1


def test_a_save_that_fails_leaves_the_old_file_and_no_litter(
    file: RulesetFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    file.save(BODY, '"7"')
    monkeypatch.setattr(os, "fsync", full)

    file.save(BODY, '"8"')

    held = file.load()
    assert held is not None
    assert held.etag == '"7"'
    assert list(file.path.parent.iterdir()) == [file.path]


def test_a_client_whose_file_is_damaged_starts_from_the_server(
    server: Server, connect: Connect, tmp_path: Path
) -> None:
    first = connect()
    first.wait_until_ready(WITHIN_S)
    first.close(WITHIN_S)
    [kept] = (tmp_path / "cache").iterdir()
    kept.write_bytes(b"damaged")

    second = connect()

    assert not second.stats().ready
    assert second.stats().cache_errors == 1
    assert second.wait_until_ready(WITHIN_S)
