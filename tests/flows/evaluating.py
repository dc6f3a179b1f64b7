"""An SDK process that starts cold, evaluates units, and says what each got: run as a program by flows.

Arguments: URL, key, flag, first unit, units. Prints one letter a unit: the last of its variant's name.
"""

import sys

from pointsman import Client, Options


def main(url: str, key: str, flag: str, first: int, units: int) -> None:
    """Evaluate and print."""
    with Client(url, key=key, options=Options(cache_dir=None)) as client:
        if not client.wait_until_ready(30):
            raise SystemExit(f"no ruleset: {client.stats().problem}")
        context = {"country": "DE"}
        choices = (client.variant(flag, unit=f"u{n}", context=context) for n in range(first, first + units))
        sys.stdout.write("".join(str(choice.variant)[-1] for choice in choices))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
