"""Every benchmark, one table each.

    python -m bench [--json FILE]

Each runs in a process of its own, so that none warms up or burdens the next.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

BENCHES: Final = {
    "sdk": "client.variant()",
    "events": "events into the inbox",
    "analysis": "events to a report",
    "delivery": "hot routes beside a bare Flask route",
    "pages": "the list of 10,000 flags",
    "swap": "a new ruleset of 10,000 flags beside reader threads",
    "sticky": "filters of a sticky flag's units",
    "unleash": "our routes beside Unleash's",
}


def run(name: str, scratch: Path) -> Any:
    """Run one, its table going to our output; its numbers. CalledProcessError: it failed."""
    numbers = scratch / f"{name}.json"
    subprocess.run([sys.executable, "-m", f"bench.{name}", "--json", str(numbers)], check=True)
    return json.loads(numbers.read_text())


def main() -> None:
    """Run all, or those that are named; with --json also write all the numbers."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure Pointsman on this machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; all if none")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHES)
    if unknown:
        parser.error(f"there is no bench {', '.join(sorted(unknown))}")
    collected = {}
    with tempfile.TemporaryDirectory(prefix="pointsman-bench-") as scratch:
        for name in arguments.names or BENCHES:
            print(f"\n{name}: {BENCHES[name]}", flush=True)
            collected[name] = run(name, Path(scratch))
    if arguments.json:
        arguments.json.write_text(json.dumps(collected, indent=2))


if __name__ == "__main__":
    main()
