"""`pointsman refs`: flag keys in code, from the command line."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click

from flags.refs import Found, Keys, Place, files_under, places_in, read_code


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--project", "-p", help="Read the keys of this project from the database.")
@click.option(
    "--keys",
    "keys_file",
    type=click.File("r", encoding="utf-8"),
    help="Read the keys from this file, one a line.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def refs(
    context: click.Context, path: Path, project: str | None, keys_file: Iterator[str] | None, as_json: bool
) -> None:
    """Find flag keys in the code under PATH.

    Prints file:line:key for each mention, then the keys that are never mentioned and the calls of
    variant("…") whose key no flag has. Exit code 0: every key is mentioned and every call known; 1: not so;
    2: wrong usage. Archived flags count as unknown. Binary files, files over 1 MB, links, .git and
    node_modules are skipped.
    """
    if (project is None) == (keys_file is None):
        raise click.UsageError("give either --project or --keys")
    known = _keys_of(project) if project is not None else _read_keys(keys_file or iter(()))
    show = _Json() if as_json else _Text()
    mentioned: set[str] = set()
    unknown: list[Place] = []
    show.begin()
    for place in _places(path, Keys(known)):
        if place.found is Found.UNKNOWN:
            unknown.append(place)
        else:
            mentioned.add(place.key)
            show.reference(place)
    missing = sorted(known - mentioned)
    show.end(missing, unknown)
    context.exit(1 if missing or unknown else 0)


class _Text:
    """One line a finding, for people and grep."""

    def begin(self) -> None:
        """Nothing goes before the first line."""

    def reference(self, place: Place) -> None:
        click.echo(f"{place.file}:{place.line}:{place.key}")

    def end(self, missing: list[str], unknown: list[Place]) -> None:
        for key in missing:
            click.echo(f"never mentioned: {key}")
        for place in unknown:
            click.echo(f"unknown key: {place.file}:{place.line}:{place.key}")


class _Json:
    """One document, written as it is found, so that it need not fit into memory."""

    def __init__(self) -> None:
        self._separator = ""

    def begin(self) -> None:
        click.echo('{"references": [', nl=False)

    def reference(self, place: Place) -> None:
        click.echo(f"{self._separator}\n{json.dumps(_fields(place))}", nl=False)
        self._separator = ","

    def end(self, missing: list[str], unknown: list[Place]) -> None:
        rest = f'"unreferenced": {json.dumps(missing)}, "unknown": {json.dumps([*map(_fields, unknown)])}'
        click.echo(f"\n], {rest}}}")


def _fields(place: Place) -> dict[str, str | int]:
    return {"file": place.file, "line": place.line, "key": place.key}


def _places(path: Path, keys: Keys) -> Iterator[Place]:
    for file in files_under(path):
        text = read_code(file)
        if text is not None:
            # A name that is no UTF-8 cannot be printed as it is.
            yield from places_in(text, os.fsencode(file).decode("utf-8", "replace"), keys)


def _read_keys(lines: Iterator[str]) -> frozenset[str]:
    try:
        words = [line.partition("#")[0].strip() for line in lines]
    except UnicodeDecodeError:
        raise click.UsageError("--keys: the file is not UTF-8 text") from None
    return frozenset(word for word in words if word)


def _keys_of(project: str) -> frozenset[str]:
    from flags import queries
    from runtime.accounts.cli import command_session

    keys: list[str] = []
    with command_session() as (session, _):
        total = 1
        while len(keys) < total:
            page = queries.list_flags(session, project, limit=queries.MOST_AT_ONCE, offset=len(keys))
            if not page.items:
                break
            keys += [detail.flag.key for detail in page.items]
            total = page.total
    return frozenset(keys)
