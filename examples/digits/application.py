"""The application: a process of its own that reads digits for its users, and knows Pointsman only by its SDK.

    python -m examples.digits.application --url http://127.0.0.1:8000 --key KEY --models FILE --users 4000

Prints one line of JSON per hundred users served, and a last one with the SDK's counters.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Final

from examples.digits.models import DigitReaders, load
from pointsman import Client

FLAG: Final = "digit-reader"
_COUNTRIES: Final = ("DE", "FR", "PT", "SE")
_READY_WITHIN_S: Final = 15.0
_FLUSH_WITHIN_S: Final = 30.0
_SAY_EVERY: Final = 100


def serve(client: Client, readers: DigitReaders, users: int) -> None:
    """Each user sends one image; the assigned model reads it; what came of it is recorded."""
    for number in range(users):
        unit = f"user-{number}"
        image, label = _image_of(readers, number)
        choice = client.variant(FLAG, unit=unit, context={"country": _COUNTRIES[number % 4]}, default="v1")

        started = perf_counter()
        answer = readers.models[choice.variant].predict(image)[0]
        latency_ms = (perf_counter() - started) * 1000

        client.expose(choice)
        client.record("correct", unit=unit, value=bool(answer == label))
        client.record("latency", unit=unit, value=latency_ms)
        if (number + 1) % _SAY_EVERY == 0 or number + 1 == users:
            _say({"served": number + 1})


def main() -> int:
    """Serve the users, flush, and say what the SDK counted; 1 when anything was lost."""
    options = _options()
    readers = load(options.models)
    with Client(options.url, key=options.key) as client:
        if not client.wait_until_ready(_READY_WITHIN_S):
            print(
                "the platform did not answer in time; the application would serve its defaults",
                file=sys.stderr,
            )
        serve(client, readers, options.users)
        flushed = client.flush(_FLUSH_WITHIN_S)
        stats = dataclasses.asdict(client.stats())
    _say({"flushed": flushed, "stats": stats})
    return 0 if flushed else 1


def _image_of(readers: DigitReaders, number: int) -> tuple[object, int]:
    index = number % len(readers.labels)
    return readers.images[index : index + 1], int(readers.labels[index])


def _say(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Reads digits for its users, with the model Pointsman assigns."
    )
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--models", required=True, type=Path)
    parser.add_argument("--users", required=True, type=int)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
