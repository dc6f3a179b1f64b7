"""`pointsman refs`: what code mentions of flags, whatever lies about in a repository."""

import json
import os
from pathlib import Path
from time import perf_counter

import pytest
from click.testing import CliRunner, Result

from cli import main
from flags.refs import Found, Keys, files_under, places_in, read_code
from runtime.settings import Settings
from tests.flags.making import flag, project
from tests.platform import migrate, opened


def look(path: Path, *keys: str, arguments: tuple[str, ...] = ()) -> Result:
    listed = path.parent / "keys.txt"
    listed.write_text("# our flags\n" + "\n".join(keys) + "\n")
    return CliRunner().invoke(main, ["refs", str(path), "--keys", str(listed), *arguments])


def found(text: str, *keys: str) -> list[tuple[Found, int, str]]:
    return [(each.found, each.line, each.key) for each in places_in(text, "f", Keys(frozenset(keys)))]


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    return folder


def test_mentions_are_listed_and_all_is_well(code: Path) -> None:
    (code / "app.py").write_text('import x\n\nclient.variant("ranker", unit=u)\n')

    result = look(code, "ranker")

    assert (result.exit_code, result.output) == (0, f"{code}/app.py:3:ranker\n")


def test_what_is_never_mentioned_or_unknown_fails(code: Path) -> None:
    (code / "app.py").write_text("client.variant(\n  'rankr', unit=u)\n")

    result = look(code, "ranker")

    assert result.exit_code == 1
    assert result.output == f"never mentioned: ranker\nunknown key: {code}/app.py:1:rankr\n"


def test_a_key_is_a_word_and_never_part_of_another() -> None:
    text = "ranker-v2 rankers my_ranker Ranker\nself.ranker.fit 'ranker'. ranker: x.ranker\na.b.c"

    assert found(text, "ranker", "a.b", "b.c") == [
        (Found.REFERENCE, 2, "ranker"),
        (Found.REFERENCE, 3, "a.b"),
        (Found.REFERENCE, 3, "b.c"),
    ]


def test_json_is_one_document(code: Path) -> None:
    (code / "b.py").write_text('variant("x")\nranker ranker\n')
    (code / "a.js").write_text("flags.ranker")

    answer = json.loads(look(code, "ranker", "old", arguments=("--json",)).output)

    assert answer == {
        "references": [
            {"file": f"{code}/a.js", "line": 1, "key": "ranker"},
            {"file": f"{code}/b.py", "line": 2, "key": "ranker"},
        ],
        "unreferenced": ["old"],
        "unknown": [{"file": f"{code}/b.py", "line": 1, "key": "x"}],
    }


def test_nothing_is_read_that_is_no_code(code: Path) -> None:
    for folder in (".git", "node_modules"):
        (code / folder).mkdir()
        (code / folder / "x.py").write_text("ranker")
    (code / "image.bin").write_bytes(b"ranker\0ranker")
    (code / "large.txt").write_text("ranker " * 200_000)
    (code / "loop").symlink_to(code, target_is_directory=True)
    (code / "dangling").symlink_to(code / "nowhere")
    os.mkfifo(code / "pipe")

    assert [path.name for path in files_under(code)] == ["image.bin"]
    assert read_code(code / "image.bin") is None
    assert read_code(code / "nowhere") is None
    assert look(code, "ranker").exit_code == 1


def test_bytes_that_are_no_text_stop_nothing(code: Path) -> None:
    (code / "latin.py").write_bytes(b"# caf\xe9 ranker\n")
    Path(os.fsdecode(bytes(code) + b"/n\xff.py")).write_text("ranker")

    result = look(code, "ranker")

    assert result.exit_code == 0
    assert result.output.count(":ranker") == 2


def test_ten_thousand_keys_cost_no_more_than_one() -> None:
    text = "the quick brown fox jumps.over.the-lazy dog " * 10_000
    many = Keys(frozenset(f"flag-{number}" for number in range(10_000)))
    one = Keys(frozenset({"flag-1"}))

    started = perf_counter()
    list(places_in(text, "f", one))
    alone = perf_counter() - started
    started = perf_counter()
    list(places_in(text, "f", many))

    assert perf_counter() - started < 5 * alone + 1


HOSTILE = {
    "calls": "variant(" * 100_000,
    "dots": "a." * 500_000,
    "an endless call": "variant(" + " " * 900_000,
    "dashes": "-" * 1_000_000,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_code_takes_no_more_than_a_moment(what: str) -> None:
    started = perf_counter()

    assert found(HOSTILE[what], "x.y") == []

    assert perf_counter() - started < 10


def test_the_keys_of_a_project_come_from_the_database(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data_dir=tmp_path)
    migrate(settings)
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    with opened(settings) as database, database.session() as session:
        project(session)
        flag(session)
    (code / "app.py").write_text("variant('ranker'); variant('gone')")

    result = CliRunner().invoke(main, ["refs", str(code), "--project", "demo"])

    assert result.exit_code == 1
    assert result.output == f"{code}/app.py:1:ranker\nunknown key: {code}/app.py:1:gone\n"


@pytest.mark.parametrize("arguments", [[], ["--project", "x", "--keys", "/dev/null"]])
def test_keys_come_from_one_place(code: Path, arguments: list[str]) -> None:
    assert CliRunner().invoke(main, ["refs", str(code), *arguments]).exit_code == 2
