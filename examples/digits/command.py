"""`pointsman demo`: the whole story on real models, told with real processes."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.error import URLError
from urllib.request import urlopen

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from runtime.errors import Invalid
from runtime.orphans import PARENT_VARIABLE
from runtime.settings import Settings
from runtime.signals import on_end
from runtime.starting import make_data_dir, refuse_taken_ports

if TYPE_CHECKING:
    from examples.digits.story import Story
    from experiments.report import Report
    from runtime.database import Database

USERS: Final = 4_000
_PATIENCE_S: Final = 90.0
_LOOK_EVERY_S: Final = 0.2
_STOP_WITHIN_S: Final = 6.0
_ROOT: Final = Path(__file__).parent.parent.parent


@click.command()
@click.option("--headless", is_flag=True, help="Tell the story, then stop instead of serving on.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report here."
)
@click.option("--users", default=USERS, show_default=True, type=click.IntRange(200, 1_000_000))
def demo(headless: bool, json_file: Path | None, users: int) -> None:
    """Train two models, make a flag and an experiment, serve users through the SDK, read the report."""
    console = Console(stderr=True)
    with ExitStack() as stack:
        settings = _settings(stack, headless=headless)
        report, link = _tell(console, stack, settings, users)
        if json_file is not None:
            _write(json_file, report)
        if not headless:
            _serve_on(settings, link)


def _tell(console: Console, stack: ExitStack, settings: Settings, users: int) -> "tuple[Report, str]":
    from examples.digits import models, story
    from runtime import migrations
    from runtime.database import Database

    console.print("[bold]1[/] Training two digit readers…")
    readers = models.train()
    for name, words in (("v1", "naive Bayes, the champion"), ("v2", "support vectors, the challenger")):
        console.print(f"  {name} ({words}): {readers.offline_score[name]:.1%} right offline")
    migrations.upgrade(settings)
    database = Database(settings.database_url)
    stack.callback(database.close)
    console.print("[bold]2[/] Making project, flag, even split and experiment…")
    begun = story.begin(database, readers.offline_score)
    model_file = settings.data_dir / "digit-readers.joblib"
    models.save(readers, model_file)
    console.print(f"[bold]3[/] Starting the platform at {settings.base_url}…")
    platform = stack.enter_context(_platform(settings))
    _wait(lambda: _answers(f"{settings.base_url}/readyz"), "the web server", platform, settings)
    console.print(f"[bold]4[/] An application serves {users:,} users through the SDK:")
    _run_application(console, settings, begun, model_file, users)
    console.print("[bold]5[/] The worker turns what happened into the report…")
    report = _wait_for_report(database, begun, platform, settings)
    _show(console, report)
    return report, f"{settings.base_url}/sign-in/{story.sign_in_link(database)}"


def _settings(stack: ExitStack, *, headless: bool) -> Settings:
    """The environment's settings, in a folder of this run's own; free ports when nobody will look."""
    try:
        settings = Settings.from_environment(os.environ)
    except Invalid as error:
        raise click.ClickException(str(error)) from None
    database_url = settings.database_url if os.environ.get("DATABASE_URL") else ""
    if headless:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pointsman-demo-")))
        port, stream_port = _free_port(), _free_port()
        return replace(
            settings, data_dir=folder, database_url=database_url, port=port, stream_port=stream_port
        )
    folder = settings.data_dir / "demo" / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}"
    settings = replace(settings, data_dir=folder, database_url=database_url)
    try:
        refuse_taken_ports(settings)
        make_data_dir(settings)
    except Invalid as error:
        raise click.ClickException(str(error)) from None
    return settings


@contextmanager
def _platform(settings: Settings) -> "Iterator[subprocess.Popen[bytes]]":
    with (settings.data_dir / "platform.log").open("wb") as log:
        process = _start(settings, ["-m", "cli", "serve"], stdout=log, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _run_application(
    console: Console, settings: Settings, begun: "Story", model_file: Path, users: int
) -> None:
    command = ["-m", "examples.digits.application", "--url", settings.base_url, "--key", begun.sdk_key]
    command += ["--models", str(model_file), "--users", str(users)]
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("users served", total=users)
        process = _start(settings, command, stdout=subprocess.PIPE, stderr=None)
        assert process.stdout is not None  # noqa: S101  (a pipe was asked for)
        for line in process.stdout:
            said = json.loads(line)
            if "served" in said:
                progress.update(task, completed=said["served"])
        if process.wait() != 0:
            raise click.ClickException("the application could not hand in all its events; see above")


def _wait_for_report(
    database: "Database", begun: "Story", platform: "subprocess.Popen[bytes]", settings: Settings
) -> "Report":
    from experiments import queries, service
    from experiments.events.storage import backlog

    def drained() -> bool:
        with database.reading() as session:
            return backlog(session).events == 0

    def computed() -> bool:
        with database.reading() as session:
            stored = queries.find_report(session, queries.get_experiment(session, begun.at))
        return stored is not None and stored.computed_at > asked_at

    _wait(drained, "the last event in the lake", platform, settings)
    asked_at = datetime.now(UTC)
    with database.session() as session:
        service.request_report(session, begun.at, now=asked_at)
    _wait(computed, "the report", platform, settings)
    with database.reading() as session:
        return queries.get_report(session, begun.at).report


def _show(console: Console, report: "Report") -> None:
    from experiments.terminal import show

    show(report, console)


def _write(path: Path, report: "Report") -> None:
    from experiments.codec import to_json

    path.write_text(json.dumps(to_json(report), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _serve_on(settings: Settings, link: str) -> None:
    """Say where to look, then leave the platform running until Ctrl-C."""
    click.echo(f"\nThe platform serves at {settings.base_url}")
    click.echo(f"Sign in (once, within 30 minutes): {link}")
    click.echo(f"Another link: POINTSMAN_DATA={settings.data_dir} pointsman sign-in-link you@example.org")
    click.echo(f"Its data: {settings.data_dir}. Ctrl-C ends it.")
    sys.stdout.flush()
    asked_to_end = threading.Event()
    on_end(asked_to_end.set)
    asked_to_end.wait()
    click.echo("Ending.")


def _start(
    settings: Settings, command: list[str], *, stdout: IO[bytes] | int | None, stderr: int | None
) -> "subprocess.Popen[bytes]":
    environ = os.environ | settings.to_environment()
    environ[PARENT_VARIABLE] = str(os.getpid())
    environ["PYTHONPATH"] = os.pathsep.join([str(_ROOT), str(_ROOT / "sdk" / "src")])
    return subprocess.Popen([sys.executable, *command], env=environ, stdout=stdout, stderr=stderr)  # noqa: S603


def _wait(
    ready: Callable[[], bool], what: str, platform: "subprocess.Popen[bytes]", settings: Settings
) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not ready():
        if platform.poll() is not None or time.monotonic() > deadline:
            log = (settings.data_dir / "platform.log").read_text(errors="replace")[-2_000:]
            raise click.ClickException(f"{what} did not come; the platform's log ends:\n{log}")
        time.sleep(_LOOK_EVERY_S)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310  (our own http address)
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
