"""Runs the application on Flask's development server. Choose a better one."""

from __future__ import annotations

import os

from invoicing.app import create_app

if __name__ == "__main__":
    create_app().run(host="127.0.0.1", port=int(os.environ["PORT"]))
