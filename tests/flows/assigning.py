"""A process that asks for the same units' assignments in many threads: run as a program by flows.

Arguments: URL, key, flag, units, threads, seed. Prints what each thread was given, one JSON list a line.
"""

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor

import urllib3

AT_ONCE = 50


def ask(url: str, key: str, flag: str, units: list[str]) -> dict[str, str]:
    """The variants of these units, asked for in an order of its own, some at a time."""
    found: dict[str, str] = {}
    with urllib3.PoolManager() as pool:
        for start in range(0, len(units), AT_ONCE):
            part = [{"unit": unit, "context": {}} for unit in units[start : start + AT_ONCE]]
            answer = pool.request(
                "POST",
                f"{url}/v1/assignments",
                json={"flag": flag, "units": part},
                headers={"Authorization": f"Bearer {key}"},
                retries=urllib3.Retry(5, backoff_factor=0.2, status_forcelist=[503], allowed_methods=None),
            )
            if answer.status != 200:
                raise SystemExit(f"{answer.status}: {answer.data[:300]!r}")
            found |= {each["unit"]: each["variant"] for each in answer.json()["assignments"]}
    return found


def main(url: str, key: str, flag: str, units: int, threads: int, seed: int) -> None:
    """Ask in every thread, and print."""
    names = [f"u{n}" for n in range(units)]
    with ThreadPoolExecutor(threads) as pool:
        asked = [
            pool.submit(ask, url, key, flag, random.Random(seed * 1000 + n).sample(names, units))
            for n in range(threads)
        ]
        for each in asked:
            found = each.result()
            sys.stdout.write(json.dumps([found[name] for name in names]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6]))
