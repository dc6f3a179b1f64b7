"""POST /v1/events over real HTTP: whatever is sent, a clear refusal, and what was stored stays."""

import gzip
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.security.site import Site

BATCH = "ab" * 16
TEN_MB = 10_000_000


def now_us() -> int:
    return time.time_ns() // 1_000


def outcome(**changes: Any) -> dict[str, Any]:
    return {"type": "outcome", "at_us": now_us(), "unit": "u", "name": "click", "value": 1} | changes


def exposure(**changes: Any) -> dict[str, Any]:
    base = {"type": "exposure", "at_us": now_us(), "unit": "u", "flag": "ranker", "variant": "v1"}
    return base | changes


def batch(*events: Any, **changes: Any) -> bytes:
    return json.dumps({"batch": uuid.uuid4().hex, "events": list(events)} | changes).encode()


def one_event(text: str) -> bytes:
    """A good envelope around an event given as text."""
    return f'{{"batch":"{BATCH}","events":[{text}]}}'.encode()


def with_value(text: str) -> bytes:
    return one_event(f'{{"type":"outcome","at_us":{now_us()},"unit":"u","name":"click","value":{text}}}')


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "body"),
    "no JSON": (b"batch=1&events=2", "body"),
    "a list": (b"[]", "body"),
    "null": (b"null", "body"),
    "100,000 open lists": (b"[" * 100_000, "body"),
    "100,000 nested lists": (with_value("[" * 100_000 + "]" * 100_000), "body"),
    "100,000 nested objects": (b'{"batch":' * 100_000 + b"1" + b"}" * 100_000, "body"),
    "invalid UTF-8": (with_value('"x"').replace(b"x", b"\xff\xfe"), "body"),
    "UTF-16": (with_value("1").decode().encode("utf-16"), "body"),
    "a byte order mark": (b"\xef\xbb\xbf" + with_value("1"), "body"),
    "a bare NUL": (b"\x00" + with_value("1"), "body"),
    "a lone surrogate": (with_value(r'"\ud800"'), "body"),
    "a lone surrogate as a name": (with_value(r'1,"\udfff":1'), "body"),
    "a number of 5,000 digits": (with_value("9" * 5_000), "body"),
    "a trailing comma": (with_value("1,"), "body"),
    "two values": (with_value("1") + b"{}", "body"),
    "a member twice in an event": (with_value('1,"value":2'), "body"),
    "a member twice, spelled otherwise": (with_value(r'1,"v\u0061lue":2'), "body"),
    "a member twice, spaced": (with_value('1,"value" :2, "x" :1'), "body"),
    "a member twice in the envelope": (f'{{"batch":"{BATCH}","batch":"{BATCH}"}}'.encode(), "body"),
    "a member twice in a context": (
        one_event(json.dumps(exposure(context={}))[:-2] + '"a":1,"a":2}}'),
        "body",
    ),
    "no events": (batch(), "events"),
    "1,001 events": (batch(*[outcome()] * 1_001), "events"),
    "events that are no list": (batch(events={}), "events"),
    "no batch": (b'{"events":[1]}', "batch"),
    "a batch id that is a number": (batch(outcome(), batch=7), "batch"),
    "a batch id that is no hex": (batch(outcome(), batch="g" * 32), "batch"),
    "a batch id with a line break": (batch(outcome(), batch=BATCH + "\n"), "batch"),
    "a batch id of a megabyte": (batch(outcome(), batch="a" * 1_000_000), "batch"),
    "an unknown field": (batch(outcome(), surprise=1), "surprise"),
    "an SDK name with NUL": (batch(outcome(), sdk="python\x00"), "sdk"),
    "an SDK name with a line break": (batch(outcome(), sdk="python\r\nX-Evil: 1"), "sdk"),
    "an SDK name that is a list": (batch(outcome(), sdk=[]), "sdk"),
    "an instance that is no hex": (batch(outcome(), instance="../../etc"), "instance"),
    "negative losses": (batch(outcome(), dropped={"queue_full": -1}), "dropped.queue_full"),
    "losses beyond counting": (batch(outcome(), dropped={"queue_full": 2**63}), "dropped.queue_full"),
    "losses of 33 kinds": (batch(outcome(), dropped={str(n): 1 for n in range(33)}), "dropped"),
}

