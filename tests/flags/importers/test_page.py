"""The import page: a plan first, then doing it, and problems beside the document."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from runtime.settings import Settings
from tests.flags.importers.test_importing import DOCUMENT
from tests.security.application import Application, furnished

PAGE = "/p/demo/prod/import"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Application]:
    with furnished(Settings(data_dir=tmp_path)) as application:
        yield application


def test_a_plan_comes_first_and_writes_nothing(site: Application) -> None:
    browser = site.ada()
    form = {"vendor": "launchdarkly", "document": json.dumps(DOCUMENT), "do": "plan"}

    planned = site.submit(PAGE, form)

    assert planned.status_code == 200
    assert "create" in planned.text
    assert browser.get("/p/demo/prod/flags/child").status_code == 404


def test_a_file_is_imported(site: Application) -> None:
    browser = site.ada()
    file = (BytesIO(json.dumps(DOCUMENT).encode()), "flags.json")

    done = site.submit(PAGE, {"vendor": "launchdarkly", "file": file, "do": "import"})

    assert done.status_code == 200
    assert browser.get("/p/demo/prod/flags/child").status_code == 200


@pytest.mark.parametrize("form", [{"vendor": "x", "document": "{}"}, {"vendor": "flagd", "document": "no"}])
def test_a_bad_document_is_refused_beside_the_form(site: Application, form: dict[str, str]) -> None:
    refused = site.submit(PAGE, form)

    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
