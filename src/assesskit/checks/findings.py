"""What a candidate found: findings.yaml, read as what somebody wrote whom nobody trusts.

::

    root_cause: {kind: nested-retries, service: gateway}
    findings:
      - {kind: nested-retries, evidence: [00f067aa0ba902b7, …]}
    plan:
      timeouts_ms: {gateway-checkout: 2000, …}     by edge: who calls, and who is called
      retries: {checkout-payments: 1, …}           second and later attempts; an edge that is not there has none
      backoff_ms: 50
      jitter: true
      retry_budget: 0.2                            of all calls

All of it is read as text first: an id like 12345678 is no number, and one like 1234e567 neither. What was found and the
plan are read apart, so that a slip in one costs nothing of the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from assesskit.checks.expect import Failure
from assesskit.checks.submitted import Submitted

FILE = "findings.yaml"
MOST_NODES = 20_000
DEEPEST = 12
MOST_FINDINGS = 40
MOST_MS = 3_600_000
MOST_RETRIES = 100
SHOWN = 200
NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}")
TRUTH = {"true": True, "yes": True, "false": False, "no": False}
OPENING = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


@dataclass(frozen=True)
class Finding:
    """A kind of fault, and the ids of the spans that show it, padded; one that is no id is in no recording."""

    kind: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Milliseconds and further attempts by edge; `backoff_ms` before each of them; the budget as a share of calls."""

    timeouts_ms: Mapping[str, float]
    retries: Mapping[str, int]
    backoff_ms: float
    jitter: bool
    retry_budget: float


@dataclass(frozen=True)
class Findings:
    """What the file says of the recording."""

    cause: str
    service: str
    found: tuple[Finding, ...]


def read(submitted: Submitted) -> Findings:
    """Read the submission's findings. Raises Failure, which says where, for what is missing or none."""
    top = _whole(submitted)
    cause = _keys(top["root_cause"], "root_cause", ("kind", "service"))
    return Findings(
        _text(cause["kind"], "root_cause.kind"),
        _text(cause["service"], "root_cause.service"),
        tuple(_finding(one, f"findings[{place}]") for place, one in enumerate(_list(top["findings"], "findings"))),
    )


def plan(submitted: Submitted) -> Plan:
    """Read the submission's plan. Raises Failure as `read` does."""
    return _plan(_whole(submitted)["plan"])


def _whole(submitted: Submitted) -> dict[str, Any]:
    text = submitted.text(FILE)
    try:
        _bounded(text)
        whole = yaml.load(text, yaml.CBaseLoader)  # noqa: S506  this one makes texts, lists and objects only
    except yaml.YAMLError as error:
        raise Failure(f"{FILE} is no YAML that can be read", received=str(error)[:SHOWN]) from None
    return _keys(whole, "", ("root_cause", "findings", "plan"))


def _bounded(text: str) -> None:
    """Raise Failure for YAML with aliases, which can unfold into anything, and for more than anybody writes."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, yaml.CBaseLoader)):
        if isinstance(event, yaml.AliasEvent):
            raise Failure(f"{FILE} uses anchors, which are not read", expected="plain YAML, each value written out")
        depth += isinstance(event, OPENING) - isinstance(event, CLOSING)
        if count > MOST_NODES or depth > DEEPEST:
            raise Failure(f"{FILE} is not read: it has over {MOST_NODES} values or {DEEPEST} levels")


def _finding(value: Any, where: str) -> Finding:
    one = _keys(value, where, ("kind", "evidence"))
    ids = [_text(each, f"{where}.evidence") for each in _list(one["evidence"], f"{where}.evidence")]
    padded = dict.fromkeys(each.strip().lower().zfill(16) for each in ids)
    return Finding(_text(one["kind"], f"{where}.kind"), tuple(padded))


def _plan(value: Any) -> Plan:
    plan = _keys(value, "plan", ("timeouts_ms", "retries", "backoff_ms", "jitter", "retry_budget"))
    timeouts, retries = _table(plan["timeouts_ms"], "plan.timeouts_ms"), _table(plan["retries"], "plan.retries")
    jitter = _text(plan["jitter"], "plan.jitter").lower()
    if jitter not in TRUTH:
        _wrong("plan.jitter", jitter, "true or false")
    return Plan(
        {edge: _number(ms, f"plan.timeouts_ms.{edge}", MOST_MS) for edge, ms in timeouts.items()},
        {edge: int(_number(times, f"plan.retries.{edge}", MOST_RETRIES)) for edge, times in retries.items()},
        _number(plan["backoff_ms"], "plan.backoff_ms", MOST_MS),
        TRUTH[jitter],
        _number(plan["retry_budget"], "plan.retry_budget", 1),
    )


def _keys(value: Any, where: str, names: tuple[str, ...]) -> dict[str, Any]:
    """An object with exactly these keys."""
    table = _table(value, where)
    for name in (*(one for one in names if one not in table), *(one for one in table if one not in names)):
        place = f"{where}.{name}".lstrip(".")[:SHOWN]
        missing = name in names
        raise Failure(
            f"{FILE}: {place} {'is missing' if missing else 'is not known'}", expected=f"the keys {', '.join(names)}"
        )
    return table


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        _wrong(where or "the file", value, "an object")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        _wrong(where, value, "a list")
    if where == "findings" and len(value) > MOST_FINDINGS:
        _wrong(where, f"{len(value)} of them", f"at most {MOST_FINDINGS}")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        _wrong(where, value, "a text")
    return value


def _number(value: Any, where: str, most: float) -> float:
    if not isinstance(value, str) or not NUMBER.fullmatch(value) or float(value) > most:
        _wrong(where, value, f"a number from 0 to {most}")
    return float(value)


def _wrong(where: str, value: Any, expected: str) -> NoReturn:
    raise Failure(f"{FILE}: {where} is not {expected}", received=str(value)[:SHOWN], expected=expected)
