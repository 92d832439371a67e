"""The schemas of a submission's events: valid, of a version each, strict where clients rely on it, open to additions.

A schema belongs to the type of event that its file is named after, ``invoice.created.v1.schema.json`` say, and speaks
of the event's data.
"""

from __future__ import annotations

import copy
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assesskit.checks.days import undated
from assesskit.checks.expect import Failure, Inconclusive, expect
from assesskit.checks.submitted import Submitted
from assesskit.errors import GraderError
from assesskit.instruments.sink import Taken

ENDING = ".schema.json"
VERSION = re.compile(r".+\.v[1-9][0-9]{0,3}")
MOST = 40
MOST_BYTES = 128 * 1024
"""Of one schema."""
SECONDS = 10
"""Of processor, for all schemas and values of one question; usual is one."""
LONGEST = 120.0
"""Seconds until we give up, for want of processor."""
EACH = 25
"""Events of one type that are held against its schema; spread over all of them."""
SHOWN = 5
RULE = "JSON Schema 2020-12"


@dataclass(frozen=True)
class Schemas:
    """Schemas by the type of event they describe, from files in `folder`."""

    folder: str
    by_type: Mapping[str, Any]

    def path(self, kind: str) -> str:
        """The file of a type's schema."""
        return f"{self.folder}{kind}{ENDING}"


@dataclass
class Mutant:
    """The data of a real event with one thing changed, and what that was, in words."""

    kind: str
    what: str
    data: Any = field(repr=False)


def schemas_of(submitted: Submitted, folder: str = "events/") -> Schemas:
    """Read every ``*.schema.json`` of a folder. Raises Failure when there is none, or one that is no JSON."""
    paths = [path for path in submitted.paths if path.startswith(folder) and path.endswith(ENDING)]
    expect(bool(paths), f"there is no file {folder}*{ENDING}", expected="a JSON Schema for each type of event")
    expect(len(paths) <= MOST, f"there are {len(paths)} files {folder}*{ENDING}", expected=f"at most {MOST}")
    found = {}
    for path in paths:
        text = submitted.text(path)
        expect(len(text) <= MOST_BYTES, f"{path} is longer than {MOST_BYTES} characters")
        try:
            found[path.removeprefix(folder).removesuffix(ENDING)] = json.loads(text)
        except (ValueError, RecursionError) as error:
            reason = str(error)[:200] or "nested too deeply"
            raise Failure(f"{path} is no JSON: {reason}", expected="a JSON Schema", rule=RULE) from None
    return Schemas(folder, found)


def expect_schemas(schemas: Schemas) -> None:
    """All of them are JSON Schemas that can be used, without anything fetched. Raises Failure for the first."""
    problems, _ = _judged(schemas.by_type, [])
    for kind, problem in problems.items():
        raise Failure(
            f"{schemas.path(kind)} is no JSON Schema that can be used: {problem}",
            expected="a valid schema that refers to nothing outside of what was handed in",
            rule=RULE,
        )


def expect_versioned(schemas: Schemas, events: Sequence[Taken]) -> None:
    """Every type of event ends with its version, and has a schema of its own. Raises Failure."""
    for kind in sorted({event.type for event in events}):
        shown = kind[:200]
        expect(
            VERSION.fullmatch(kind) is not None,
            f"the type of event {shown} has no version",
            received=f'"type": "{shown}"',
            expected="a type that ends with its version, .v1 say, so that a next one can be told apart",
            rule="CloudEvents primer, versioning of CloudEvents",
        )
        expect(
            kind in schemas.by_type,
            f"the type of event {shown} has no schema",
            received="\n".join(schemas.path(one) for one in schemas.by_type),
            expected=schemas.path(shown),
        )


def expect_described(schemas: Schemas, events: Sequence[Taken], whose: str = "its schema") -> None:
    """Every event's data is as its schema says. Raises Failure for the first that is not."""
    held = [event for event in _some_of_each(events) if event.type in schemas.by_type]
    _, refused = _judged(schemas.by_type, [(event.type, event.data) for event in held])
    for event, reason in zip(held, refused, strict=True):
        if reason:
            raise Failure(
                f"an event of the type {event.type} is not as {whose} says: {reason}",
                received=_shown(event.data),
                expected=f"data that {schemas.path(event.type)} accepts",
                rule=RULE,
            )


