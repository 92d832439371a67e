"""The words the grader and the harness exchange: one JSON object a line, over the grader's
standard input and output.

The grader drives; the harness answers. Every line the grader sends carries the run's ``nonce``; a line without it is
not the grader's. Times are seconds, sizes bytes.

The harness's first line, and the only one that is not an answer::

    {"type": "hello", "nonce": "…", "run": "…",
     "seconds": 300,                         for the whole session; a check that none are left for is inconclusive
     "services": {"submission": {"port": 20001, "uid": 20001 | null, "ready_path": "/readyz", "ready_within": 30,
                                 "cpus": 1.0, "memory_bytes": 268435456},    its limits; the reference has the same
                  "inventory":  {"port": 20002, "uid": 20002 | null, "ready_path": …}, "reference": {…}},
     "parts": ["submission"],                the submission's programs, of which the first is asked
     "relays": [{"name": "inventory", "port": 20003, "target": 20002, "key": "json:/sku"},
                {"name": "inventory-reference", …}],   the same in front of the reference
     "collector": {"port": 20004, "tokens": {"submission": "…", "reference": "…"}},   ingest tokens by service
     "instruments": [{"name": "agent", "module": "assesskit.instruments.…", "port": 20005, "token": "…"}],
     "facts": {…what the exercise hands its graders…, "keys": {"submission": private PEM, "reference": …}},
     "tests": ["public", "hidden"],          folders below the working directory, each with test_*.py
     "criteria": ["contract.openapi", …]}    only checks of these run

The grader's lines::

    {"type": "instruments", "nonce"}                                         relays, collector listen; owners verified
    {"type": "planned", "checks": {"criterion": ["check", …]}}               what was collected
    {"type": "control", "id": 7, "action": …, "service": …, …}               see below; answered before anything else
    {"type": "serving", "seconds": 1.2}                                      the submission is ready
    {"type": "submission_failed", "phase": "start", "reason": …}             it is not, and will not be; no check runs
    {"type": "observation", "observation": {…model.Observation…}}
    {"type": "load", "seconds": 4.8}                                         so long load is offered now
    {"type": "levels", "levels": {…model.ServiceLevels…}}                    replaces what was told of it before
    {"type": "report", "report": {…pytest-json-report, without logs and tracebacks…}}
    {"type": "finished"}                                                     the last line; without it, a crash
    {"type": "broken", "detail": "traceback"}                                instead of finished: our fault

Control actions, and what comes back as ``{"type": "reply", "id": 7, "ok": true, "result": {…}}`` (``ok`` false carries
``"error"``; an engine that fails never answers: the harness ends the run). The first and the last two name no service::

    begin    criterion, check   {}                            a check begins as soon as this is answered
    start                       {"uid": 20001 | null}         start it, or start it again after it ended
    stop     grace              {"status": 0, "oom": false}   TERM, then KILL
    signal   signal: "TERM"     {}
    pause, resume               {}
    status                      {"running": true} | {"running": false, "status": 137, "oom": false}
    wait     timeout            as status (running true when the time is up; nothing is killed)
    usage                       {"cpu_seconds": 1.5, "memory_bytes": 1234, "private_bytes": 1000, "oom": false}
                                (null where unknown; see model.Usage)
    logs     limit              {"stdout": "…", "stderr": "…"} the newest `limit` bytes of each
    quiet    timeout            {"quiet": true} take the host's one lock for load windows
    loud                        {} give it back; the end of a check, its observation, gives it back as well
"""

from __future__ import annotations

MAX_LINE = 16 * 1024 * 1024
"""Bytes. A longer line from the grader is a broken grader."""
