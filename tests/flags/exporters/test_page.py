"""The exports page: where to ask, what is carried, and why the rest is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flags import service
from flags.model import NewFlag
from pointsman.core.model import Kind
from runtime.settings import Settings
from tests.flags.making import ANNA
from tests.security.application import Application, furnished

PAGE = "/p/demo/prod/exports"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Application]:
    with furnished(Settings(data_dir=tmp_path, growthbook=frozenset({"demo/prod"}))) as application:
        with application.database.session() as session:
            whole = NewFlag(key="whole", kind=Kind.STRING, variants={"a": "x"})
            service.create_flag(session, ANNA, "demo", whole)
            sticky = NewFlag(key="loyal", kind=Kind.STRING, variants={"a": "x"}, sticky=True)
            service.create_flag(session, ANNA, "demo", sticky)
        yield application


def test_each_form_says_where_to_ask(site: Application) -> None:
    shown = site.ada().get(PAGE).text

    assert "http://localhost/api/features/&lt;client key&gt;" in shown
    assert "http://localhost/flagd/v1/flags.json?hashing=text" in shown
    assert "http://127.0.0.1:8001/sub/&lt;client key&gt;" in shown


def test_what_is_left_out_is_listed_with_the_reason(site: Application) -> None:
    shown = site.ada().get(PAGE).text

    assert "is sticky: who is enrolled keeps a variant that no rule tells" in shown
    assert shown.count('flags/loyal">loyal</a></td>') == 3
    assert shown.count('flags/whole">whole</a></li>') == 3


def test_an_environment_that_is_not_named_says_so(site: Application) -> None:
    shown = site.ada().get("/p/demo/dev/exports").text

    assert "not named in POINTSMAN_GROWTHBOOK" in shown


@pytest.mark.parametrize("page", ["import", "keys"])
def test_people_find_it_from_where_they_look(site: Application, page: str) -> None:
    assert f'href="{PAGE}"' in site.ada().get(f"/p/demo/prod/{page}").text
