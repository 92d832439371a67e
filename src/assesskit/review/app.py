"""The review pages: a small Flask app for one person, on loopback, behind a token that works once.

No page has a script. Everything works from the keyboard, because everything is a link, a radio button, a text field or
a button.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus

from flask import Flask, Response, make_response, redirect, request
from jinja2 import Environment, PackageLoader
from werkzeug.exceptions import HTTPException

from assesskit.errors import AssesskitError, UsageError
from assesskit.journal import Conflict
from assesskit.reports.pages import environment, style_digest
from assesskit.review.desk import Desk, Task

COOKIE = "assesskit_review"
MAX_FORM = 64 * 1024
"""Bytes of a form. A note is at most 4,000 characters."""
HOSTS = ("127.0.0.1", "localhost")


@dataclass
class Gate:
    """Who may come in: the first who brings the token, and afterwards their browser only."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    form: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    used: bool = False

    def enter(self, token: str) -> bool:
        """Whether this is the token, for the first time."""
        if self.used or not token or not hmac.compare_digest(token.encode(), self.token.encode()):
            return False
        self.used = True
        return True

    def knows(self, cookie: str) -> bool:
        """Whether this is the browser that came in."""
        return self.used and hmac.compare_digest(cookie.encode(), self.cookie.encode())

    def wrote(self, form: str) -> bool:
        """Whether a form was ours."""
        return hmac.compare_digest(form.encode(), self.form.encode())


@dataclass(frozen=True)
class Pages:
    """Renders the pages of a desk, with the token that our forms carry."""

    desk: Desk
    gate: Gate
    templates: Environment

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """A page as a response."""
        values |= {"desk": self.desk, "form_token": self.gate.form}
        return make_response(self.templates.get_template(template).render(**values), status)

    def refused(self, what: str, status: int) -> Response:
        """A page that says why there is none."""
        return self.page("refused.html.j2", status, what=what)

    def judge(self, task: Task, problem: str = "", status: int = 200) -> Response:
        """A task with its form, filled with what was typed."""
        return self.page("judge.html.j2", status, task=task, problem=problem, typed=request.form)


def application(desk: Desk, gate: Gate, on_finish: Callable[[], None]) -> Flask:
    """The pages of a desk; `on_finish` is called when the reviewer says that they are done."""
    app = Flask("assesskit.review", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_FORM
    pages = Pages(desk, gate, environment(PackageLoader("assesskit.review")))
    _guard(app, pages)
    _errors(app, pages)

    @app.get("/")
    def overview() -> Response:
        return pages.page("overview.html.j2", tasks=desk.tasks)

    @app.get("/judge/<int:number>")
    def judge(number: int) -> Response:
        return pages.judge(desk.task(number))

    @app.post("/judge/<int:number>")
    def save(number: int) -> Response:
        return _save(pages, desk.task(number))

    @app.get("/agreement")
    def agreement() -> Response:
        return pages.page("agreement.html.j2", tasks=desk.tasks, found=desk.agreement())

    @app.post("/finish")
    def finish() -> Response:
        on_finish()
        return pages.page("finished.html.j2")

    return app


def _save(pages: Pages, task: Task) -> Response:
    """Keep what was sent and go on with the next task that is open; what cannot be kept is shown with why."""
    sent, desk = request.form, pages.desk
    level = int(sent["level"]) if sent.get("level", "") in {"0", "1", "2", "3"} else None
    words = {"note": sent.get("note", ""), "reason": sent.get("reason", "")}
    try:
        desk.save(task, level=level, **words, seen=sent.get("seen", ""), now=datetime.now(UTC))
    except Conflict as error:
        return pages.judge(task, f"{error.what}. {error.hint}", 409)
    except UsageError as error:
        return pages.judge(task, f"{error.where}: {error.what}. {error.hint}".strip(), 400)
    open_ = [each for each in desk.tasks if desk.own(each) is None]
    later = [each for each in open_ if each.number > task.number] or open_
    return make_response(redirect(f"/judge/{later[0].number}" if later else "/agreement", 303))


def _guard(app: Flask, pages: Pages) -> None:
    """Let in the first who brings the token, and afterwards only their browser and our own forms."""

    @app.before_request
    def guard() -> Response | None:
        gate = pages.gate
        if request.host.rsplit(":", 1)[0] not in HOSTS:
            return pages.refused("This address is not the one that was printed.", 421)
        if request.path == "/" and gate.enter(request.args.get("token", "")):
            entered = make_response(redirect("/", 303))
            entered.set_cookie(COOKIE, gate.cookie, httponly=True, samesite="Strict", path="/")
            return entered
        if not gate.knows(request.cookies.get(COOKIE, "")):
            what = "Open the address that `assesskit review` printed. It works once, in one browser."
            return pages.refused(what, 403)
        if request.method == "POST" and not gate.wrote(request.form.get("form", "")):
            return pages.refused("This form did not come from here.", 403)
        return None

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'sha256-{style_digest()}'; img-src data:; base-uri 'none'; "
            "form-action 'self'; frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response


def _errors(app: Flask, pages: Pages) -> None:
    """Tell what went wrong on a page of ours."""

    def missing(error: HTTPException) -> Response:
        code = error.code or HTTPStatus.NOT_FOUND
        too_long = code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return pages.refused("This is longer than a note can be." if too_long else "There is no such page.", code)

    def told(error: AssesskitError) -> Response:
        return pages.refused(f"{error} {error.hint}".strip(), 404 if isinstance(error, UsageError) else 500)

    app.register_error_handler(HTTPException, missing)
    app.register_error_handler(AssesskitError, told)
