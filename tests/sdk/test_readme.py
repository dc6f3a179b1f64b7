"""The first example of the README runs as it stands there."""

import re
from pathlib import Path

from tests.sdk.children import run
from tests.sdk.servers import Server

README = Path(__file__).parents[2] / "sdk" / "README.md"


def test_the_example_works_as_printed(server: Server) -> None:
    found = re.search(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found
    example = found[1].replace("https://flags.example.com", server.url)

    run(
        f"""
os.environ["XDG_CACHE_HOME"] = "relative paths are not used"
os.environ["HOME"] = "/nonexistent"
image, truth = "a picture of a seven", 7
MODELS = {{"v1": lambda image: 7, "v2": lambda image: 7}}
{example}
assert client.flush(20)
assert client.stats().accepted >= 1
"""
    )

    assert {event["name"] for event in server.events() if event["type"] == "outcome"} == {"correct"}
