"""Reports and comparison: time per assessment, and the peak of memory, at 10, 100 and 1,000 assessments.

Each size is a process of its own, so that its peak is its own. The record is the longest real one that the tests keep,
written again and again under other names: what is measured is reading, figuring and rendering.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.reports import real

from assesskit.cli.writing import write_comparison
from assesskit.content.profiles import profiles
from assesskit.judging import Reviewed
from assesskit.model import Assessment
from assesskit.reports import html, one_page
from assesskit.store import write_assessment

SIZES = (10, 100, 1000)
ROOT = Path(__file__).parents[1]
ROUNDS = 5


def named(index: int) -> Assessment:
    """The longest record, as another person's: every seventh criterion that checks judged is turned, by turns."""
    found = real.longest()
    turned = tuple(
        result.model_copy(update={"verdict": "not_met" if result.verdict == "met" else "met"})
        if result.verdict != "ungraded" and (at + index) % 7 == 0
        else result
        for at, result in enumerate(found.results)
    )
    submitted = found.submission.model_copy(update={"name": f"C-{index:04}", "digest": f"{index:064x}"})
    return found.model_copy(update={"run": f"run-{index:04}", "submission": submitted, "results": turned})


def written(folder: Path, count: int) -> list[Path]:
    """That many records, each in a folder of its own."""
    paths = []
    for index in range(count):
        path = folder / f"C-{index:04}" / "assessment.json"
        path.parent.mkdir()
        write_assessment(path, named(index))
        paths.append(path)
    return paths


def measure(folder: Path) -> dict[str, float]:
    """Compare what lies in a folder; seconds of it, the size of the page, and this process's peak of memory in MiB."""
    paths = sorted(folder.glob("*/assessment.json"))
    start = time.perf_counter()
    write_comparison(folder / "compare.html", paths, profiles(ROOT).roles)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "page": (folder / "compare.html").stat().st_size / 2**20, "peak": peak}


def main() -> None:
    """Print a line for each size, and one for the pages of a single assessment."""
    seen, roles = Reviewed(real.longest()), profiles(ROOT).roles
    pages: dict[str, Callable[[], str]] = {
        "full report": lambda: html(seen, roles),
        "one page": lambda: one_page(seen, roles),
    }
    for what, render in pages.items():
        render()
        start = time.perf_counter()
        for _ in range(ROUNDS):
            render()
        took = (time.perf_counter() - start) / ROUNDS
        print(f"{what:21} {1000 * took:5.0f} ms  an assessment   (the longest real one; mean of {ROUNDS})")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            written(Path(folder), size)
            command = [sys.executable, "-m", "benchmarks.reports", folder]
            told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        each = 1000 * told["seconds"] / size
        print(
            f"compare {size:5}         {each:5.0f} ms  an assessment   "
            f"({told['seconds']:.1f} s, page {told['page']:.1f} MiB, peak {told['peak']:.0f} MiB)"
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(Path(sys.argv[1]))))
    else:
        main()
