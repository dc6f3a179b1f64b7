"""The forest plot: every comparison's intervals beside zero, as an SVG that needs nothing from outside.

Drawn in shares of control's mean, so that metrics of different units fit one axis. What the plot shows,
the report's table says too. Altair is imported when a plot is drawn; the web process never draws.
"""

from collections.abc import Mapping
from typing import Any, Final

from experiments.report import Comparison, Report, Tone
from experiments.rule import Method
from experiments.sentences import signed_share

# Mid-tones: at least 3:1 against white and against a near-black page, told apart by the colour-blind too.
COLOURS: Final[Mapping[Tone, str]] = {
    Tone.BETTER: "#1a8a5a",
    Tone.WORSE: "#d0402b",
    Tone.UNCLEAR: "#7a7f87",
    Tone.MISSING: "#7a7f87",
}
_INK: Final = "#7a7f87"


def forest_rows(report: Report) -> list[dict[str, Any]]:
    """What the plot draws: a row per metric and challenger whose relative interval can be given."""
    return [
        _row(report, metric, variant, report.metrics[metric].variants[variant])
        for metric in report.metrics
        for variant in report.challengers
        if _drawable(report.metrics[metric].variants[variant], report.rule.method)
    ]


def forest_svg(report: Report) -> str:
    """The forest plot as SVG text with a transparent background; no scripts, no fonts, no links."""
    import altair as alt
    import vl_convert

    rows = forest_rows(report)
    if not rows:
        return _nothing()
    chart = _chart(alt, rows)
    svg: str = vl_convert.vegalite_to_svg(chart.to_json(), allowed_base_urls=[])
    return svg


def _drawable(comparison: Comparison, method: Method) -> bool:
    return comparison.relative is not None and comparison.relative_interval(method) is not None


def _row(report: Report, metric: str, variant: str, comparison: Comparison) -> dict[str, Any]:
    several = len(report.challengers) > 1
    fixed, valid = comparison.relative_ci, comparison.always_valid_relative_ci
    return {
        "row": f"{metric}, {variant}" if several else metric,
        "value": comparison.relative,
        "says": signed_share(comparison.relative or 0.0),
        "colour": COLOURS[report.tone(metric, variant)],
        "low": None if fixed is None else fixed.low,
        "high": None if fixed is None else fixed.high,
        "always_low": None if valid is None else valid.low,
        "always_high": None if valid is None else valid.high,
    }


def _chart(alt: Any, rows: list[dict[str, Any]]) -> Any:
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("row:N", sort=[row["row"] for row in rows], title=None, axis=alt.Axis(labelLimit=260)),
        color=alt.Color("colour:N", scale=None),
    )
    x = alt.X(
        "always_low:Q",
        title="difference from control, as a share of control (thin: any number of looks; thick: one look)",
        axis=alt.Axis(format="+.1%", tickCount=6),
        scale=alt.Scale(zero=True),
    )
    always = base.mark_rule(strokeWidth=2).encode(x=x, x2="always_high:Q")
    fixed = base.mark_rule(strokeWidth=7, opacity=0.55).encode(x="low:Q", x2="high:Q")
    point = base.mark_point(filled=True, size=90, opacity=1).encode(x="value:Q")
    label = base.mark_text(dy=-14, fontSize=12).encode(x="value:Q", text="says:N")
    zero = alt.Chart(alt.Data(values=[{"at": 0}])).mark_rule(strokeDash=[4, 3], color=_INK)
    layers = alt.layer(zero.encode(x="at:Q"), always, fixed, point, label)
    return (
        layers.properties(width=560, height=alt.Step(52), background="transparent")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=_INK,
            titleColor=_INK,
            domainColor=_INK,
            tickColor=_INK,
            gridColor=_INK,
            gridOpacity=0.25,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
        )
    )


def _nothing() -> str:
    words = "No comparison can be drawn yet"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="560" height="40" viewBox="0 0 560 40" role="img">'
        f'<text x="0" y="25" font-family="sans-serif" font-size="14" fill="{_INK}">{words}</text></svg>'
    )
