"""Collects what becomes of a document, flag by flag: carried, or left out with the reason."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from flags.entry import unit_problem
from flags.importers.building import Notes
from flags.importers.model import Finding, Import, ImportedFlag, Options, Outcome, Unmappable, Vendor
from flags.importers.terms import Term
from flags.model import SegmentDraft
from flags.trees import check_nodes
from pointsman.core.costs import problem_of
from pointsman.core.model import InSegment


class Sorted:
    """The import so far."""

    def __init__(self, vendor: Vendor, options: Options) -> None:
        self._vendor = vendor
        self._options = options
        self._flags: dict[str, ImportedFlag] = {}
        self._segments: dict[str, SegmentDraft] = {}
        self._findings: list[Finding] = []

    @contextmanager
    def flag(self, subject: str) -> Iterator[Notes]:
        """Read one flag inside; whatever cannot be mapped leaves it out."""
        with self._part(subject, "the flag is left out") as notes:
            yield notes

    @contextmanager
    def segment(self, subject: str) -> Iterator[Notes]:
        """Read one segment inside."""
        with self._part(f"segment {subject}", "the segment is left out") as notes:
            yield notes

    def add(self, flag: ImportedFlag) -> None:
        """A flag that was read. Unmappable: two keys of the vendor are one of ours."""
        if flag.key in self._flags:
            raise Unmappable("key", f"is {flag.key!r} here, as {self._flags[flag.key].source[:80]!r} is")
        if problem := problem_of(node for rule in flag.rules for node in rule.conditions):
            raise Unmappable("rules", problem)
        self._flags[flag.key] = flag
        if flag.key != flag.source:
            text = f"is called {flag.key!r} here: applications must ask for that"
            self._say(flag.source, "key", Outcome.NOTED, text)

    def add_segment(self, segment: SegmentDraft) -> None:
        """A segment that was read. Unmappable: its key is taken."""
        if segment.key in self._segments:
            raise Unmappable("key", f"two segments are called {segment.key!r} here")
        for problem in check_nodes(segment.conditions, "conditions"):
            raise Unmappable(problem.field, problem.problem)
        self._segments[segment.key] = segment

    def listed(self, name: str, units: Iterable[str], place: str) -> Term:
        """The unit is one of these: a segment of its own, for conditions ask only the context."""
        known = tuple(dict.fromkeys(units))
        if not known:
            return False
        for unit in known:
            if problem := unit_problem(unit):
                raise Unmappable(place, f"lists the unit {unit[:40]!r}, which {problem}")
        number = sum(1 for key in self._segments if key.startswith(f"{name[:40]}-units-")) + 1
        draft = SegmentDraft(
            key=f"{name[:40]}-units-{number}",
            description=f"Made by an import of {self._vendor} for {place}.",
            included=known,
        )
        self.add_segment(draft)
        return InSegment(draft.key)

    def has_segment(self, key: str) -> bool:
        """Whether a segment of this key was read."""
        return key in self._segments

    def done(self) -> Import:
        """Everything."""
        return Import(
            vendor=self._vendor,
            flags=tuple(self._flags.values()),
            segments=tuple(self._segments.values()),
            findings=tuple(self._findings),
        )

    @contextmanager
    def _part(self, subject: str, consequence: str) -> Iterator[Notes]:
        notes = Notes(subject, self._options.partial)
        try:
            yield notes
        except Unmappable as error:
            self._say(subject, error.place, Outcome.LEFT_OUT, f"{error.why}; {consequence}")
        else:
            self._findings += notes.findings or [_mapped(subject)]

    def _say(self, subject: str, place: str, outcome: Outcome, text: str) -> None:
        self._findings.append(Finding(subject=subject, place=place, outcome=outcome, text=text))


def _mapped(subject: str) -> Finding:
    return Finding(subject=subject, place="", outcome=Outcome.MAPPED, text="every unit keeps what it has")
