"""The unmodified GrowthBook SDK for Python, against a running server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from growthbook import GrowthBook, feature_repo

from tests.growthbook.conftest import UNITS, Asked, Site
from tests.growthbook.furnishing import FLAGS
from tests.platform import wait_until

ANSWERS: Final = Path(__file__).parent / "answers.py"


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """The SDK keeps payloads for the whole process."""
    feature_repo.clear_cache()
    yield
    feature_repo.clear_cache()


def test_100_000_units_of_each_flag_get_what_we_serve(site: Site, asked: Asked) -> None:
    # A process for each, and not the flag of conditions alone: this SDK takes 60 µs for every answer.
    flags = [flag for flag in FLAGS if flag != "asking"]
    started = {flag: started_for(flag, site, asked) for flag in flags}
    served = {flag: json.loads(process.communicate(timeout=240)[0]) for flag, process in started.items()}

    assert {flag: len(values) for flag, values in served.items()} == dict.fromkeys(flags, UNITS)
    assert {flag for flag in flags if served[flag] != asked.served[flag]} == set()


def started_for(flag: str, site: Site, asked: Asked) -> "subprocess.Popen[str]":
    command = [sys.executable, str(ANSWERS), site.url, site.key, str(asked.file), flag]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_change_arrives_by_the_stream(site: Site) -> None:
    site.switch(enabled=True)
    sdk = GrowthBook(
        api_host=site.url, client_key=site.key, attributes={"id": "user-1"}, streaming=True, cache_ttl=3_600
    )
    try:
        sdk.load_features()
        assert sdk.get_feature_value("switched", None) == "#f00"

        site.switch(enabled=False)

        wait_until(lambda: sdk.get_feature_value("switched", None) == "#00f", "the SDK to hear of the change")
    finally:
        sdk.stop_auto_refresh(timeout=1)
        sdk.destroy()
