"""From a document to the drafts that the service takes. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from flags.code.document import (
    FlagDoc,
    GateDoc,
    HashingDoc,
    ProjectDoc,
    RuleDoc,
    SegmentDoc,
    StateDoc,
    WindowDoc,
)
from flags.code.document import (
    Span as SpanDoc,
)
from flags.model import FlagEdit, LayerShare, Link, NewFlag, RuleDraft, SegmentDraft, Targeting
from flags.payloads import Problem
from flags.registry import ModelRegistry, freeze
from flags.validation import InvalidFlag
from flags.weights import buckets_of_percent, buckets_of_share
from pointsman.core.model import Gate, Hashing, Node, Range, Serves, Span, Split, Switch, Window
from pointsman.core.nodes import read_nodes
from pointsman.errors import CodecError
from runtime.errors import Invalid


def read_document(plain: dict[str, Any]) -> ProjectDoc:
    """The document these JSON values spell. InvalidFlag: every problem by its path."""
    try:
        return ProjectDoc.model_validate(plain)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        raise InvalidFlag(
            tuple(Problem(".".join(map(str, each["loc"])) or "file", each["msg"]) for each in found[:50])
        ) from None


def frozen(doc: ProjectDoc, registry: ModelRegistry | None) -> ProjectDoc:
    """The document with every alias of a model made the version it names now. Invalid: names the field."""
    flags = {}
    for key, flag in doc.flags.items():
        with within(f"flags.{key}"):
            variants = freeze(flag.kind, flag.variants, registry)
        flags[key] = flag.model_copy(update={"variants": variants})
    return doc.model_copy(update={"flags": flags})


@contextmanager
def within(path: str) -> Iterator[None]:
    """Errors of what happens here name their field below ``path``."""
    try:
        yield
    except InvalidFlag as error:
        raise InvalidFlag(
            tuple(Problem(f"{path}.{each.field}", each.problem) for each in error.problems)
        ) from None
    except Invalid as error:
        raise Invalid(f"{path}.{error.field}", error.problem) from None


def new_flag(key: str, doc: FlagDoc) -> NewFlag:
    """The flag to be made; its labels come with the first edit."""
    return NewFlag(
        key=key,
        kind=doc.kind,
        variants=doc.variants,
        name=doc.name,
        description=doc.description,
        unit_type=doc.unit_type,
        scheme=doc.scheme,
        sticky=doc.sticky,
        schema=doc.payload_schema,
        salt=doc.salt,
    )


def flag_edit(key: str, doc: FlagDoc, variants: dict[str, Any], moves: dict[str, str]) -> FlagEdit:
    """The whole flag as the document has it, but for its variants."""
    return FlagEdit(
        name=doc.name or key,
        description=doc.description,
        variants=variants,
        unit_type=doc.unit_type,
        sticky=doc.sticky,
        schema=doc.payload_schema or {},
        moves=moves,
        tags=tuple(doc.tags),
        owner=doc.owner,
        links=tuple(Link(each.label, each.url) for each in doc.links),
    )


def targeting(doc: StateDoc) -> Targeting:
    """Whom the flag serves what. Invalid: names the field below the state."""
    return Targeting(
        rules=tuple(_rule(each, f"rules.{index}") for index, each in enumerate(doc.rules)),
        default=doc.default,
        off=doc.off,
        overrides=doc.overrides,
        requires=tuple(Serves(each.flag, tuple(each.serves)) for each in doc.requires),
        switches=tuple(Switch(at=_second(each.at), enabled=each.enabled) for each in doc.switches),
    )


def segment(key: str, doc: SegmentDoc) -> SegmentDraft:
    """The segment; lists that are not given stay."""
    return SegmentDraft(
        key=key,
        name=doc.name,
        description=doc.description,
        conditions=_nodes(doc.conditions, "conditions"),
        included=None if doc.included is None else tuple(doc.included),
        excluded=None if doc.excluded is None else tuple(doc.excluded),
    )


def _rule(doc: RuleDoc, at: str) -> RuleDraft:
    return RuleDraft(
        id=doc.id,
        conditions=_nodes(doc.conditions, f"{at}.conditions"),
        weights=_weights(doc, at),
        buckets=doc.buckets,
        coverage=buckets_of_share(doc.coverage, f"{at}.coverage"),
        layer=_layer(doc, at),
        window=None if doc.window is None else _window(doc.window),
        hashing=None if doc.hashing is None else _hashing(doc.hashing),
        gates=tuple(_gate(each) for each in doc.gates),
        ranges=_ranges(doc, f"{at}.ranges"),
    )


def _weights(doc: RuleDoc, at: str) -> dict[str, int]:
    if doc.percent is not None and doc.weights is None:
        return buckets_of_percent(doc.percent, f"{at}.percent")
    if doc.weights is not None and doc.percent is None:
        return doc.weights
    raise Invalid(f"{at}.percent", "give either percent or weights, by variant")


def _ranges(doc: RuleDoc, at: str) -> Split:
    ranges: list[Range] = []
    for index, (start, end, variant) in enumerate(doc.ranges):
        if not (isinstance(start, int) and isinstance(end, int) and isinstance(variant, str)):
            raise Invalid(f"{at}.{index}", "is a range spelled [start, end, variant]")
        ranges.append(Range(start, end, variant))
    return tuple(ranges)


def _layer(doc: RuleDoc, at: str) -> LayerShare | None:
    if doc.layer is None:
        return None
    share = buckets_of_share(doc.layer.percent, f"{at}.layer.percent")
    return LayerShare(layer=doc.layer.layer, share=share, spans=_spans(doc.layer.spans))


def _nodes(conditions: list[Any], at: str) -> tuple[Node, ...]:
    try:
        return read_nodes(conditions)
    except CodecError as error:
        # As every other path here: conditions.0, not conditions[0].
        inner = error.field.replace("[", ".").replace("]", "").lstrip(".")
        raise Invalid(".".join(filter(None, (at, inner))), error.problem) from None


def _window(doc: WindowDoc) -> Window:
    return Window(
        start=None if doc.start is None else _second(doc.start),
        end=None if doc.end is None else _second(doc.end),
    )


def _gate(doc: GateDoc) -> Gate:
    return Gate(kind=doc.kind, name=doc.name, hashing=_hashing(doc.hashing), spans=_spans(doc.spans))


def _hashing(doc: HashingDoc) -> Hashing:
    return Hashing(scheme=doc.scheme, seed=doc.seed, buckets=doc.buckets, attribute=doc.attribute)


def _spans(spans: list[SpanDoc]) -> tuple[Span, ...]:
    return tuple(Span(*each) for each in spans)


def _second(at: datetime) -> int:
    return int(at.timestamp())
