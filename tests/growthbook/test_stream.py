"""The stream of GrowthBook's protocol, and how SDKs find it."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from urllib.error import HTTPError

import pytest

from flags import service
from tests.flags.making import ANNA
from tests.growthbook.conftest import Site

WAIT_S = 30


@contextmanager
def opened(url: str, **headers: str) -> Iterator[HTTPResponse]:
    """The answer, closed afterwards. HTTPError: it was refused."""
    request = urllib.request.Request(
        url, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )
    with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
        yield answer


def event(answer: HTTPResponse) -> dict[str, str]:
    """The fields of the next event."""
    found: dict[str, str] = {}
    while line := answer.readline().decode():
        name, _, text = line.rstrip("\n").partition(": ")
        if "event" in found and not name:
            return found
        found[name] = text
    raise AssertionError("the stream ended")


def stream_of(site: Site) -> str:
    settings = site.platform.settings
    return f"http://{settings.host}:{settings.stream_port}"


def test_sdks_are_told_that_there_is_a_stream_and_pages_may_read_it(site: Site) -> None:
    with opened(f"{site.url}/api/features/{site.key}") as answer:
        headers = answer.headers

    assert headers["x-sse-support"] == "enabled"
    assert headers["Access-Control-Expose-Headers"] == "x-sse-support"


def test_the_web_server_sends_sdks_on_to_the_stream_server(site: Site) -> None:
    with opened(f"{site.url}/sub/{site.key}") as answer:
        assert answer.url == f"{stream_of(site)}/sub/{site.key}"
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_first_event_brings_the_payload_and_the_next_one_the_change(site: Site) -> None:
    site.switch(enabled=True)
    with opened(f"{site.url}/api/features/{site.key}") as answer:
        payload = json.loads(answer.read())

    with opened(f"{stream_of(site)}/sub/{site.key}") as answer:
        first = event(answer)
        site.switch(enabled=False)
        second = event(answer)

    assert (first["event"], json.loads(first["data"])) == ("features", payload)
    assert int(second["id"]) == int(first["id"]) + 1
    assert json.loads(second["data"])["features"]["switched"] == {"defaultValue": "#00f"}


def test_who_comes_back_hears_only_what_it_missed(site: Site) -> None:
    with opened(f"{stream_of(site)}/sub/{site.key}") as answer:
        newest = event(answer)["id"]

    with opened(f"{stream_of(site)}/sub/{site.key}", Last_Event_ID=newest) as answer:
        assert answer.readline().startswith(b"retry: ")
        assert answer.readline() == b": connected\n"
    with opened(f"{stream_of(site)}/sub/{site.key}", Last_Event_ID="1") as answer:
        assert event(answer)["id"] == newest


@pytest.mark.parametrize("path", ["/sub/", "/sub/psk_unknown", "/sub/%00", "/sub/%ff", "/sub/a/b"])
def test_strangers_hear_nothing(site: Site, path: str) -> None:
    for server in (site.url, stream_of(site)):
        with pytest.raises(HTTPError) as refused, opened(f"{server}{path}"):
            pass
        with refused.value as answer:
            assert answer.status in {401, 404}


def test_an_environment_that_is_not_named_is_not_streamed(site: Site) -> None:
    with site.database.session() as session:
        key = service.create_sdk_key(session, ANNA, "demo", "dev", name="sdk").secret

    with opened(f"{site.url}/api/features/{key}") as answer:
        assert answer.headers["x-sse-support"] is None
    for server in (site.url, stream_of(site)):
        with pytest.raises(HTTPError) as refused, opened(f"{server}/sub/{key}"):
            pass
        with refused.value as answer:
            assert answer.status == 403
            assert b"POINTSMAN_GROWTHBOOK" in answer.read()
