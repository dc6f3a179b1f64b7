"""A real platform, a real Chromium, and a person who is signed in."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from runtime.accounts import service as accounts
from runtime.actors import SYSTEM
from runtime.settings import Settings
from tests.platform import Platform, opened, platform

ADA = "ada@example.org"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP: ViewportSize = {"width": 1200, "height": 900}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True, slots=True)
class Site:
    """The platform as its visitors know it."""

    running: Platform

    @property
    def settings(self) -> Settings:
        return self.running.settings

    def url(self, path: str) -> str:
        return f"{self.settings.base_url}{path}"

    def sign_in_link(self) -> str:
        """A fresh one-time link for Ada."""
        now = datetime.now(UTC)
        with opened(self.settings) as database, database.session() as session:
            accounts.ensure_person(session, SYSTEM, ADA, now=now)
            return self.url(f"/sign-in/{accounts.create_sign_in_link(session, SYSTEM, ADA, now=now)}")


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with platform(tmp_path_factory.mktemp("site")) as running:
        running.start("web", "worker")
        running.wait_until_ready()
        yield Site(running)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = next((found for found in map(shutil.which, _NAMES) if found), None)
    assert path is not None, "no Chromium: run `make browser`"
    # Only for this folder: while it runs, this thread has an event loop that others would trip over.
    with sync_playwright() as playwright:
        opened_browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield opened_browser
        opened_browser.close()


@pytest.fixture(scope="package")
def cookies(site: Site, browser: Browser) -> list[object]:
    """Ada's session, made once by her one-time link."""
    context = browser.new_context()
    context.new_page().goto(site.sign_in_link())
    found: list[object] = list(context.cookies())
    context.close()
    return found


def signed_in(browser: Browser, cookies: list[object], *, scripts: bool) -> BrowserContext:
    context = browser.new_context(java_script_enabled=scripts, viewport=DESKTOP)
    context.add_cookies(cookies)  # type: ignore[arg-type]  # as the browser itself gave them
    return context


@pytest.fixture
def page(browser: Browser, cookies: list[object]) -> Iterator[Page]:
    """Ada's page, with scripts switched off: everything must work so."""
    context = signed_in(browser, cookies, scripts=False)
    yield context.new_page()
    context.close()


@pytest.fixture
def scripted_page(browser: Browser, cookies: list[object]) -> Iterator[Page]:
    """Ada's page with scripts, as accessibility checkers need them."""
    context = signed_in(browser, cookies, scripts=True)
    yield context.new_page()
    context.close()
