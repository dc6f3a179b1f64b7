"""Every exception this distribution raises on purpose.

PointsmanError
├── ConfigurationError   a client was built with an argument it cannot use (raised by constructors only)
├── CodecError           a ruleset that cannot be written or read
└── SplitError           ranges or weights that do not cover the buckets exactly

Nothing raises after construction: ``variant``, ``expose``, ``record``, ``flush`` and ``close`` never do.
"""


class PointsmanError(Exception):
    """The root."""


class FieldError(PointsmanError, ValueError):
    """Something is wrong with one field; ``field`` names it, ``problem`` says what and how to mend it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class ConfigurationError(FieldError):
    """A client was built with an argument it cannot use."""


class CodecError(FieldError):
    """A ruleset that cannot be written or read. ``field`` is a path: ``flags.ranker.rules[0].split``."""


class SplitError(PointsmanError, ValueError):
    """A split or its weights do not cover the buckets exactly; the message names what is off."""
