"""Try to change what is in the working directory; print what came of it."""

import sys
from pathlib import Path


def change() -> None:
    Path("given.txt").write_text("mine")


def add() -> None:
    Path("new.txt").write_text("mine")


def remove() -> None:
    Path("given.txt").unlink()


for attempt in (change, add, remove):
    try:
        attempt()
        sys.stdout.write("done\n")
    except OSError:
        sys.stdout.write("refused\n")
