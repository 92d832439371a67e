"""How a command ends: errors told to people, and the documented exit codes."""

from __future__ import annotations

import functools
import io
import os
import select
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, ParamSpec

import typer

from assesskit.errors import AssesskitError

INTERRUPTED = 130
UNREAD = 141
"""As a shell says that SIGPIPE ended a command: whoever read what it prints has gone away."""
FAULT = 4
P = ParamSpec("P")


def told(command: Callable[P, None]) -> Callable[P, None]:
    """Run a command; tell what went wrong on standard error and exit with the error's code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except AssesskitError as error:
            tell(error)
            stop(error.exit_code)
        except KeyboardInterrupt:
            say("interrupted: everything that was started has been removed")
            stop(INTERRUPTED)
        except typer.Abort:  # Ctrl-C or Ctrl-D at a question, or no
            say("left at a question: nothing was done")
            stop(INTERRUPTED)
        except typer.Exit:
            raise
        except Exception as error:  # noqa: BLE001  the last place that can tell it; it is ours, and says so
            if isinstance(error, BrokenPipeError) and not _is_read():
                stop(UNREAD)
            tell_bug()
            stop(FAULT)

    return run


def _is_read() -> bool:
    """Whether standard output is still read by somebody; if not, what is left to print goes nowhere."""
    try:
        sys.stdout.flush()
        left = hasattr(select, "poll") and _is_left(sys.stdout.fileno())
    except BrokenPipeError:
        left = True
    except io.UnsupportedOperation:  # it is no file of the system's, so nobody can leave it
        left = False
    if left:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return not left


def _is_left(pipe: int) -> bool:
    """Whether nobody reads a pipe any more, which poll(2) tells also when nothing is left in a buffer to be written."""
    poll = select.poll()
    poll.register(pipe, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def tell(error: AssesskitError) -> None:
    """Print what went wrong, and what to do next."""
    say(f"error: {error}")
    if error.hint:
        say(f"  {error.hint}")


def tell_bug() -> None:
    """Print the exception that is being handled: nobody foresaw it, so it is ours, and its lines are what mends it."""
    say("This is a fault of assesskit, not of any submission. Please report it with these lines.")
    say(traceback.format_exc())


def say(text: str) -> None:
    """Print to standard error."""
    print(text, file=sys.stderr)


def plain(text: str) -> str:
    """A name or an argument as UTF-8 can tell it: what the system gave and is none becomes replacement characters."""
    return text.encode("utf-8", "surrogateescape").decode(errors="replace")


def stop(code: int) -> NoReturn:
    """End the command with an exit code."""
    raise typer.Exit(code)
