"""A relay's parts by themselves: keys, settings, the lock, and what the spool does when things go wrong."""

import shutil
from pathlib import Path

import pytest

from experiments.events.batch import Batch
from flags.model import KeyKind
from relay.keys import read_keys
from relay.lock import held_alone
from relay.settings import RelaySettings
from relay.spool import Reused, Spool, SpoolFull
from runtime.errors import Invalid, Locked, Unauthenticated


def batch(name: str, *, digest: str = "d", size: int = 2) -> Batch:
    return Batch(id=name, digest=digest, size=size, rejected={}, sdk=None, instance=None, dropped={})


def spool(tmp_path: Path, *, most_bytes: int = 10_000) -> Spool:
    return Spool(tmp_path / "spool", most_bytes=most_bytes)


def test_keys_are_read_with_their_kinds(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# ours\nserver aaaaaaaaaaaaaaaaaaaa\n\nclient bbbbbbbbbbbbbbbbbbbb # phones\n")

    keys = read_keys(path)

    assert (keys.find("a" * 20).kind, keys.find("b" * 20).kind) == (KeyKind.SERVER, KeyKind.CLIENT)
    for stranger in (None, "", "c" * 20):
        with pytest.raises(Unauthenticated):
            keys.find(stranger)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "names no key"),
        (b"# only words", "names no key"),
        (b"server short", "line 1"),
        (b"\nadmin aaaaaaaaaaaaaaaaaaaa", "line 2"),
        (b"server aaaaaaaaaaaaaaaaaaaa more", "line 1"),
        (b"\xff", "cannot be read"),
    ],
)
def test_what_is_no_file_of_keys_is_named(tmp_path: Path, text: bytes, problem: str) -> None:
    path = tmp_path / "keys"
    path.write_bytes(text)

    with pytest.raises(Invalid, match=problem):
        read_keys(path)


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("upstream", "flags.example.com", "upstream"),
        ("key", "two words", "key"),
        ("poll_s", 0.0, "poll-interval"),
        ("poll_s", float("nan"), "poll-interval"),
        ("spool_bytes", 0, "spool-mb"),
    ],
)
def test_wrong_settings_name_the_option(tmp_path: Path, name: str, value: object, field: str) -> None:
    right = RelaySettings(
        upstream="https://flags.example.com/x",
        key="psk_1",
        keys_file=tmp_path / "keys",
        data_dir=tmp_path,
        poll_s=2.0,
        spool_bytes=1,
    )
    assert RelaySettings.from_environment(right.to_environment()) == right

    environ = right.to_environment()
    variable = {"poll_s": "POLL_S", "spool_bytes": "SPOOL_BYTES"}.get(name, name.upper())
    with pytest.raises(Invalid) as error:
        RelaySettings.from_environment({**environ, f"POINTSMAN_RELAY_{variable}": str(value)})
    assert error.value.field == field


def test_a_second_relay_on_one_directory_is_refused(tmp_path: Path) -> None:
    held_alone(tmp_path / "data")

    with pytest.raises(Locked, match="another relay"):
        held_alone(tmp_path / "data", patience_s=0.2)


def test_what_was_put_is_there_after_a_restart_in_its_order(tmp_path: Path) -> None:
    first = spool(tmp_path)
    for name in ("b", "a", "c"):
        assert first.put(batch(name), name.encode() * 3, "gzip")
    assert not first.put(batch("a"), b"aaa", "gzip")
    (tmp_path / "spool" / "0000000000000009-x.part").write_bytes(b"half of")

    again = spool(tmp_path)

    found = [again.wait(turn, 0) for turn in range(4)]
    assert [each.id for each in found if each] == ["b", "a", "c", "b"]
    assert found[0] is not None
    assert (again.body(found[0]), found[0].encoding, found[0].count) == (b"bbb", "gzip", 2)
    assert again.measure() == first.measure()
    assert not list((tmp_path / "spool").glob("*.part"))
    assert again.put(batch("d"), b"d", "")
    assert [each.id for turn in range(4) if (each := again.wait(turn, 0))][-1] == "d"


def test_an_id_with_other_content_is_refused(tmp_path: Path) -> None:
    made = spool(tmp_path)
    made.put(batch("a"), b"1", "")

    with pytest.raises(Reused):
        made.put(batch("a", digest="other"), b"2", "")


def test_room_comes_back_with_what_is_done_but_not_with_what_is_laid_aside(tmp_path: Path) -> None:
    made = spool(tmp_path, most_bytes=700)
    for name in ("a", "b"):
        made.put(batch(name), b"x" * 150, "")
    with pytest.raises(SpoolFull):
        made.put(batch("c"), b"x" * 150, "")

    first, second = made.wait(0, 0), made.wait(1, 0)
    assert first
    assert second
    made.refuse(first)
    with pytest.raises(SpoolFull):
        made.put(batch("c"), b"x" * 150, "")
    made.done(second)

    assert made.put(batch("c"), b"x" * 150, "")
    assert made.measure()["refused"] == 1
    assert spool(tmp_path, most_bytes=700).measure() == made.measure()


def test_a_disk_that_refuses_is_a_full_spool_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    made = spool(tmp_path)
    shutil.rmtree(tmp_path / "spool")

    with pytest.raises(SpoolFull, match="cannot be written"):
        made.put(batch("a"), b"1", "")

    (tmp_path / "spool" / "refused").mkdir(parents=True)
    assert made.measure() == {"batches": 0, "events": 0, "bytes": 0, "refused": 0}
    assert made.put(batch("a"), b"1", "")


@pytest.mark.parametrize(
    "damage", ["cut in its head", "cut in its body", "empty", "of another shape", "named oddly"]
)
def test_a_batch_that_the_disk_damaged_is_laid_aside_and_the_others_go_on(
    tmp_path: Path, damage: str
) -> None:
    before = spool(tmp_path)
    for name in ("a", "b"):
        before.put(batch(name), name.encode() * 100, "")
    path = next(iter(sorted((tmp_path / "spool").glob("*.batch"))))
    content = path.read_bytes()
    if damage == "named oddly":
        path.rename(path.with_name("oddly.batch"))
    else:
        path.write_bytes(
            {
                "cut in its head": content[:20],
                "cut in its body": content[:-1],
                "empty": b"",
                "of another shape": b'["a"]\n' + content,
            }[damage]
        )

    again = spool(tmp_path)

    assert again.measure()["batches"] == again.measure()["refused"] == 1
    assert again.put(batch("c"), b"c", "")
    left = again.wait(0, 0)
    assert left is not None
    assert left.id == "b"


def test_only_the_relay_itself_can_read_what_it_spools(tmp_path: Path) -> None:
    made = spool(tmp_path)
    made.put(batch("a"), b"1", "")

    files = [tmp_path / "spool", *(tmp_path / "spool").rglob("*")]

    assert len(files) == 3
    assert not [path for path in files if path.stat().st_mode & 0o077]
