"""A flag's JSON Schema: whether it is one we can evaluate safely, and whether payloads meet it.

Draft 2020-12. Patterns are RE2, so that no payload can make a check take for ever; references stay inside the
schema, so that nothing is ever fetched.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from flags import limits
from flags.payloads import Problem, check_json

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_MOST_PROBLEMS: Final = 10


def check_schema(schema: Mapping[str, object]) -> Iterator[Problem]:
    """What keeps it from being a flag's schema."""
    broken = list(check_json(dict(schema), "schema"))
    if broken:
        yield from broken
        return
    size = len(json.dumps(schema, ensure_ascii=False).encode())
    if size > limits.SCHEMA_BYTES:
        yield Problem("schema", f"takes {size} bytes; at most {limits.SCHEMA_BYTES} are allowed")
        return
    yield from _unsafe(dict(schema), "schema")
    yield from _invalid(dict(schema))


def check_payloads(schema: Mapping[str, object], variants: Mapping[str, object]) -> Iterator[Problem]:
    """Where payloads do not meet a schema that has passed ``check_schema``."""
    validator = _validator(json.dumps(schema))
    for name, payload in variants.items():
        for count, error in enumerate(validator.iter_errors(cast("Any", payload))):
            if count == _MOST_PROBLEMS:
                break
            path = ".".join(["variants", name, *(str(step) for step in error.absolute_path)])
            yield Problem(path[:200], f"does not meet the flag's schema: {error.message[:300]}")


def _unsafe(node: object, field: str) -> Iterator[Problem]:
    if isinstance(node, dict):
        yield from _unsafe_words(node, field)
        for name, value in node.items():
            yield from _unsafe(value, f"{field}.{name}"[:200])
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _unsafe(value, f"{field}.{index}"[:200])


def _unsafe_words(node: dict[str, object], field: str) -> Iterator[Problem]:
    reference = node.get("$ref", node.get("$dynamicRef"))
    if isinstance(reference, str) and not reference.startswith("#"):
        yield Problem(f"{field}.$ref", "must stay inside this schema: begin it with '#'")
    pattern = node.get("pattern")
    patterns = [pattern] if isinstance(pattern, str) else []
    named = node.get("patternProperties")
    patterns += list(named) if isinstance(named, dict) else []
    for each in patterns:
        if problem := _pattern_problem(each):
            yield Problem(f"{field}.pattern", problem)


def _pattern_problem(pattern: str) -> str | None:
    import re2

    try:
        re2.compile(pattern, _quiet())
    except re2.error as error:
        return f"is not a regular expression RE2 knows: {error}"
    return None


def _invalid(schema: dict[str, object]) -> Iterator[Problem]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        path = ".".join(["schema", *(str(step) for step in error.absolute_path)])
        yield Problem(path[:200], f"is not JSON Schema (draft 2020-12): {error.message[:300]}")
        return
    try:
        list(_validator(json.dumps(schema)).iter_errors(None))
    except Exception as error:  # referencing raises many kinds for what points nowhere
        yield Problem("schema", f"cannot be evaluated: {str(error)[:300]}")


@lru_cache(maxsize=128)
def _validator(schema: str) -> "Validator":
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend
    from referencing import Registry

    words = {"pattern": _pattern, "patternProperties": _pattern_properties}
    ours = extend(Draft202012Validator, words)  # type: ignore[no-untyped-call]
    made: Validator = ours(json.loads(schema), registry=Registry())
    return made


def _pattern(_validator: Any, pattern: str, instance: object, _schema: object) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield ValidationError(f"{instance[:80]!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: object, _schema: object
) -> Iterator[Any]:
    if isinstance(instance, dict):
        for pattern, schema in patterns.items():
            for name, value in instance.items():
                if _compiled(pattern).search(name):
                    yield from validator.descend(value, schema, path=name, schema_path=pattern)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    import re2

    return re2.compile(pattern, _quiet())


def _quiet() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return options
