"""The report for people at a terminal."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.report import Decision, Report, Tone
from experiments.sentences import sentences
from experiments.table import HEADINGS, Row, rows, trust

_STYLES = {Tone.BETTER: "bold green", Tone.WORSE: "bold red", Tone.UNCLEAR: "", Tone.MISSING: "dim"}
_VERDICTS = {
    Decision.SHIP: "bold white on green",
    Decision.ROLL_BACK: "bold white on red",
    Decision.KEEP_RUNNING: "bold black on yellow",
    Decision.INCONCLUSIVE: "bold black on yellow",
}
_NUMBERS = (
    "n",
    "mean",
    "difference",
    "relative",
    "always_valid_ci",
    "always_valid_p_value",
    "ci",
    "p_value",
)
_TONED = frozenset({"difference", "relative", "always_valid_ci"})


def show(report: Report, console: Console | None = None) -> None:
    """Verdict, one table per metric, sentences and trust checks."""
    out = console or Console(highlight=False)
    out.print()
    out.print(_verdict(report))
    if report.verdict.missing:
        out.print(Text("Missing: " + "; ".join(report.verdict.missing)))
    words = sentences(report)
    for metric in report.metrics:
        out.print()
        out.print(_table(metric, [row for row in rows(report) if row.metric == metric]))
        for sentence in words[metric].values():
            out.print(Text(sentence))
    out.print()
    for line in trust(report):
        out.print(Text(line))


def _verdict(report: Report) -> Text:
    verdict = report.verdict
    words = "no verdict" if not verdict.trusted else verdict.decision
    about = f" {verdict.variant}" if verdict.variant and verdict.decision is Decision.SHIP else ""
    return Text.assemble((f" {words.upper()}{about} ", _VERDICTS[verdict.decision]), f"  {verdict.reason}")


def _table(metric: str, found: list[Row]) -> Table:
    """Variants side by side, numbers one below the other: it fits 80 columns where a wide table does not."""
    table = Table(title=Text(metric, style="bold"), title_justify="left", box=SIMPLE_HEAD)
    table.add_column("", style="dim")
    for row in found:
        table.add_column(Text(row.variant), justify="right")
    for name in _NUMBERS:
        table.add_row(HEADINGS[name], *(_cell(row, name) for row in found))
    return table


def _cell(row: Row, name: str) -> Text:
    return Text(getattr(row, name), style=_STYLES[row.tone] if name in _TONED else "")
