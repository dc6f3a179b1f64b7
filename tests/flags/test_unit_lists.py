"""Lists of a segment, of any size: put in whole, or changed by some."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flags import limits, queries, service, unit_lists
from flags.cli.segments import segments
from flags.model import SegmentDraft, SegmentView
from flags.service import ListName
from flags.storage import unit_sets
from flags.unit_lists import listed
from pointsman.core.unit_sets import hash_of_unit, read_units, write_hashes
from runtime import audit, migrations
from runtime.database import Database
from runtime.errors import Conflict, Invalid, NotFound
from runtime.settings import Settings
from tests.flags.making import ANNA, project, revision


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An installation with a project."""
    monkeypatch.setenv("POINTSMAN_DATA", str(tmp_path))
    settings = Settings(data_dir=tmp_path)
    migrations.upgrade(settings)
    opened = Database(settings.database_url)
    with opened.session() as session:
        project(session)
    yield opened
    opened.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "units.txt"
    found.write_bytes("\ufeffanna\r\nbert\n\n  zoë  \nanna".encode())
    return found


def run(*arguments: str, typed: str | bytes | None = None) -> Result:
    command, *others = arguments
    return CliRunner().invoke(segments, [command, "-p", "demo", "-e", "prod", *others], input=typed)


def stored(database: Database, key: str = "staff") -> SegmentView:
    with database.reading() as session:
        return queries.get_segment(session, "demo", "prod", key)


def members(database: Database, name: str, units: Iterable[str]) -> list[str]:
    """Those of the units that the stored list holds."""
    [digest] = getattr(stored(database), name)
    with database.reading() as session:
        environment = queries.get_environment(session, "demo", "prod")
        body = unit_sets.body(session, environment.id, digest)
    assert body is not None
    found = read_units(body)
    return [unit for unit in units if found.holds(unit)]


