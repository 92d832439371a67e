"""The command line: the only room that prints and exits. A module per audience.

Exit codes: 0 done (whatever the score) · 1 a claim is false · 2 wrong use, invalid content or submission ·
3 no runtime · 4 harness failed · 130 interrupted.
"""

from __future__ import annotations

import io
import signal
import sys
import threading
from types import FrameType

import typer

from assesskit.cli import (
    author,
    candidate,
    comparing,
    interviewer,
    inviting,
    operator,
    reporting,
    reviewing,
    routing,
    traces,
    workspace,
)
from assesskit.errors import RuntimeUnavailableError

app = typer.Typer(
    name="assesskit",
    help="Hiring assessments for backend engineers, whose score tells the truth.",
    epilog="Exit codes: 0 done, whatever the score; 1 a claim is false; 2 wrong use or invalid input; "
    "3 no runtime answers; 4 a fault of ours; 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich alone would double the time of `--help`
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for audience in (
    workspace,
    candidate,
    traces,
    routing,
    inviting,
    interviewer,
    reporting,
    reviewing,
    comparing,
    author,
    operator,
):
    audience.add_to(app)


SOON = 0.05
WINDOWS = """\
error: assesskit does not run on Windows itself: it needs what only POSIX systems have
  Install WSL (`wsl --install`), open its terminal, and begin there; Docker Desktop serves it. See docs/journey.md."""


def main() -> None:
    """Run the command line. TERM is treated as Ctrl-C: everything started is removed."""
    if sys.platform == "win32":
        print(WINDOWS, file=sys.stderr)
        sys.exit(RuntimeUnavailableError.exit_code)

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):  # as standard error does: no name of a file ends a command
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.unraisablehook = again
    app(prog_name="assesskit")


def again(lost: sys.UnraisableHookArgs) -> None:
    """Interrupt once more when Ctrl-C came to where Python lets no exception out, such as the end of an object."""
    if isinstance(lost.exc_value, KeyboardInterrupt):
        main_thread = threading.main_thread().ident or 0
        later = threading.Timer(SOON, signal.pthread_kill, (main_thread, signal.SIGINT))
        later.start()  # at once it would be lost in here, too
    else:
        sys.__unraisablehook__(lost)
