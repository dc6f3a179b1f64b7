"""What the report page shows, worked out beforehand: templates calculate nothing. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from experiments.metrics import MetricKind
from experiments.model import Status
from experiments.report import Decision, Report, Verdict
from experiments.sentences import sentences, share
from experiments.table import Row, rows, trust

STATUS_MARKS: Final = {Status.DRAFT: "", Status.RUNNING: "good", Status.STOPPED: "warn", Status.DECIDED: ""}
VERDICT_MARKS: Final = {
    Decision.SHIP: "good",
    Decision.ROLL_BACK: "bad",
    Decision.KEEP_RUNNING: "",
    Decision.INCONCLUSIVE: "warn",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineLine:
    """A model's declared score beside what users really got (its gap is the point)."""

    variant: str
    offline: str
    online: str
    gap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """A report as the page shows it."""

    report: Report
    verdict: str
    mark: str
    rows: tuple[Row, ...]
    sentences: tuple[str, ...]
    trust: tuple[str, ...]
    offline: tuple[OfflineLine, ...]
    confidence: str


def report_view(report: Report, offline: Mapping[str, float]) -> ReportView:
    """``offline`` holds each model variant's declared offline score, a share in 0..1."""
    return ReportView(
        report=report,
        verdict=report.verdict.decision.value if report.verdict.trusted else "no verdict",
        mark=verdict_mark(report),
        rows=tuple(rows(report)),
        sentences=tuple(words for by_variant in sentences(report).values() for words in by_variant.values()),
        trust=tuple(trust(report)),
        offline=tuple(_offline(report, offline)),
        confidence=f"{100 * (1 - report.rule.alpha):.10g} %",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What the decision form offers first: what the verdict says, never more."""

    decision: str
    variant: str


def advice(verdict: Verdict | None, control: str) -> Advice:
    """The verdict's decision and variant; inconclusive and control where there is no verdict to follow."""
    if verdict is None or not verdict.trusted or verdict.decision is Decision.KEEP_RUNNING:
        return Advice(decision=Decision.INCONCLUSIVE.value, variant=control)
    return Advice(decision=verdict.decision.value, variant=verdict.variant or control)


def verdict_mark(report: Report) -> str:
    """The colour of the verdict, from the verdict itself."""
    return VERDICT_MARKS[report.verdict.decision] if report.verdict.trusted else "bad"


def _offline(report: Report, offline: Mapping[str, float]) -> list[OfflineLine]:
    primary = report.metrics[report.rule.primary]
    if primary.metric.kind is not MetricKind.PROPORTION:
        return []
    return [
        OfflineLine(
            variant=variant,
            offline=share(offline[variant]),
            online=share(found.mean),
            gap=f"{100 * (found.mean - offline[variant]):+.2f} percentage points".replace("-", "−"),
        )
        for variant, found in primary.variants.items()
        if variant in offline and found.mean is not None
    ]
