"""Wiring: who talks to whom. Reads like a contents page; decides nothing."""

import os
from datetime import datetime
from typing import TYPE_CHECKING

from flask import Flask
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from flask_wtf.csrf import CSRFProtect

import flags.storage.change_tables
import flags.storage.usage_tables  # noqa: F401  (naming every table is part of the wiring)
import runtime.accounts.tables
import runtime.audit
import runtime.installation
import runtime.lease  # noqa: F401  (naming every table is part of the wiring)
from experiments.budget import Budget
from experiments.events.batch import MOST_BYTES
from experiments.events.forgetting import forget_units
from experiments.events.gauges import forgetting_gauges, inbox_gauges
from experiments.events.lake import Lake
from experiments.events.steps import compact_lake, drain_inbox
from experiments.events.waiting import WaitingExposures
from experiments.guards import ExperimentGuard
from experiments.opinions import ExperimentOpinion
from experiments.refresh import refresh_reports
from experiments.web import api as experiment_api
from experiments.web import intake
from experiments.web import pages as experiment_pages
from flags.access import Accesses
from flags.evaluations import Evaluations
from flags.guards import By
from flags.notices import nudge_after_commits
from flags.publisher import Publisher, caches_for
from flags.rates import Rates
from flags.registry import registry_of
from flags.service.due import publish_due
from flags.serving import Serving
from flags.steps import LateUnits, apply_switches, tidy_unit_sets
from flags.used import Used
from flags.web import api as flag_api
from flags.web import assignments, delivery, ofrep
from flags.web import pages as flag_pages
from flags.web import state as flags_state
from flags.web.protocols import exports, flagd, growthbook
from flags.web.stream_url import stream_urls
from runtime.accounts import pages as account_pages
from runtime.accounts import token_pages  # noqa: F401  (its routes join the accounts' blueprint)
from runtime.actors import SYSTEM
from runtime.changes import changes_of
from runtime.database import Database
from runtime.heap import return_memory
from runtime.installation import signing_key
from runtime.orphans import end_with_parent
from runtime.settings import Settings
from runtime.web import errors, formats, health, hot_flask, limits, security
from runtime.web import state as web_state
from runtime.web.arrival import Limits
from runtime.web.front import Front
from runtime.web.hot import HotRoutes
from runtime.worker import Step, Worker

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from flags.redis_sticky import RedisAssignments

# A body is refused by its length alone above this; what unpacks to more is refused while unpacking.
_MOST_BODY = MOST_BYTES + 100_000


def create_app(settings: Settings) -> Flask:
    """The web application on a migrated database."""
    database = Database(settings.database_url)
    app = OpenAPI(
        "app",
        info=Info(title="Pointsman", version="0.1.0"),
        security_schemes={"token": {"type": "http", "scheme": "bearer"}},
        validation_error_callback=flag_api.refuse_model,
    )
    app.config.update(
        SECRET_KEY=signing_key(database),
        MAX_CONTENT_LENGTH=_MOST_BODY,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        WTF_CSRF_TIME_LIMIT=None,
    )
    known = web_state.WebState(settings=settings, database=database, gauges=(inbox_gauges, forgetting_gauges))
    web_state.attach(app, known)
    publisher = Publisher(caches_for(settings.redis_url))
    nudge_after_commits(database, settings.redis_url)
    guards = (ExperimentGuard(),)
    evaluations = Evaluations()
    known_flags = flags_state.FlagsState(
        publisher=publisher,
        evaluations=evaluations,
        guards=guards,
        opinions=(ExperimentOpinion(),),
        kept_units=settings.kept_units,
        registry=registry_of(settings),
        waiting=WaitingExposures(),
    )
    flags_state.attach(app, known_flags)
    for part in (errors, formats, limits, security):
        part.register(app)
    forms = CSRFProtect(app)
    for pages in (account_pages, flag_pages, experiment_pages):
        app.register_blueprint(pages.blueprint)
    app.register_blueprint(health.blueprint)
    forms.exempt(health.blueprint)
    serving = Serving(
        database=database,
        publisher=publisher,
        accesses=Accesses(database, changes_of(database.engine)),
        evaluations=evaluations,
        remembered=_remembered(settings),
    )
    forms.exempt(hot_flask.attach(app, _hot_routes(settings, serving, app.config["SECRET_KEY"])))
    for api in (flag_api, experiment_api):
        forms.exempt(api.blueprint)
        app.register_api(api.blueprint)
    return app


