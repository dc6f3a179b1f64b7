"""The admin API against its own OpenAPI document: what it promises is what is answered, for any input."""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import BaseModel
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from runtime.settings import Settings
from tests.security.application import Application, furnished
from tests.security.routes import ARGUMENTS

DOCUMENT: Final = "/openapi/openapi.json"
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
BOUNDED: Final = settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with furnished(Settings(data_dir=tmp_path_factory.mktemp("contract"))) as made:
        yield made


@pytest.fixture(scope="module")
def document(application: Application) -> schemathesis.BaseSchema:
    """The document as the application gives it out."""
    return schemathesis.openapi.from_wsgi(DOCUMENT, application.app)


Operation: TypeAlias = "schemathesis.APIOperation[Any, Any, Any, Any]"


def operations(document: schemathesis.BaseSchema) -> Iterator[Operation]:
    for found in document.get_all_operations():
        assert isinstance(found, Ok)
        yield found.ok()


def hold_to_its_word(
    application: Application, operation: Operation, *, arguments: dict[str, Any] | None
) -> set[int]:
    """Ask this operation in many ways, with ``arguments`` always about these things; the statuses it gave."""
    headers = {"Authorization": f"Bearer {application.secrets.api_token}"}

    @given(case=operation.as_strategy())
    @BOUNDED
    def ask(case: schemathesis.Case[Any]) -> None:
        if arguments is not None:
            case.path_parameters = {name: arguments[name] for name in case.path_parameters or {}}
        statuses.add(case.call_and_validate(headers=headers, checks=CHECKS).status_code)

    statuses: set[int] = set()
    ask()
    return statuses


def test_the_api_keeps_its_word_anywhere(application: Application, document: schemathesis.BaseSchema) -> None:
    for operation in operations(document):
        hold_to_its_word(application, operation, arguments=None)


def test_the_api_keeps_its_word_where_there_is_something(
    application: Application, document: schemathesis.BaseSchema
) -> None:
    statuses = set()
    for operation in operations(document):
        statuses |= hold_to_its_word(application, operation, arguments=ARGUMENTS)

    assert statuses >= {200, 201, 202, 404, 409, 422}


def test_every_operation_says_what_a_good_answer_and_a_refusal_look_like(application: Application) -> None:
    found = application.visitor().get(DOCUMENT).get_json()

    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            assert any(status.startswith("2") for status in answers), (method, path)
            assert {"401", "404", "422"} <= set(answers), (method, path)
            assert operation["security"] == [{"token": []}], (method, path)
            assert operation["summary"], (method, path)


def test_no_two_models_share_a_name_in_the_document(application: Application) -> None:
    described = application.visitor().get(DOCUMENT).get_json()["components"]["schemas"]

    ours = [each.__name__ for each in models(BaseModel) if ".web.api." in each.__module__]

    twice = {name for name in ours if ours.count(name) > 1 and name in described}
    assert twice == set()


def models(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in root.__subclasses__():
        yield each
        yield from models(each)
