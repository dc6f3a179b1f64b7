"""Every exception this distribution raises on purpose.

PointsmanError
├── ConfigurationError   a client was built with an argument it cannot use (raised by constructors only)
├── CodecError           a ruleset or event that cannot be written or read
├── SplitError           ranges or weights that do not cover the buckets exactly
├── Unanswerable         inside the evaluator: this unit or context has no answer
└── Unreachable          inside the client: no usable answer came from the server

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
    """A ruleset or event that cannot be written or read. ``field``: ``flags.ranker.rules[0].split``."""


class SplitError(PointsmanError, ValueError):
    """A split or its weights do not cover the buckets exactly; the message names what is off."""


class Unreachable(PointsmanError):
    """No usable answer came: refused, reset, timed out, cut short, too large. The message says which."""