def expect_strict(schemas: Schemas, events: Sequence[Taken], needed: Sequence[str]) -> None:
    """A schema refuses data without one of the fields that are needed, and with one of another type. A schema that
    accepts everything describes nothing. Raises Failure.
    """
    mutants = [one for event in _one_of_each(events) for one in _broken(event, needed)]
    _expect_judged(schemas, mutants, accepted=False)


def expect_open(schemas: Schemas, events: Sequence[Taken]) -> None:
    """A schema accepts data with one more field: whoever reads version 1 must live with what a later minor change adds.
    Raises Failure.
    """
    mutants = [
        Mutant(event.type, "a field that was not there before", {**event.data, "added_later": "x"})
        for event in _one_of_each(events)
        if isinstance(event.data, dict)
    ]
    _expect_judged(schemas, mutants, accepted=True)


def expect_compatible(contract: Mapping[str, Any], events: Sequence[Taken]) -> None:
    """Every event is as the published `contract`, schemas by type, says. Raises Failure."""
    expect_described(Schemas("contract/", contract), events, "the published contract")


def _expect_judged(schemas: Schemas, mutants: Sequence[Mutant], *, accepted: bool) -> None:
    asked = [one for one in mutants if one.kind in schemas.by_type]
    _, refused = _judged(schemas.by_type, [(one.kind, one.data) for one in asked])
    for mutant, reason in zip(asked, refused, strict=True):
        expect(
            accepted == (not reason),
            f"{schemas.path(mutant.kind)} {'refuses' if reason else 'accepts'} {mutant.what}{reason and ': '}{reason}",
            sent=_shown(mutant.data),
            expected="additions are accepted" if accepted else "what every event has is required, and of its type",
            rule=RULE,
        )


def _broken(event: Taken, needed: Sequence[str]) -> Iterator[Mutant]:
    if not isinstance(event.data, dict):
        return
    for name in needed:
        if name not in event.data:
            continue
        without, other = copy.deepcopy(event.data), copy.deepcopy(event.data)
        del without[name]
        other[name] = {"of": "another type"} if not isinstance(event.data[name], dict) else "of another type"
        yield Mutant(event.type, f"data without {name}", without)
        yield Mutant(event.type, f"data whose {name} is of another type", other)


def _one_of_each(events: Sequence[Taken]) -> list[Taken]:
    return list({event.type: event for event in reversed(events)}.values())[::-1]


def _some_of_each(events: Sequence[Taken]) -> Iterator[Taken]:
    for kind in dict.fromkeys(event.type for event in events):
        own = [event for event in events if event.type == kind]
        yield from own[:: max(1, len(own) // EACH)]


def _judged(schemas: Mapping[str, Any], values: list[tuple[str, Any]]) -> tuple[dict[str, str], list[str]]:
    """What is wrong with schemas, and why they refuse values; see `schema_judge`."""
    argv = [sys.executable, "-P", "-m", "assesskit.checks.schema_judge", str(SECONDS)]
    asked = json.dumps({"schemas": schemas, "values": values})
    try:
        done = subprocess.run(argv, input=asked, capture_output=True, text=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        raise Inconclusive(
            f"the schemas were not judged within {LONGEST:g} s: this machine had no time for it"
        ) from None
    if done.returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
        raise Failure(
            f"the schemas cannot be judged within {SECONDS} s of processor",
            received=", ".join(schemas),
            expected="schemas without patterns that take for ever, and without references that multiply",
        )
    if done.returncode != 0:
        if "MemoryError" in done.stderr:
            raise Failure("the schemas cannot be judged: they take more memory than there is", expected="smaller ones")
        raise GraderError(done.stderr[-500:], where="the judge of schemas")
    told = json.loads(done.stdout)
    return told["problems"], told["refused"]


def _shown(data: Any) -> str:
    return undated(json.dumps(data, ensure_ascii=False)[:600])
