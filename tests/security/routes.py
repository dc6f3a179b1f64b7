"""Every route of the application, from its own map, so that a new one cannot be forgotten."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flask import Flask

ARGUMENTS: Final = {
    "project": "demo",
    "environment": "prod",
    "flag": "ranker",
    "experiment": "trial",
    "segment": "staff",
    "layer": "checkout",
    "key_id": 1,
    "revision": 1,
    "number": 1,
    "token": "psl_unknown",
    "filename": "style.css",
}
_UNASKED: Final = {"HEAD", "OPTIONS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one address that exists."""

    endpoint: str
    method: str
    path: str

    @property
    def is_for_programs(self) -> bool:
        """Whether it answers programs, by token, rather than people, by cookie."""
        return self.path.startswith(("/api/", "/v1/", "/ofrep/", "/flagd/", "/sub/"))

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes(app: Flask) -> Iterator[Route]:
    """Every route with its parameters filled in. KeyError: a parameter these tests do not know yet."""
    adapter = app.url_map.bind("127.0.0.1")
    for rule in app.url_map.iter_rules():
        path = adapter.build(rule.endpoint, {name: ARGUMENTS[name] for name in rule.arguments})
        for method in sorted((rule.methods or set()) - _UNASKED):
            yield Route(endpoint=rule.endpoint, method=method, path=path)