def _remembered(settings: Settings) -> "RedisAssignments | None":
    if settings.redis_url is None:
        return None
    from flags.redis_sticky import RedisAssignments

    return RedisAssignments(settings.redis_url)


def _hot_routes(settings: Settings, serving: Serving, signing_key: str) -> HotRoutes:
    protocol = ofrep.Ofrep(
        rates=Rates(settings.key_rate),
        stream_url=stream_urls(settings.public_stream_url, signing_key),
        used=Used(serving.database),
    )
    return HotRoutes(
        (
            *delivery.routes(serving),
            *assignments.routes(serving),
            *ofrep.routes(serving, protocol),
            *flagd.routes(serving),
            *growthbook.routes(serving, _growthbook(settings)),
            *exports.routes(serving, settings.growthbook),
            *intake.routes(serving),
        )
    )


def _growthbook(settings: Settings) -> growthbook.GrowthBook:
    return growthbook.GrowthBook(environments=settings.growthbook, stream_url=settings.public_stream_url)


def create_worker(settings: Settings) -> Worker:
    """The worker on a migrated database: events to the lake, then reports."""
    database, lake = Database(settings.database_url), Lake(settings.lake_dir)
    nudge_after_commits(database, settings.redis_url)
    by = By(SYSTEM, guards=(ExperimentGuard(),), kept_units=settings.kept_units, waiting=WaitingExposures())

    def changes(now: datetime) -> bool:
        return publish_due(database, by, now)

    def switches(now: datetime) -> bool:
        return apply_switches(database, by, now)

    budget = Budget(spill=settings.spill_dir)

    def reports(now: datetime) -> bool:
        return refresh_reports(database, lake, now, budget=budget)

    return Worker(
        database,
        [
            Step(name="drain", run=lambda now: drain_inbox(database, lake, now), every_s=1.0),
            Step(name="reports", run=reports, every_s=1.0),
            Step(name="late units", run=LateUnits(database, by), every_s=1.0),
            Step(name="changes", run=changes, every_s=1.0),
            Step(name="switches", run=switches, every_s=1.0),
            Step(name="unit sets", run=lambda now: tidy_unit_sets(database, now), every_s=3_600.0),
            Step(name="forget", run=lambda now: forget_units(database, lake, now), every_s=600.0),
            Step(name="compact", run=lambda _: compact_lake(lake), every_s=60.0),
        ],
    )


def create_stream(settings: Settings) -> "Starlette":
    """The stream application on a migrated database."""
    from flags.web import stream as flag_stream

    database = Database(settings.database_url)
    return flag_stream.create_stream(
        database,
        signing_key=signing_key(database),
        redis_url=settings.redis_url,
        growthbook=settings.growthbook,
    )


def create_front(app: Flask, settings: Settings) -> Front:
    """What a web process runs around the web application."""
    limits = Limits(
        threads=settings.web_threads, body_bytes=_MOST_BODY, body_within_s=settings.body_timeout_s
    )
    return Front(app, limits, hot_flask.hot_routes(app))


def web() -> Front:
    """What the web server runs, with the settings of the environment."""
    end_with_parent()
    return_memory()
    settings = Settings.from_environment(os.environ)
    return create_front(create_app(settings), settings)


def stream() -> "Starlette":
    """What the stream server runs, with the settings of the environment."""
    end_with_parent()
    return create_stream(Settings.from_environment(os.environ))
