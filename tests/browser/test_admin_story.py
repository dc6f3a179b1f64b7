"""An admin's day in a real browser, without scripts: flag, split, experiment, report, decision."""

from playwright.sync_api import Page, expect

from experiments import queries
from experiments.model import ExperimentAt
from flags import service
from flags.guards import By
from flags.model import FlagAt
from flags.queries import get_state
from pointsman import Client, Options
from runtime.actors import SYSTEM
from tests.browser.conftest import Site
from tests.platform import opened, wait_until

USERS = 800


def make_project(page: Page, site: Site, key: str) -> None:
    page.goto(site.url("/projects"))
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("heading", name="Flags", exact=True)).to_be_visible()


def make_flag(page: Page, site: Site, project: str) -> None:
    page.goto(site.url(f"/p/{project}/prod/flags/new"))
    page.get_by_label("Key").fill("ranker")
    for number, name in enumerate(("v1", "v2"), start=1):
        page.get_by_label(f"Variant {number}", exact=True).fill(name)
        page.get_by_label(f"Payload of variant {number}").fill(f'{{"model": "{name}", "offline_score": 0.8}}')
    page.get_by_role("button", name="Create the flag").click()
    expect(page.get_by_role("heading", name="ranker", exact=True)).to_be_visible()


def set_split(page: Page, v1: str, v2: str) -> None:
    page.locator("#rule-0-weight-v1").fill(v1)
    page.locator("#rule-0-weight-v2").fill(v2)
    page.get_by_role("button", name="See how many units move").click()


def test_the_units_that_move_are_shown_before_a_split_is_saved(page: Page, site: Site) -> None:
    make_project(page, site, "moves")
    make_flag(page, site, "moves")
    page.get_by_role("link", name="Change rules and split").click()
    page.get_by_role("button", name="Add a rule").click()
    set_split(page, "90", "10")
    page.get_by_role("button", name="Save these rules").click()
    expect(page.locator(".shares").get_by_text("90 %")).to_be_visible()

    page.get_by_role("link", name="Change rules and split").click()
    set_split(page, "80", "20")

    expect(page.get_by_role("heading", name="Units moved: 10 %")).to_be_visible()
    expect(page.get_by_text("10 % go from v1 to v2")).to_be_visible()


def test_a_wrong_share_is_named_and_what_was_typed_stays(page: Page, site: Site) -> None:
    make_project(page, site, "typed")
    make_flag(page, site, "typed")
    page.goto(site.url("/p/typed/prod/flags/ranker/targeting"))
    page.get_by_role("button", name="Add a rule").click()

    set_split(page, "70", "20")

    expect(page.get_by_text("the shares must sum to 100 %, not 90 %").first).to_be_visible()
    expect(page.locator("#rule-0-weight-v1")).to_have_value("70")


def test_of_two_editors_the_second_sees_both_versions_and_loses_nothing(page: Page, site: Site) -> None:
    make_project(page, site, "both")
    make_flag(page, site, "both")
    page.goto(site.url("/p/both/prod/flags/ranker/targeting"))
    page.get_by_role("button", name="Add a rule").click()
    set_split(page, "60", "40")
    with opened(site.settings) as database, database.session() as session:
        at = FlagAt("both", "prod", "ranker")
        version = get_state(session, at).version
        service.set_enabled(session, By(SYSTEM), at, enabled=True, expected_version=version)

    page.get_by_role("button", name="Save these rules").click()

    expect(page.get_by_text("Somebody else changed this while you were editing")).to_be_visible()
    expect(page.locator("#rule-0-weight-v1")).to_have_value("60")
    page.get_by_role("button", name="See how many units move").click()
    page.get_by_role("button", name="Save these rules").click()
    expect(page.locator(".shares").get_by_text("60 %")).to_be_visible()


def test_an_experiment_from_the_first_word_to_the_decision(page: Page, site: Site) -> None:
    make_project(page, site, "story")
    make_flag(page, site, "story")
    page.get_by_role("link", name="Change rules and split").click()
    page.get_by_role("button", name="Add a rule").click()
    set_split(page, "50", "50")
    page.get_by_role("button", name="Save these rules").click()
    page.get_by_role("button", name="ranker is off in prod; switch it on").click()
    page.goto(site.url("/p/story/prod/keys"))
    page.get_by_label("Name").fill("the application")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#secret").inner_text()
    page.goto(site.url("/p/story/prod/keys"))
    expect(page.locator("#secret")).to_have_count(0)

    write_experiment(page, site)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("running", exact=True)).to_be_visible()
    serve_users(site, key, "ranker")
    stop_when_reported(page, site)

    expect(page.get_by_role("heading", name="Verdict: ship v2")).to_be_visible()
    expect(page.get_by_role("img", name="Forest plot")).to_be_visible()
    expect(page.get_by_label("Decision")).to_have_value("ship")
    expect(page.get_by_label("If it ships, which variant")).to_have_value("v2")
    page.get_by_label("Why").fill("as written down")
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_role("heading", name="Decided: ship v2")).to_be_visible()
    page.goto(site.url("/p/story/prod/history"))
    expect(page.get_by_text("experiment.decide")).to_be_visible()


def write_experiment(page: Page, site: Site) -> None:
    page.goto(site.url("/p/story/prod/experiments/new"))
    for label, text in (
        ("Key", "trial"),
        ("Name", "Is v2 better?"),
        ("Hypothesis", "v2 ranks better"),
        ("What will be decided", "which model ranks"),
        ("Who decides", "Ada"),
        ("What result means “ship”", "more clicks"),
        ("Metric 1", "click"),
    ):
        page.get_by_label(label, exact=False).first.fill(text)
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("heading", name="Is v2 better?")).to_be_visible()


def serve_users(site: Site, key: str, flag: str) -> None:
    """Everybody on v2 clicks; of those on v1 every other one does."""
    with Client(site.settings.base_url, key=key, options=Options(cache_dir=None)) as client:
        assert client.wait_until_ready(30)
        for number in range(USERS):
            choice = client.variant(flag, unit=f"user-{number}")
            client.expose(choice)
            client.record("click", unit=f"user-{number}", value=choice.variant == "v2" or number % 2 == 0)
        assert client.flush(30)


def stop_when_reported(page: Page, site: Site) -> None:
    at = ExperimentAt("story", "prod", "trial")
    page.goto(site.url("/p/story/prod/experiments/trial"))
    page.locator("summary", has_text="Stop").click()
    page.get_by_role("button", name="Stop for good").click()
    expect(page.get_by_text("stopped", exact=True)).to_be_visible()
    wait_for_report(site, at)
    page.reload()


def wait_for_report(site: Site, at: ExperimentAt) -> None:
    def reported() -> bool:
        with opened(site.settings) as database, database.reading() as session:
            stored = queries.find_report(session, queries.get_experiment(session, at))
        return stored is not None and sum(stored.report.units.values()) == USERS

    wait_until(reported, "a report of all users")
