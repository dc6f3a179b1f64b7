"""The unmodified GrowthBook SDK for Python, in a process of its own: URL KEY FILE FLAG.

FILE holds an array of contexts as JSON; prints the values they get.
"""

import json
import sys
from pathlib import Path

from growthbook import GrowthBook


def main(url: str, key: str, file: str, flag: str) -> None:
    """Print them."""
    sdk = GrowthBook(api_host=url, client_key=key)
    sdk.load_features()
    served = []
    for context in json.loads(Path(file).read_text()):
        sdk.set_attributes(context)
        served.append(sdk.eval_feature(flag).value)
    sys.stdout.write(json.dumps(served))


if __name__ == "__main__":
    main(*sys.argv[1:])
