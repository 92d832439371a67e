"""Serves the gate."""

import os

import uvicorn
from facts import broken
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


async def ready(_: Request) -> Response:
    return JSONResponse({"ready": True})


async def judge(request: Request) -> Response:
    asked = await request.json()
    found = broken(asked["old"], asked["new"])
    return JSONResponse({"compatible": not found, "why": found})


if __name__ == "__main__":
    app = Starlette(routes=[Route("/", ready, methods=["GET"]), Route("/", judge, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