def change(database: Database, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> SegmentView:
    with database.session() as session:
        salt = service.segment_salt(session, "demo", "prod", "staff")
        return service.change_units(
            session,
            ANNA,
            "demo",
            "prod",
            "staff",
            ListName.INCLUDED,
            add=listed(salt, add, "add"),
            remove=listed(salt, remove, "remove"),
        )


def test_put_makes_a_segment_of_a_file_in_one_revision_with_an_audit_entry(
    database: Database, file: Path
) -> None:
    result = run("put", "staff", "--included", str(file), "--reason", "who works here")

    assert result.output == "staff: 3 units in, 0 out.\n"
    assert members(database, "included", ["anna", "bert", "zoë", "carl", " zoë"]) == ["anna", "bert", "zoë"]
    with database.reading() as session:
        assert revision(session) == 1
        entry = audit.entries(session)[0]
    assert (entry.action, entry.details["reason"]) == ("segment.create", "who works here")


def test_put_replaces_the_lists_it_is_given_and_leaves_the_others(database: Database, file: Path) -> None:
    run("put", "staff", "--included", str(file), "--excluded", "-", typed="dora\n")

    result = run("put", "staff", "--included", "-", typed="emil\n")

    assert result.output == "staff: 1 units in, 1 out.\n"
    assert members(database, "included", ["anna", "emil"]) == ["emil"]
    assert members(database, "excluded", ["dora"]) == ["dora"]


def test_put_keeps_conditions_and_words_of_the_segment(database: Database, file: Path) -> None:
    with database.session() as session:
        draft = SegmentDraft(key="staff", name="Staff", description="who works here")
        service.create_segment(session, ANNA, "demo", "prod", draft)

    run("put", "staff", "--included", str(file))

    found = stored(database)
    assert (found.name, found.description, found.version) == ("Staff", "who works here", 2)


def test_putting_the_same_again_is_no_revision(database: Database, file: Path) -> None:
    run("put", "staff", "--included", str(file))
    run("put", "staff", "--included", str(file))

    with database.reading() as session:
        assert revision(session) == 1


def test_add_and_remove_change_a_list(database: Database, file: Path) -> None:
    run("put", "staff", "--included", str(file))

    added = run("add", "staff", "-", typed="carl\nanna\n")
    removed = run("remove", "staff", "-", typed="bert\nnobody\n")

    assert (added.output, removed.output) == (
        "staff: 4 units in, 0 out.\n",
        "staff: 3 units in, 0 out.\n",
    )
    assert members(database, "included", ["anna", "bert", "carl", "zoë"]) == ["anna", "carl", "zoë"]


def test_a_list_that_loses_its_last_unit_is_empty(database: Database) -> None:
    run("put", "staff", "--included", "-", typed="anna\n")

    run("remove", "staff", "-", typed="anna\n")

    assert (stored(database).included, stored(database).included_count) == ((), 0)


def test_who_is_added_and_removed_at_once_is_removed(database: Database) -> None:
    run("put", "staff", "--included", "-", typed="anna\n")

    changed = change(database, add=["bert", "carl"], remove=["carl"])

    assert changed.included_count == 2
    assert members(database, "included", ["anna", "bert", "carl"]) == ["anna", "bert"]


def test_list_show_and_delete(database: Database, file: Path) -> None:
    run("put", "staff", "--included", str(file))

    assert run("list").output == "staff  0 conditions, 3 units in, 0 out\n"
    assert '"key": "staff"' in run("show", "staff").output
    assert run("delete", "--yes", "staff").output == "staff is gone.\n"
    assert run("list").output == ""


@pytest.mark.parametrize(
    ("arguments", "typed", "word"),
    [
        (("put", "staff"), "", "give --included FILE"),
        (("put", "staff", "--included", "-", "--excluded", "-"), "", "only one list"),
        (("put", "staff", "--included", "nowhere.txt"), "", "does not exist"),
        (("put", "Staff!", "--included", "-"), "anna\n", "is not a key"),
        (("put", "staff", "--included", "-"), "anna\n" + "x" * 257, "included.1: needs 1 to 256"),
        (("put", "staff", "--included", "-"), "x" * 100_000, "included.0: needs 1 to 256"),
        (("put", "staff", "--included", "-"), "an\0na\n", "NUL"),
        (("put", "staff", "--included", "-"), b"anna\n\xff\xfe\n", "line 2 is not UTF-8"),
        (("add", "nobody", "-"), "anna\n", "there is no segment"),
        (("remove", "nobody", "-"), "anna\n", "there is no segment"),
        (("delete", "--yes", "nobody"), "", "there is no segment"),
    ],
)
def test_mistakes_end_with_one_clear_line_and_change_nothing(
    database: Database, arguments: tuple[str, ...], typed: str | bytes, word: str
) -> None:
    result = run(*arguments, typed=typed)

    assert result.exit_code != 0
    assert word in result.output
    assert not isinstance(result.exception, (ValueError, KeyError))
    with database.reading() as session:
        assert revision(session) == 0


def test_a_list_holds_so_many_units_and_no_more(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNITS_PER_SEGMENT", 3)
    run("put", "staff", "--included", "-", typed="u1\nu2\nu1\n")

    change(database, add=["u3"], remove=["u2"])
    with pytest.raises(Invalid, match="would hold 4 units; at most 3"):
        change(database, add=["u2", "u4"])

    assert "at most 3" in run("put", "staff", "--included", "-", typed="1\n2\n3\n4\n").output
    assert stored(database).included_count == 2


def test_a_stream_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_lists, "_MOST_READ", 10)

    with pytest.raises(Invalid, match="lists over 10 units"):
        listed("salt", iter(lambda: "anna", ""), "included")


def test_units_hashed_for_a_segment_that_is_another_by_now_are_refused(database: Database) -> None:
    run("put", "staff", "--included", "-", typed="anna\n")
    with database.session() as session:
        salt = service.segment_salt(session, "demo", "prod", "staff")
    run("delete", "--yes", "staff")
    run("put", "staff", "--included", "-", typed="anna\n")

    with database.session() as session, pytest.raises(Conflict):
        lists = {ListName.INCLUDED: listed(salt, ["bert"], "included")}
        service.put_units(session, ANNA, "demo", "prod", "staff", lists)


def test_a_segment_nobody_made_has_no_units_to_change(database: Database) -> None:
    with pytest.raises(NotFound):
        change(database, add=["anna"])


def test_the_bytes_are_those_of_the_core() -> None:
    units = [f"u{number}" for number in range(1_000)]

    body = listed("salt", [*units, *units[:10]], "included").body()

    assert body == write_hashes("salt", (hash_of_unit("salt", unit) for unit in units))
