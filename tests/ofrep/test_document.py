"""The routes against OFREP's own OpenAPI document, for any input."""

from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from runtime.database import Database
from tests.flags.web import application
from tests.ofrep.furnishing import furnish
from tests.platform import ROOT, migrate

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
BOUNDED: Final = settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


def document() -> dict[str, Any]:
    """The published document, where it lies beside the project; the test is skipped where it does not."""
    for folder in ROOT.parents:
        path: Path = folder / "shared" / "conformance" / "ofrep" / "openapi.yaml"
        if path.exists():
            found: dict[str, Any] = yaml.safe_load(path.read_text())
            return found
    pytest.skip("OFREP's openapi.yaml is not beside the project")


def loosened(node: Any) -> Any:
    """With anyOf for oneOf: no answer can match exactly one of kinds of which one has no member at all."""
    if isinstance(node, dict):
        return {("anyOf" if name == "oneOf" else name): loosened(each) for name, each in node.items()}
    return [loosened(each) for each in node] if isinstance(node, list) else node


@pytest.mark.parametrize("flag", [None, "share", "nothing", "ranker"])
def test_every_answer_is_one_the_protocol_knows(tmp_path: Path, flag: str | None) -> None:
    app, secret = furnished(tmp_path)
    schema = schemathesis.openapi.from_dict(loosened(document()))
    schema.app = app
    statuses: set[int] = set()

    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        ask_anything(found.ok(), {"Authorization": f"Bearer {secret}"}, flag, statuses)

    assert statuses >= {200, 400}


def furnished(folder: Path) -> tuple[Any, str]:
    """The application with a flag of every kind, and a key."""
    from runtime.settings import Settings

    at = Settings(data_dir=folder)
    migrate(at)
    database = Database(at.database_url)
    return application(database), furnish(database).client


def ask_anything(operation: Any, headers: dict[str, str], flag: str | None, statuses: set[int]) -> None:
    @given(case=operation.as_strategy())
    @BOUNDED
    def ask(case: schemathesis.Case[Any]) -> None:
        if flag is not None and case.path_parameters:
            case.path_parameters = {"key": flag}
        statuses.add(case.call_and_validate(headers=headers, checks=CHECKS).status_code)

    ask()
