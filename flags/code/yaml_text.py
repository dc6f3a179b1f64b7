"""YAML in and out, so strict that it means what JSON would: no alias, tag, date, or ``on`` for true. Pure."""

import re
from collections.abc import Hashable
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from flags.payloads import check_json
from flags.validation import refuse
from runtime.errors import Invalid

if TYPE_CHECKING:
    import yaml

MOST_BYTES: Final = 16 * 1024 * 1024
# A payload may have 32 levels; this many stand around it in a document.
_LEVELS_AROUND: Final = 12
_DEEPEST: Final = 32 + _LEVELS_AROUND

# The scalars of YAML 1.2's core schema that are JSON too. YAML 1.1's would make false of a variant `off`.
_SCALARS: Final = (
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:null", r"null|Null|NULL|~|", "nN~\0"),
    ("tag:yaml.org,2002:int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+",
        "-+.0123456789",
    ),
)


def dump_yaml(document: dict[str, Any]) -> str:
    """The document as YAML, in its own order. Every reader of YAML 1.1 or 1.2 takes it for the same."""
    import yaml

    return yaml.dump(document, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=100)


def load_yaml(text: bytes) -> dict[str, Any]:
    """What the text says, as clean JSON values.

    Invalid ``file``: over 16 MB, not UTF-8, not one YAML mapping, an alias, a tag, a key twice or not text,
    nested too deep, NUL, half a surrogate pair.
    """
    import yaml

    if len(text) > MOST_BYTES:
        raise Invalid("file", f"has {len(text)} bytes; at most {MOST_BYTES} are allowed")
    try:
        decoded = text.decode("utf-8-sig")
        _refuse_bombs(decoded)
        # The loader is a safe one: it builds plain values only, and refuses every tag.
        document = yaml.load(decoded, Loader=_loader())  # noqa: S506
    except UnicodeDecodeError:
        raise Invalid("file", "is not UTF-8 text") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Invalid("file", f"is not YAML we take: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(document, dict):
        raise Invalid("file", "must be a mapping, as `pointsman export` writes it")
    refuse(check_json(document, "file", depth=1 - _LEVELS_AROUND))
    return document


def _refuse_bombs(text: str) -> None:
    """ValueError for what grows or nests without end, before anything is built of it."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=_parser()):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError(f"anchors and aliases are not allowed (line {_line(event)})")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise ValueError(f"nested deeper than {_DEEPEST} levels (line {_line(event)})")


def _line(event: "yaml.Event") -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _parser() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _loader() -> Any:

    # C or Python, whichever is there.
    class StrictLoader(_parser()):  # type: ignore[misc]
        yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}

        def construct_mapping(self, node: "yaml.MappingNode", deep: bool = False) -> dict[Hashable, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                name = self.construct_object(key, deep=True)
                line = key.start_mark.line + 1
                if not isinstance(name, str):
                    raise ValueError(f"the key {str(name)[:80]!r} is not text: quote it (line {line})")  # noqa: TRY004
                if name in seen:
                    raise ValueError(f"the key {name[:80]!r} comes twice (line {line})")
                seen.add(name)
            return dict(super().construct_mapping(node, deep=deep))

        def construct_yaml_int(self, node: "yaml.ScalarNode") -> int:
            text = self.construct_scalar(node)
            if len(text) > 32:
                raise ValueError(f"a number of {len(text)} digits (line {node.start_mark.line + 1})")
            return int(text)

    StrictLoader.add_constructor("tag:yaml.org,2002:int", StrictLoader.construct_yaml_int)
    StrictLoader.add_constructor("tag:yaml.org,2002:timestamp", None)
    for unwanted in ("timestamp", "binary", "set", "omap", "pairs"):
        StrictLoader.yaml_constructors.pop(f"tag:yaml.org,2002:{unwanted}", None)
    _resolve(StrictLoader)
    return StrictLoader


@cache
def _dumper() -> Any:
    import yaml

    class PlainDumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    # In addition to those of YAML 1.1, so that text either of them would take for something else is quoted.
    _resolve(PlainDumper)
    PlainDumper.add_representer(float, _float)
    return PlainDumper


def _float(dumper: "yaml.SafeDumper", value: float) -> "yaml.ScalarNode":
    # As JSON spells it, but with the dot that YAML 1.1 asks for.
    text = repr(value)
    mantissa, exponent, power = text.partition("e")
    shown = text if "." in text else f"{mantissa}.0{exponent}{power}"
    return dumper.represent_scalar("tag:yaml.org,2002:float", shown)


def _resolve(kind: Any) -> None:
    for tag, pattern, first in _SCALARS:
        letters = ["" if sign == "\0" else sign for sign in first]
        kind.add_implicit_resolver(tag, re.compile(f"(?:{pattern})\\Z"), letters)
