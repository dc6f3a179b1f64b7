"""Variants as people type them into the flag pages, and back. Pure: a form is a mapping of texts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from flags.web.json_bodies import unique
from pointsman.core.model import Json, Kind, Scheme
from runtime.errors import Invalid

Form = Mapping[str, str]

MOST_VARIANTS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantRow:
    """One line of the variants form."""

    name: str = ""
    payload: str = ""


def variant_rows(form: Form) -> tuple[VariantRow, ...]:
    """The variants as typed, empty lines left out."""
    rows = (
        VariantRow(
            name=form.get(f"variant-{n}-name", "").strip(), payload=form.get(f"variant-{n}-payload", "")
        )
        for n in range(MOST_VARIANTS)
    )
    return tuple(row for row in rows if row.name or row.payload.strip())


def variants_of(rows: tuple[VariantRow, ...], kind: Kind) -> dict[str, Json]:
    """The payloads by variant. Invalid: a name twice or missing, or a payload that cannot be read."""
    variants: dict[str, Json] = {}
    for number, row in enumerate(rows):
        if not row.name:
            raise Invalid(f"variant-{number}-name", "give this variant a name")
        if row.name in variants:
            raise Invalid(f"variant-{number}-name", f"{row.name[:80]!r} is there twice")
        variants[row.name] = _payload(row, kind, f"variant-{number}-payload")
    return variants


def rows_of_variants(variants: Mapping[str, Json], kind: Kind) -> tuple[VariantRow, ...]:
    """Stored variants as the form shows them."""
    return tuple(
        VariantRow(
            name=name, payload=payload if isinstance(payload, str) and kind == Kind.STRING else _json(payload)
        )
        for name, payload in variants.items()
    )


def scheme_of(text: str) -> Scheme:
    """The bucketing scheme; empty: our own. Invalid."""
    if text and text not in list(Scheme):
        raise Invalid("scheme", "choose one of the list")
    return Scheme(text) if text else Scheme.POINTSMAN


def schema_of(text: str) -> dict[str, Json]:
    """A JSON Schema; empty: none. Invalid."""
    if not text.strip():
        return {}
    try:
        schema = typed_json(text)
    except (ValueError, RecursionError):
        schema = None
    if not isinstance(schema, dict):
        raise Invalid("schema", 'is not a JSON object such as {"type": "object", "required": ["model"]}')
    return schema


def text_of_schema(schema: dict[str, Json] | None) -> str:
    """The schema as ``schema_of`` reads it."""
    return "" if schema is None else _json(schema)


def moves_of(text: str) -> dict[str, str]:
    """``old = new``, one removed variant a line. Invalid."""
    moves = {}
    for number, line in enumerate(text.splitlines(), 1):
        old, equals, new = (part.strip() for part in line.partition("="))
        if line.strip() and not (old and equals and new):
            raise Invalid("moves", f"line {number} is not 'removed variant = variant its units get'")
        if old:
            moves[old] = new
    return moves


def version_of(text: str) -> int:
    """The version a form was opened at. Invalid: not a whole number."""
    if not text.isdecimal() or len(text) > 12:
        raise Invalid("version", "is missing or not a whole number; open the page again")
    return int(text)


def _payload(row: VariantRow, kind: Kind, name: str) -> Json:
    if kind == Kind.STRING:
        return row.payload
    try:
        return typed_json(row.payload)
    except json.JSONDecodeError:
        raise Invalid(name, f"is not JSON; write {_EXAMPLES[kind]}") from None
    except (ValueError, RecursionError) as error:
        raise Invalid(name, f"is not JSON ({str(error)[:100]}); write {_EXAMPLES[kind]}") from None


def typed_json(text: str) -> Json:
    """The JSON somebody typed. ValueError: none, NaN and the like, or a member twice; RecursionError."""
    value: Json = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=unique)
    return value


def _refuse_constant(text: str) -> NoReturn:
    """NaN and Infinity are no JSON."""
    raise ValueError(f"{text} is no JSON number")


_EXAMPLES: Final = {
    Kind.BOOLEAN: "true or false",
    Kind.NUMBER: "a number such as 0.25",
    Kind.JSON: 'any JSON value such as {"size": 3}',
    Kind.MODEL: 'an object such as {"model": "reader", "version": "2"}',
}


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
