"""Puts the parts together; the environment is read here and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from invoicing import api, operation, telemetry
from invoicing.follower import Follower
from invoicing.invoices import Invoices
from invoicing.monolith import Monolith
from invoicing.publisher import Publisher
from invoicing.store import Store

THREADS = 16


def create_app() -> Flask:
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 256 * 1024
    telemetry.install(app)
    store = Store(Path(os.environ["DATA_DIR"]) / "invoicing.sqlite3")
    monolith = Monolith(os.environ["MONOLITH_URL"], connections=THREADS + 1)
    publisher = Publisher(store, os.environ["EVENTS_URL"])
    follower = Follower(store, monolith)
    api.install_errors(app)
    app.register_blueprint(api.blueprint(store, Invoices(store, monolith, publisher, telemetry.traceparent)))
    app.register_blueprint(operation.blueprint(store, follower))
    publisher.start()
    follower.start()
    return app
