"""The report as one HTML file that needs nothing else: for mail, archives and people without a server."""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from experiments.charts import forest_svg
from experiments.report import Report
from experiments.sentences import sentences
from experiments.table import HEADINGS, rows, trust

_TEMPLATE: Final = "standalone.html"
_FOLDER: Final = Path(__file__).parent.parent / "templates" / "experiments"


def render(report: Report) -> str:
    """The page. Everything from the report is escaped; the plot is ours and goes in as it is."""
    environment = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(_TEMPLATE).render(
        report=report,
        # Our own drawing; the names in it were escaped by the renderer.
        plot=Markup(forest_svg(report)),  # noqa: S704
        headings=HEADINGS,
        rows=rows(report),
        sentences=sentences(report),
        trust=trust(report),
    )
