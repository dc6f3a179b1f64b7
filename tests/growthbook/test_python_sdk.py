"""The unmodified GrowthBook SDK for Python, against a running server."""

from collections.abc import Iterator

import pytest
from growthbook import GrowthBook, feature_repo

from tests.growthbook.conftest import UNITS, Asked, Site
from tests.growthbook.furnishing import FLAGS
from tests.platform import wait_until


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """The SDK keeps payloads for the whole process."""
    feature_repo.clear_cache()
    yield
    feature_repo.clear_cache()


@pytest.mark.parametrize("flag", FLAGS)
def test_100_000_units_get_what_we_serve(site: Site, asked: Asked, flag: str) -> None:
    sdk = GrowthBook(api_host=site.url, client_key=site.key)
    sdk.load_features()

    served = []
    for context in asked.contexts:
        sdk.set_attributes(context)
        served.append(sdk.eval_feature(flag).value)

    assert len(served) == UNITS
    assert len(set(served)) > 1
    assert served == asked.served[flag]


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
        sdk.stop_auto_refresh()
        sdk.destroy()
