"""Wiring: who talks to whom. Reads like a contents page; decides nothing."""

import os

from flask import Flask
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from flask_wtf.csrf import CSRFProtect

import runtime.accounts.tables
import runtime.audit
import runtime.installation
import runtime.lease  # noqa: F401  (naming every table is part of the wiring)
from experiments.events.batch import MOST_BYTES
from experiments.web import intake
from flags.publisher import Publisher, caches_for
from flags.web import api as flag_api
from flags.web import delivery
from flags.web import pages as flag_pages
from flags.web import state as flags_state
from runtime.accounts import pages as account_pages
from runtime.database import Database
from runtime.installation import signing_key
from runtime.orphans import end_with_parent
from runtime.settings import Settings
from runtime.web import errors, formats, health, limits, security
from runtime.web import state as web_state

# A body is refused by its length alone above this; what unpacks to more is refused while unpacking.
_MOST_BODY = MOST_BYTES + 100_000


def create_app(settings: Settings) -> Flask:
    """The web application on a migrated database."""
    database = Database(settings.database_url)
    app = OpenAPI(
        "app",
        info=Info(title="Pointsman", version="0.1.0"),
        validation_error_callback=flag_api.refuse_model,
        doc_ui=True,
    )
    app.config.update(
        SECRET_KEY=signing_key(database),
        MAX_CONTENT_LENGTH=_MOST_BODY,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        WTF_CSRF_TIME_LIMIT=None,
    )
    web_state.attach(app, web_state.WebState(settings=settings, database=database))
    guards = ()
    publisher = Publisher(caches_for(settings.redis_url))
    flags_state.attach(app, flags_state.FlagsState(publisher=publisher, guards=guards))
    for part in (errors, formats, limits, security):
        part.register(app)
    forms = CSRFProtect(app)
    for pages in (account_pages, flag_pages):
        app.register_blueprint(pages.blueprint)
    for machines in (health, delivery, intake):
        forms.exempt(machines.blueprint)
        app.register_blueprint(machines.blueprint)
    for api in (flag_api,):
        forms.exempt(api.blueprint)
        app.register_api(api.blueprint)
    return app


def web() -> Flask:
    """What the web server runs, with the settings of the environment."""
    end_with_parent()
    return create_app(Settings.from_environment(os.environ))
