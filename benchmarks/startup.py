"""`assesskit --help` against the floor of importing typer, as whole processes, in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15
FLOOR = [sys.executable, "-c", "import typer"]
HELP = [sys.executable, "-m", "assesskit.cli", "--help"]


def seconds(command: list[str]) -> float:
    """Wall time of one run."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Print the ratio of the medians."""
    pairs = [(seconds(FLOOR), seconds(HELP)) for _ in range(ROUNDS)]
    floor, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"assesskit --help      {ours / floor:5.2f} x  import typer   (aim: 1.5 or less; {ROUNDS} runs each, medians)"
    )


if __name__ == "__main__":
    main()
