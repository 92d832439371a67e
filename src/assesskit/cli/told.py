"""How a command ends: errors told to people, and the documented exit codes."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn, ParamSpec

import typer

from assesskit.errors import AssesskitError

INTERRUPTED = 130
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
        except (typer.Exit, typer.Abort):
            raise
        except Exception:  # noqa: BLE001  the last place that can tell it; it is ours, and says so
            say("This is a fault of assesskit, not of any submission. Please report it with these lines.")
            say(traceback.format_exc())
            stop(FAULT)

    return run


def tell(error: AssesskitError) -> None:
    """Print what went wrong, and what to do next."""
    say(f"error: {error}")
    if error.hint:
        say(f"  {error.hint}")


def say(text: str) -> None:
    """Print to standard error."""
    print(text, file=sys.stderr)


def stop(code: int) -> NoReturn:
    """End the command with an exit code."""
    raise typer.Exit(code)
