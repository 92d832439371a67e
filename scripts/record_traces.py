"""Records the nights of debug-trace: runs each faulty system with traffic, and keeps what it told of it.

    python -m scripts.record_traces        record what is not current, and write the findings about it
    python -m scripts.record_traces SET…   record these sets anew

Of a span's tags only those of an allow-list are kept, since hosts, ports and paths of this machine are nobody's
business, and what a span's name says already need not be said again. What the first set's night was is kept in
fixtures/traces/debug-trace as well, with what each recording rests on.
"""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from assesskit.content.digests import digest_files, files_below
from assesskit.instruments.collector import Span
from assesskit.instruments.jaeger_json import document
from scripts import night
from scripts.faults import EXERCISE, ROOT, exercise, lay_out, own_files
from scripts.findings import write_findings
from scripts.night import PARTS, Night, System

KEPT_HERE = ROOT / "fixtures" / "traces" / "debug-trace"
ABOUT = KEPT_HERE / "about.json"
KEPT = frozenset(
    {
        "attempt",
        "db.query.text",
        "error",
        "http.response.status_code",
        "http.status_code",
        "hamper",
        "lines",
        "order",
        "peer.service",
        "timeout_ms",
    }
)
SERVER_ERROR = 500


def kept(span: Span) -> Span:
    """A span without what is not on the allow-list, its events, and the name of the library that made it."""
    attributes = {key: value for key, value in span.attributes.items() if key in KEPT}
    return replace(span, attributes=attributes, events=(), status_message="", scope="")


def rests_on(name: str) -> str:
    """SHA-256 of what a set's recording is made of: the faulty system, our services in it, and what happens to them."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "system"
        lay_out(name, folder)
        files = {f"system/{path}": file for path, file in files_below(folder).items() if path.endswith(".py")}
        files |= {f"services/{path}": file for path, file in files_below(EXERCISE / "services").items()}
        played = Path(temporary) / "night"
        played.write_text(ast.dump(ast.parse(Path(night.__file__).read_bytes())), encoding="utf-8")
        return digest_files({**files, "night": played})


def about() -> dict[str, Any]:
    """What is known of every recording, by set: what it rests on, and how many spans it has."""
    told: dict[str, Any] = json.loads(ABOUT.read_text(encoding="utf-8")) if ABOUT.is_file() else {}
    return told


@contextmanager
def running(name: str) -> Iterator[tuple[System, Path]]:
    """The faulty system of a set, and the folder with its logs."""
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder, logs = Path(temporary) / "system", Path(temporary) / "logs"
        logs.mkdir()
        lay_out(name, folder)
        yield System(folder, logs, stack), logs


def figures(system: System) -> dict[str, Any]:
    """What relays counted, as a dashboard would have it: calls, failures, and the most at once."""
    told = {}
    for name, relay in system.relays.items():
        calls = relay.calls()
        spans = [(call.began, 1) for call in calls] + [(call.ended or call.began, -1) for call in calls]
        peak = now = 0
        for _, step in sorted(spans):
            now += step
            peak = max(peak, now)
        failed = sum(call.status is None or call.status >= SERVER_ERROR for call in calls)
        told[name] = {"calls": len(calls), "failed": failed, "most_at_once": peak}
    return told


def write(name: str, spans: list[Span], lines: Mapping[str, list[str]], metrics: Mapping[str, Any]) -> None:
    """Write the recording of a set."""
    order = sorted(spans, key=lambda span: (span.start, span.span_id))
    files = {
        "traces.json": json.dumps(document([kept(span) for span in order]), separators=(",", ":")),
        "metrics.json": json.dumps(metrics, indent=1),
        **{f"logs/{part}.jsonl": "".join(own) for part, own in lines.items()},
    }
    recording = own_files(name) / "recording"
    shutil.rmtree(recording, ignore_errors=True)
    for path, text in files.items():
        (recording / path).parent.mkdir(parents=True, exist_ok=True)
        (recording / path).write_text(text + ("" if text.endswith("\n") else "\n"), encoding="utf-8")
    if own_files(name) == EXERCISE:
        shutil.copytree(recording, KEPT_HERE, dirs_exist_ok=True)
    told = about() | {name: {"rests_on": rests_on(name), "spans": len(spans)}}
    ABOUT.write_text(json.dumps(dict(sorted(told.items())), indent=1) + "\n", encoding="utf-8")


def partial(logs: Path) -> dict[str, list[str]]:
    """The lines of every program, less one in seven: the shipper lost some, too."""
    told = {}
    for name in PARTS:
        lines = [line for line in (logs / f"{name}.log").read_text().splitlines(keepends=True) if line.startswith("{")]
        told[name] = [line for line in lines if hashlib.sha256(line.encode()).digest()[0] % 7]
    return told


def record(name: str) -> None:
    """Run a set's night, keep it, and write the findings that are right about it, and wrong ones."""
    with running(name) as (system, logs):
        Night(system).run()
        metrics = figures(system)
        for part in PARTS:
            system.running[part].send_signal(signal.SIGTERM)
        for part in PARTS:
            system.running[part].wait(15)
        spans = system.collector.spans(settle=1.5, timeout=10)
        write(name, spans, partial(logs), metrics)
    told = write_findings(name)
    print(f"{name}: {len(spans)} spans; {', '.join(f'{kind} {count}' for kind, count in told.items())}", flush=True)


def main(names: list[str]) -> None:
    """Record these sets, or all whose recording is not current."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the systems that run are ended
    known = about()
    stale = [name for name in exercise().sets if known.get(name, {}).get("rests_on") != rests_on(name)]
    for name in names or stale:
        record(name)


if __name__ == "__main__":
    main(sys.argv[1:])
