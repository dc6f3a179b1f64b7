"""`pointsman analyze`: the report of a file with one row per unit, with no server."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runtime.errors import Invalid

if TYPE_CHECKING:
    from experiments.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The command line as given."""

    file: Path
    unit: str
    variant: str
    control: str
    metric: tuple[str, ...]
    lower_is_better: tuple[str, ...]
    split: str | None
    alpha: float
    tuned_for: int


@click.command("analyze", context_settings={"show_default": True})
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--unit", required=True, metavar="COLUMN", help="Column that names the unit; one row for each.")
@click.option("--variant", required=True, metavar="COLUMN", help="Column that names the unit's variant.")
@click.option("--control", required=True, metavar="VARIANT", help="The variant to compare the others with.")
@click.option(
    "--metric",
    required=True,
    multiple=True,
    metavar="COLUMN:KIND",
    help="What to compare, as COLUMN:proportion or COLUMN:mean. Repeatable; the first one decides.",
)
@click.option(
    "--lower-is-better", multiple=True, metavar="COLUMN", help="A metric that should fall. Repeatable."
)
@click.option("--split", metavar="A=50,B=50", help="Planned weights of the variants.  [default: equal]")
@click.option(
    "--alpha",
    type=float,
    default=0.05,
    callback=lambda _context, _option, value: _level(value),
    help="Intervals cover the truth with probability 1 - alpha.",
)
@click.option(
    "--tuned-for",
    type=click.IntRange(1),
    default=5_000,
    help="Total units at which the always-valid interval is tightest.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON and nothing else.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Also write a page to this file.",
)
def analyze(as_json: bool, html: Path | None, **options: object) -> None:
    """Compare the variants in FILE (CSV or parquet, one row per unit).

    \b
    pointsman analyze cookie_cats.csv --unit userid --variant version \\
      --control gate_30 --metric retention_7:proportion --metric sum_gamerounds:mean
    """
    try:
        report = _report(Request(**options))  # type: ignore[arg-type]  # click gives what the options say
    except Invalid as error:
        raise click.UsageError(str(error)) from error
    if html is not None:
        _write_page(report, html)
    if as_json:
        from experiments.codec import to_json

        click.echo(json.dumps(to_json(report), ensure_ascii=False, allow_nan=False, indent=2))
        return
    from experiments.terminal import show

    show(report)


def _level(alpha: float) -> float:
    if not 1e-9 <= alpha < 1:  # a range of click's lets nan through
        raise click.BadParameter(f"{alpha} is not a number from 1e-9 to 1, such as 0.05")
    return alpha


def _report(request: Request) -> "Report":
    from experiments.options import parse_metrics, parse_split, planned_split

    # The cheap checks first: a typing error should not cost a second of imports.
    metrics = parse_metrics(request.metric, request.lower_is_better)
    split = parse_split(request.split)
    from experiments.analysis import Question, analyse
    from experiments.frame import Columns, aggregate_file
    from experiments.rule import DecisionRule

    aggregates = aggregate_file(
        request.file, Columns(unit=request.unit, variant=request.variant, metrics=metrics)
    )
    question = Question(
        title=request.file.name,
        unit=request.unit,
        control=request.control,
        planned=planned_split(aggregates.units, control=request.control, split=split),
        metrics=metrics,
        rule=DecisionRule(primary=metrics[0].key, alpha=request.alpha, tuned_for=request.tuned_for),
    )
    # A file is all there is: what it leaves open is inconclusive.
    return analyse(question, aggregates, now=datetime.now(UTC), final=True)


def _write_page(report: "Report", path: Path) -> None:
    from experiments.page import render

    try:
        path.write_text(render(report), encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"--html: {path} cannot be written: {error.strerror}") from error