REJECTED: dict[str, tuple[Any, str]] = {
    "null": (None, "event"),
    "a number": (1, "event"),
    "a list": ([], "event"),
    "nothing in it": ({}, "event"),
    "an unknown type": (outcome(type="click"), "event"),
    "a type that is an object": (outcome(type={}), "event"),
    "an unknown field": (outcome(surprise=1), "surprise"),
    "a value that is a text": (outcome(value="1"), "value"),
    "a value that is null": (outcome(value=None), "value"),
    "a value beyond floats": (outcome(value=10**400), "value"),
    "a value that is NaN": (outcome(value=float("nan")), "value"),
    "a value that is Infinity": (outcome(value=float("inf")), "value"),
    "a value that is -Infinity": (outcome(value=float("-inf")), "value"),
    "a time that is NaN": (outcome(at_us=float("nan")), "at_us"),
    "a context with NaN in it": (exposure(context={"a": [float("nan")]}), "context"),
    "a unit that is a number": (outcome(unit=42), "unit"),
    "an empty unit": (outcome(unit=""), "unit"),
    "a unit of a megabyte": (outcome(unit="u" * 1_000_000), "unit"),
    "a revision beyond the database": (exposure(revision=2**63), "revision"),
    "a context that is a list": (exposure(context=[]), "context"),
    "a context of a megabyte": (exposure(context={"a": "x" * 1_000_000}), "context"),
    "a clock a day ahead": (outcome(at_us=now_us() + 86_400_000_000), "at_us"),
    "a clock a year behind": (outcome(at_us=now_us() - 365 * 86_400_000_000), "at_us"),
    "a time in seconds": (outcome(at_us=now_us() // 1_000_000), "at_us"),
    "a time before 1970": (outcome(at_us=-1), "at_us"),
    "a time of 4,000 digits": (outcome(at_us=10**4_000), "at_us"),
    "a time that is a text": (outcome(at_us="now"), "at_us"),
    "a time that is a truth": (outcome(at_us=True), "at_us"),
}

TOO_LARGE: dict[str, tuple[Any, dict[str, str]]] = {
    "plain": (b" " * TEN_MB, {}),
    "packed": (gzip.compress(b" " * TEN_MB), {"Content_Encoding": "gzip"}),
    "a bomb of a gigabyte": (gzip.compress(gzip.compress(b" " * 100_000_000)), {"Content_Encoding": "gzip"}),
    "packed and large": (b"\x1f\x8b" + b"x" * TEN_MB, {"Content_Encoding": "gzip"}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_bad_batch_is_refused_whole_and_the_field_named(unharmed: Site, what: str) -> None:
    body, field = REFUSED[what]

    answer = unharmed.post_events(body)

    assert answer.status == 422
    assert (answer.error["code"], answer.error["field"]) == ("invalid", field)


@pytest.mark.parametrize("what", REFUSED)
def test_packing_a_bad_batch_changes_nothing(unharmed: Site, what: str) -> None:
    body, field = REFUSED[what]

    answer = unharmed.post_events(gzip.compress(body), Content_Encoding="gzip")

    assert (answer.status, answer.error["field"]) == (422, field)


@pytest.mark.parametrize("what", REJECTED)
def test_a_bad_event_is_rejected_alone_and_the_field_named(site: Site, what: str) -> None:
    event, field = REJECTED[what]
    before = site.stored()["events"]

    answer = site.post_events(batch(outcome(), event, exposure()))

    assert answer.status == 200
    first, bad, last = answer.json["results"]
    assert (first, last, answer.json["accepted"]) == ("ok", "ok", 2)
    assert bad.startswith(f"rejected: {field}: ")
    assert len(bad) < 300
    assert site.stored()["events"] == (before[0] + 1, before[1] + 3)


def test_an_unknown_field_with_an_endless_name_is_not_repeated_in_full(site: Site) -> None:
    answer = site.post_events(batch(outcome(**{"x" * 1_000_000: 1})))

    assert answer.json["accepted"] == 0
    assert len(answer.body) < 1_000


@pytest.mark.parametrize("what", TOO_LARGE)
def test_what_is_too_large_is_refused_by_that_name(unharmed: Site, what: str) -> None:
    body, headers = TOO_LARGE[what]

    answer = unharmed.post_events(body, **headers)

    assert answer.status in {413, 422}
    assert answer.error["field"] == "body"


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_stream_without_an_announced_length_is_cut_off(unharmed: Site, encoding: str) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(TEN_MB // 100_000):
            yield b" " * 100_000

    answer = unharmed.post_events(endless(), Content_Encoding=encoding)

    assert answer.status in {413, 422}
    assert answer.error["field"] == "body"


def test_a_good_batch_without_an_announced_length_is_taken(site: Site) -> None:
    answer = site.post_events(iter([batch(outcome())]))

    assert (answer.status, answer.json["results"]) == (200, ["ok"])


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "x" * 5_000])
def test_an_encoding_nobody_speaks_is_named(unharmed: Site, encoding: str) -> None:
    answer = unharmed.post_events(batch(outcome()), Content_Encoding=encoding)

    assert (answer.status, answer.error["field"]) == (422, "Content-Encoding")
    assert len(answer.body) < 500


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(batch(outcome()))[:-5], b"\x1f\x8b\x08\x00"])
def test_broken_gzip_is_named(unharmed: Site, body: bytes) -> None:
    answer = unharmed.post_events(body, Content_Encoding="gzip")

    assert (answer.status, answer.error["field"]) == (422, "body")


def test_a_batch_sent_again_counts_once_and_is_answered_alike(site: Site) -> None:
    body = batch(outcome(), outcome(value="x"))
    first = site.post_events(body)
    before = site.stored()

    again = [site.post_events(body), site.post_events(gzip.compress(body), Content_Encoding="gzip")]

    assert [each.json for each in again] == [first.json | {"duplicate": True}] * 2
    assert site.stored() == before


def test_a_batch_id_used_again_for_other_content_is_refused_and_the_first_stays(site: Site) -> None:
    site.post_events(batch(outcome(), batch=BATCH))
    before = site.stored()

    answer = site.post_events(batch(outcome(value=2), batch=BATCH))

    assert (answer.status, answer.error["code"], answer.error["field"]) == (409, "conflict", "batch")
    assert BATCH in answer.error["message"]
    assert site.stored() == before


AUTHORIZATIONS = {
    "none": "",
    "another scheme": "Basic YWRhOmFkYQ==",
    "no secret": "Bearer ",
    "a wrong secret": "Bearer psk_prod_" + "x" * 43,
    "an endless secret": "Bearer " + "x" * 50_000,
    "a quote": "Bearer ' OR 1=1 --",
    "Latin letters": "Bearer \xe9\xff",
}


@pytest.mark.parametrize("what", AUTHORIZATIONS)
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/events"), ("GET", "/v1/ruleset")])
def test_without_a_live_key_nothing_opens(unharmed: Site, method: str, path: str, what: str) -> None:
    body = batch(outcome()) if method == "POST" else None

    answer = unharmed.send(method, path, body, Authorization=AUTHORIZATIONS[what])

    assert (answer.status, answer.error["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("secret", ["api_token", "session"])
def test_other_peoples_secrets_open_no_intake(unharmed: Site, secret: str) -> None:
    found = getattr(unharmed.secrets, secret)

    answer = unharmed.post_events(batch(outcome()), Authorization=f"Bearer {found}")

    assert answer.status == 401


def test_an_sdk_key_opens_no_admin_api(unharmed: Site) -> None:
    answer = unharmed.call_api("GET", "/projects", Authorization=f"Bearer {unharmed.secrets.sdk_key}")

    assert (answer.status, answer.error["code"]) == (401, "unauthenticated")
