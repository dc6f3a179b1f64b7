"""The unmodified OFREP provider for Python against a running server."""

from collections.abc import Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from tests.ofrep.conftest import Site
from tests.ofrep.furnishing import MODEL

USER = EvaluationContext(targeting_key="user-1", attributes={"country": "FR"})
GERMAN = EvaluationContext(targeting_key="user-1", attributes={"country": "DE"})


def client_with(site: Site, headers: dict[str, str]) -> OpenFeatureClient:
    domain = f"tests-{sorted(headers.items())}"
    api.set_provider(OFREPProvider(site.url, headers_factory=lambda: headers), domain)
    return api.get_client(domain)


@pytest.fixture
def client(site: Site) -> Iterator[OpenFeatureClient]:
    yield client_with(site, {"Authorization": f"Bearer {site.keys.client}"})
    api.clear_providers()


def test_a_boolean_flag(client: OpenFeatureClient) -> None:
    found = client.get_boolean_details("toggle", False, USER)

    assert (found.value, found.variant, found.reason) == (True, "on", Reason.STATIC)
    assert found.flag_metadata["kind"] == "boolean"


def test_a_string_flag(client: OpenFeatureClient) -> None:
    assert client.get_string_value("theme", "none", USER) == "blue"


def test_a_number_flag_of_whole_numbers_is_an_integer(client: OpenFeatureClient) -> None:
    assert client.get_integer_value("whole", 0, USER) == 1
    assert client.get_float_details("whole", 0.0, USER).error_code is ErrorCode.TYPE_MISMATCH


def test_a_number_flag_with_a_fraction_anywhere_is_a_float_throughout(
    client: OpenFeatureClient,
) -> None:
    assert client.get_float_value("share", 0.0, USER) == 1.0
    assert client.get_integer_details("share", 0, USER).error_code is ErrorCode.TYPE_MISMATCH


def test_a_json_flag(client: OpenFeatureClient) -> None:
    assert client.get_object_value("layout", {}, USER) == {"columns": 3, "note": None}


def test_a_payload_of_null_is_the_codes_default(client: OpenFeatureClient) -> None:
    found = client.get_object_details("nothing", {"mine": 1}, USER)

    assert (found.value, found.variant, found.error_code) == ({"mine": 1}, "null", None)


def test_a_model_flag_by_rule_and_by_split(client: OpenFeatureClient) -> None:
    german = client.get_object_details("ranker", {}, GERMAN)
    other = client.get_object_details("ranker", {}, USER)

    assert (german.value, german.variant, german.reason) == (MODEL, "v2", Reason.TARGETING_MATCH)
    assert german.flag_metadata["rule"] == "r1"
    assert other.reason is Reason.SPLIT


def test_a_disabled_flag_serves_its_off_variant(client: OpenFeatureClient) -> None:
    found = client.get_string_details("asleep", "none", USER)

    assert (found.value, found.variant, found.reason) == ("bright", "bright", Reason.DISABLED)


@pytest.mark.parametrize(
    ("flag", "context", "code"),
    [
        ("unheard-of", USER, ErrorCode.FLAG_NOT_FOUND),
        ("with/slash", USER, ErrorCode.FLAG_NOT_FOUND),
        ("toggle", EvaluationContext(), ErrorCode.TARGETING_KEY_MISSING),
        ("toggle", EvaluationContext("u", {"note": "\x00"}), ErrorCode.INVALID_CONTEXT),
        ("theme", USER, ErrorCode.TYPE_MISMATCH),
    ],
)
def test_errors_arrive_as_the_specifications_codes(
    client: OpenFeatureClient, flag: str, context: EvaluationContext, code: ErrorCode
) -> None:
    found = client.get_boolean_details(flag, True, context)

    assert (found.value, found.error_code, found.reason) == (True, code, Reason.ERROR)
    assert found.error_message


def test_a_stranger_is_unauthorized(site: Site) -> None:
    found = client_with(site, {"Authorization": "Bearer wrong"}).get_boolean_details("toggle", False, USER)

    assert (found.error_code, found.error_message) == (ErrorCode.GENERAL, "unauthorized")


@pytest.mark.parametrize("kind", ["server", "client"])
def test_either_kind_of_key_may_evaluate_in_either_header(site: Site, kind: str) -> None:
    secret: Any = getattr(site.keys, kind)

    answers = [
        client_with(site, headers).get_boolean_value("toggle", False, USER)
        for headers in ({"Authorization": f"Bearer {secret}"}, {"X-API-Key": secret})
    ]

    assert answers == [True, True]
