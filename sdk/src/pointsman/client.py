"""The client: asks which variant serves, and says what came of it. Never in its host's way."""

import os
import weakref
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from threading import TIMEOUT_MAX
from time import time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Final

from pointsman.address import check_key, parse_address
from pointsman.core.choice import Choice
from pointsman.core.conditions import plain
from pointsman.core.events import Exposure, Outcome
from pointsman.core.model import Scalar
from pointsman.core.source import Unanswerable, text_of_unit
from pointsman.engine import Engine
from pointsman.errors import ConfigurationError
from pointsman.options import Options
from pointsman.outbox import Loss
from pointsman.stats import Stats

if TYPE_CHECKING:
    from pointsman.offline import OfflineEngine

LONGEST_TEXT: Final = 256
"""Characters in a unit, a name or a prediction's id that can be recorded."""


class Client:
    """One per process and environment; threads may share it, and children made by a fork may go on with it.

    The constructor raises ConfigurationError for what cannot work; nothing raises afterwards. Nothing runs
    in the background before the first ``variant``, ``expose``, ``record`` or ``wait_until_ready``.
    """

    def __init__(self, url: str, *, key: str, options: Options | None = None) -> None:
        if options is not None and not isinstance(options, Options):
            raise ConfigurationError("options", "must be pointsman.Options(...)")
        known = options or Options()
        self._settle(Engine(parse_address(url), check_key(key), known), known)

    @classmethod
    def from_bundle(
        cls,
        path: str | os.PathLike[str],
        *,
        public_key: str | Sequence[str],
        options: Options | None = None,
    ) -> "Client":
        """A client that answers from a signed file that `pointsman bundle` wrote, without any network.

        ``public_key``: as `pointsman bundle-keygen` printed it; several, while keys change. Events are
        dropped and counted (``stats().dropped["offline"]``). A bundle that expires later goes on
        answering, and ``stats().problem`` says so. Needs ``pointsman[bundle]``.
        ConfigurationError: it is damaged, changed, expired, or signed by another key.
        """
        from pointsman.bundle_file import load_bundle
        from pointsman.offline import OfflineEngine

        if options is not None and not isinstance(options, Options):
            raise ConfigurationError("options", "must be pointsman.Options(...)")
        known = options or Options()
        client = cls.__new__(cls)
        client._settle(OfflineEngine(load_bundle(path, public_key), known), known)
        return client

    def _settle(self, engine: "Engine | OfflineEngine", options: Options) -> None:
        self._options = options
        self._engine = engine
        self._finalizer = weakref.finalize(self, engine.retire)
        self._finalizer.atexit = False  # The exit is bounded and shared by all clients: see processes.

    def variant(
        self,
        flag: str,
        *,
        unit: str | int,
        context: Mapping[str, object] | None = None,
        default: object = None,
    ) -> Choice:
        """The variant that serves this unit. No I/O, no lock, no exception.

        ``context``: attributes the flag's rules may look at; text, numbers and booleans. Whatever is wrong,
        the choice is ``default`` (its variant too when that is text), with the reason ERROR and an error.
        """
        try:
            engine = self._engine
            choice = engine.evaluation.deciders[flag](unit, context)
            engine.used[flag][choice[2]] += 1  # The variant; by its place it is found in half the time.
        except Exception:
            # A first use of flag or variant, an unknown flag, a bad unit: all that is not the plain case.
            return self._choose(flag, unit, context, default)
        else:
            return choice

    def expose(self, choice: Choice, *, context: Mapping[str, object] | None = None) -> None:
        """Say that the unit really met the variant: its output was used.

        ``context`` goes along, for reading results by its attributes; nothing is sent that is not named here.
        A choice that is an error is not sent (no variant was assigned) and counted as ignored.
        """
        outbox = self._engine.outbox
        try:
            if not isinstance(choice, Choice):
                outbox.lose(Loss.INVALID, "expose() takes the choice that variant() gave")
            elif choice.error is not None:
                outbox.ignore()
            elif self._is_open():
                _, unit, variant, _, _, rule, revision, _ = choice
                known = None if context is None else _plain_context(context)
                recent = self._engine.recent.get(choice.flag)
                if recent is not None and rule is not None:
                    recent.note(unit, variant)
                outbox.submit(Exposure(time_ns() // 1000, unit, choice.flag, variant, rule, revision, known))
        except Exception as error:
            outbox.lose(Loss.INVALID, f"expose(): {type(error).__name__}")

    def record(
        self, name: str, *, unit: str | int, value: float = 1.0, prediction_id: str | None = None
    ) -> None:
        """Say what was measured for the unit: a number, or True and False for a proportion.

        Refused, counted and logged once: a value that is no finite number, an empty text or one over 256
        characters, a unit that is neither text nor an integer.
        """
        outbox = self._engine.outbox
        try:
            number = _number(value)
            known = _short(text_of_unit(unit), "unit")
            prediction = None if prediction_id is None else _short(prediction_id, "prediction_id")
            if self._is_open():
                outbox.submit(Outcome(time_ns() // 1000, known, _short(name, "name"), number, prediction))
        except _Refused as error:
            outbox.lose(Loss.INVALID, f"record(): {error}")
        except Unanswerable:
            outbox.lose(Loss.INVALID, "record(): unit must be text or an integer, and not empty")
        except Exception as error:
            outbox.lose(Loss.INVALID, f"record(): {type(error).__name__}")

    def prefetch(
        self,
        flag: str,
        *,
        units: Iterable[str | int],
        context: Mapping[str, object] | None = None,
        timeout_s: float = 5.0,
    ) -> int:
        """Ask the server which variants units of a sticky flag keep, for ``variant``; how many it told.

        Needed only where a flag has more enrolled units than the server hands out as filters (its page says
        so), before ``variant`` of a unit. Waits for the server at most so long, and enrols who is new.
        0 where anything is wrong, which is logged.
        """
        try:
            known = [text_of_unit(unit) for unit in units]
            attributes = {} if context is None else _plain_context(context)
        except Exception:
            return 0
        self._engine.start()
        return self._engine.prefetch(flag, known, attributes, _seconds(timeout_s)) if known else 0

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Send what is waiting; True once the server has answered for all of it, False when time runs out."""
        return self._engine.flush(_seconds(timeout_s))

    def close(self, timeout_s: float | None = None) -> bool:
        """Flush and end; ``exit_timeout_s`` of the options by default. Again does nothing.

        ``variant`` goes on answering from the last ruleset; events are dropped and counted.
        """
        bound = self._options.exit_timeout_s if timeout_s is None else timeout_s
        return self._engine.close(_seconds(bound))

    def wait_until_ready(self, timeout_s: float = 10.0) -> bool:
        """Whether a ruleset is there (from the server or the disk), waiting for it at most so long."""
        return self._engine.wait_until_ready(_seconds(timeout_s))

    def stats(self) -> Stats:
        """What this client has done so far in this process, in numbers."""
        return self._engine.stats()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _choose(self, flag: object, unit: object, context: object, default: object) -> Choice:
        engine = self._engine
        engine.start()
        choice = engine.evaluation.choose(flag, unit, context, default)
        engine.usage.first(choice)
        return choice

    def _is_open(self) -> bool:
        if self._engine.closed:
            self._engine.outbox.lose(Loss.CLOSED, "the client is closed")
            return False
        self._engine.start()
        return True


class _Refused(Exception):
    """An argument of ``record`` cannot be recorded; the message names it. Never leaves this module."""


def _number(value: object) -> float:
    if isinstance(value, str | bytes | bytearray):
        raise _Refused("value must be a number, not text")
    try:
        number = float(value)  # type: ignore[arg-type]  # what is no number raises, and that is the answer
    except Exception as error:  # __float__ is the caller's code, which may raise anything.
        raise _Refused(f"value must be a number, not {type(value).__name__}") from error
    if not isfinite(number):
        raise _Refused("value must be finite")
    return number


def _short(text: object, field: str) -> str:
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_TEXT:
        raise _Refused(f"{field} must be text of 1 to {LONGEST_TEXT} characters")
    return str.__str__(text)


def _plain_context(context: Mapping[str, object]) -> dict[str, Scalar]:
    """The attributes that can be sent: finite scalars under text. A copy: the host may change its own."""
    known: dict[str, Scalar] = {}
    for attribute, value in dict(context).items():
        scalar = value if isinstance(value, bool) else plain(value)[0]
        if scalar is None or not isinstance(attribute, str):
            continue
        if isinstance(scalar, str) or isfinite(scalar):
            known[str.__str__(attribute)] = scalar
    return known


def _seconds(timeout_s: object) -> float:
    """A bound for waiting; what is no number of seconds does not wait."""
    if not isinstance(timeout_s, int | float) or not timeout_s > 0:
        return 0.0
    return min(timeout_s, TIMEOUT_MAX)
