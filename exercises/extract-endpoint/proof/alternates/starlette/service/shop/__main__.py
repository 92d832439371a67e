"""Runs the service on uvicorn, which drains on SIGTERM."""

import os

import uvicorn

from shop.web import application

if __name__ == "__main__":
    port = int(os.environ["PORT"])
    uvicorn.run(application(), host="127.0.0.1", port=port, timeout_graceful_shutdown=8, log_level="warning")
