"""Puts the parts together; the environment is read here and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from orders import api, operation, problems, telemetry
from orders.auth import Gateway
from orders.inventory import Inventory
from orders.ordering import Ordering
from orders.store import Store

MAX_BODY = 48 * 1024
THREADS = 16
WRITERS = 12
"""Threads that may make orders, which takes as long as the inventory does; the others are left to reads and probes."""


def database() -> Path:
    return Path(os.environ["DATA_DIR"]) / "orders.sqlite3"


def create_app() -> Flask:
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    store = Store(database())
    inventory = Inventory(os.environ["INVENTORY_URL"], connections=THREADS)
    gateway = Gateway(os.environ["AUTH_PUBLIC_KEY"], os.environ["AUTH_ISSUER"], os.environ["AUTH_AUDIENCE"])
    telemetry.install(app)
    problems.install(app)
    app.register_blueprint(api.blueprint(Ordering(store, inventory, WRITERS), gateway))
    app.register_blueprint(operation.blueprint(operation.Readiness(store, inventory)))
    return app
