"""Where an attribute's value is found: the context as it is, a dotted path into it, the client's defaults."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pointsman.core.model import Scalar

_ABSENT: Final = object()


def finder_of(attribute: str, defaults: Mapping[str, Scalar]) -> Callable[[Any], Any]:
    """A function from context to the attribute's value; None where there is none.

    The context's own key wins, then the path through nested mappings (only where the name has a dot), then
    the client's default. A nested mapping that raises has no such key.
    """
    path = tuple(attribute.split(".")) if "." in attribute else ()
    default = defaults.get(attribute)

    def found(context: Any) -> Any:
        value = context.get(attribute, _ABSENT)
        if value is _ABSENT and path:
            value = _walk(context, path)
        return default if value is _ABSENT else value

    return found


def _walk(context: Any, path: tuple[str, ...]) -> Any:
    here = context
    try:
        for step in path:
            if not issubclass(type(here), Mapping):
                return _ABSENT
            here = dict.get(here, step, _ABSENT) if issubclass(type(here), dict) else here[step]
            if here is _ABSENT:
                return _ABSENT
    except Exception:  # The mapping is the caller's code, which may raise anything.
        return _ABSENT
    return here
