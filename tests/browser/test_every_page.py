"""Every page: no serious accessibility fault, no sideways scrolling on a phone, light and dark."""

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from experiments.metrics import proportion
from flags import service
from flags.changes.model import Proposal
from flags.guards import By
from flags.model import FlagAt, SegmentDraft, Targeting
from flags.service.drafting import create_change
from tests.browser.conftest import Site
from tests.browser.test_admin_story import serve_users, wait_for_report
from tests.flows.making import ANNA, running_experiment
from tests.platform import opened

PAGES = [
    "/projects",
    "/tokens",
    "/p/demo/prod/flags",
    "/p/demo/prod/flags/new",
    "/p/demo/prod/flags/ranker",
    "/p/demo/prod/flags/ranker/edit",
    "/p/demo/prod/flags/ranker/targeting",
    "/p/demo/prod/flags/ranker/explain",
    "/p/demo/prod/segments",
    "/p/demo/prod/segments/staff",
    "/p/demo/prod/population",
    "/p/demo/prod/units?unit=u1",
    "/p/demo/prod/units/forgotten",
    "/p/demo/prod/keys",
    "/p/demo/prod/history",
    "/p/demo/prod/history/2",
    "/p/demo/prod/changes",
    "/p/demo/prod/changes/1",
    "/p/demo/prod/inventory",
    "/p/demo/prod/promote?source=dev",
    "/p/demo/prod/import",
    "/p/demo/prod/exports",
    "/audit",
    "/p/demo/prod/pipeline",
    "/p/demo/prod/experiments",
    "/p/demo/prod/experiments/new",
    "/p/demo/prod/experiments/trial",
    "/no/such/page",
]
PHONE_WIDTH = 390


@pytest.fixture(scope="module")
def furnished(site: Site) -> Site:
    """A project with a flag, and a running experiment that has a report."""
    with opened(site.settings) as database:
        made = running_experiment(database, "ranker", ("v1", "v2"), (proportion("click"),))
        with database.session() as session:
            service.forget_unit(session, By(ANNA), "demo", "somebody")
            service.create_segment(session, By(ANNA), "demo", "prod", SegmentDraft(key="staff"))
            draft = Proposal(targeting=Targeting(rules=(), default="v2", off="v1"))
            create_change(session, By(ANNA, "a draft"), FlagAt("demo", "prod", "ranker"), draft)
    serve_users(site, made.sdk_key, "ranker")
    wait_for_report(site, made.at)
    return site


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_accessibility_fault(
    furnished: Site, scripted_page: Page, scheme: Literal["light", "dark"]
) -> None:
    scripted_page.emulate_media(color_scheme=scheme)
    faults = {}
    for path in PAGES:
        scripted_page.goto(furnished.url(path))
        found = Axe().run(scripted_page).response["violations"]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        if serious:
            faults[path] = [(each["id"], [node["html"] for node in each["nodes"]]) for each in serious]

    assert faults == {}


def test_no_page_scrolls_sideways_on_a_phone(furnished: Site, scripted_page: Page) -> None:
    scripted_page.set_viewport_size({"width": PHONE_WIDTH, "height": 800})
    widths = {}
    for path in PAGES:
        scripted_page.goto(furnished.url(path))
        widths[path] = scripted_page.evaluate("document.documentElement.scrollWidth")

    assert {path: width for path, width in widths.items() if width > PHONE_WIDTH} == {}


def test_no_page_breaks_its_own_content_security_policy(furnished: Site, scripted_page: Page) -> None:
    said: list[str] = []
    scripted_page.on("console", lambda message: said.append(message.text))
    for path in PAGES[:-1]:
        scripted_page.goto(furnished.url(path))

    assert said == []


def test_a_stranger_is_sent_to_sign_in_and_back(furnished: Site, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()

    page.goto(furnished.url("/p/demo/prod/flags"))

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.url.endswith("/sign-in?next=/p/demo/prod/flags")
    context.close()
