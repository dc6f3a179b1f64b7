"""One real platform for every test over the wire, and one real application for those that need breadth."""

from collections.abc import Iterator

import pytest
import urllib3

from runtime.settings import Settings
from tests.platform import opened, platform
from tests.security.application import Application, furnished
from tests.security.site import PATIENCE_S, Site, furnish
from tests.servers import PostgresServer


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running web server; no worker, so that what was acknowledged stays countable in the inbox."""
    with platform(tmp_path_factory.mktemp("site")) as running, opened(running.settings) as database:
        secrets = furnish(database)
        running.start("web")
        running.wait_until_ready()
        with urllib3.HTTPConnectionPool(
            running.settings.host, running.settings.port, timeout=PATIENCE_S, maxsize=2
        ) as pool:
            yield Site(base_url=running.settings.base_url, database=database, secrets=secrets, pool=pool)


@pytest.fixture
def unharmed(site: Site) -> Iterator[Site]:
    """The site; when the test is done it still serves, and holds exactly what it held before."""
    before = site.stored()
    yield site
    assert site.stored() == before


@pytest.fixture(scope="package")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with furnished(Settings(data_dir=tmp_path_factory.mktemp("sqlite"))) as application:
        yield application


@pytest.fixture(scope="package")
def on_postgres(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[Application]:
    url = postgres_server.new_database()
    settings = Settings(data_dir=tmp_path_factory.mktemp("postgres"), database_url=url)
    with furnished(settings) as application:
        yield application
    postgres_server.drop(url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def either(request: pytest.FixtureRequest) -> Application:
    """The application on each database: they refuse different things."""
    found: Application = request.getfixturevalue(f"on_{request.param}")
    return found
