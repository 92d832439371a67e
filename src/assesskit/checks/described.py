"""Whether the OpenAPI document of a service says what its clients get: every recorded answer fits, and few others do.

A document that allows anything describes nothing. So answers that were spoilt (a field that is always there taken away,
an amount turned into text) must not fit any more.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing.exceptions import Unresolvable

from assesskit.checks.contract import published_document
from assesskit.checks.contract_document import MAX_BYTES, MAX_DEPTH, DocumentError, resolved
from assesskit.checks.expect import Failure, expect
from assesskit.checks.manifest_files import NO_VALUE
from assesskit.checks.services import Service
from assesskit.checks.submitted import Submitted

DOCUMENT = "contracts/openapi.yaml"
MOST_EVENTS = 60_000
SHOWN = 10
_PARAMETER = re.compile(r"\\\{[^}/]*\\\}")
Document = dict[str, Any]


def expect_served(service: Service, submitted: Submitted) -> Document:
    """The document that is served is valid, and the one that was handed in. Return it."""
    served = published_document(service.client)
    handed = _read(submitted.text(DOCUMENT))
    expect(
        handed == served,
        f"{DOCUMENT} is not what /openapi.json serves",
        received="\n".join(_apart(handed, served, "#"))[:2000],
        expected="the same document, once as YAML and once as JSON",
    )
    return served


def expect_described(document: Document, recorded: Sequence[Mapping[str, Any]], money: str) -> int:
    """Every recorded exchange has an operation, its status, and a schema that its answer fits; spoilt ones do not fit.

    Return how many answers were held against it. Raises Failure.
    """
    missing: Counter[str] = Counter()
    unfit: Counter[str] = Counter()
    lax: Counter[str] = Counter()
    held = 0
    try:
        for exchange in recorded:
            asked, answer = exchange["request"], exchange["answer"]
            place, schema = _schema(document, asked["method"], asked["path"].partition("?")[0], answer["status"])
            if schema is None:
                missing[place] += 1
                continue
            held += 1
            validator = Draft202012Validator(schema)
            if problem := next(_problems(validator, answer["body"]), ""):
                unfit[f"{place}: {problem}"] += 1
            for what, spoilt in _spoilt(answer["body"], money) if answer["status"] < 300 else ():  # noqa: PLR2004
                if validator.is_valid(spoilt):
                    lax[f"{place} with {what}"] += 1
    except (DocumentError, RecursionError, Unresolvable) as error:
        raise Failure(f"/openapi.json cannot be used: {str(error)[:200] or 'its schemas lead in a circle'}") from error
    _tell(missing, "recorded answers are not in the document", "every operation, with every status that was recorded")
    _tell(
        unfit,
        "recorded answers do not fit the document",
        "schemas that what clients get fits, null and absent as it is",
    )
    _tell(lax, "answers that nobody could use would fit the document", "required fields, and amounts as whole numbers")
    return held


def _tell(found: Counter[str], what: str, expected: str) -> None:
    lines = [f"{count} times: {place}" for place, count in found.most_common(SHOWN)]
    first = next(iter(found), "")
    expect(not found, f"{sum(found.values())} {what}, first {first}", received="\n".join(lines), expected=expected)


def _schema(document: Document, method: str, path: str, status: int) -> tuple[str, Any]:
    """Where the document describes this answer, and its schema within the document, into which it may refer."""
    for template, item in document["paths"].items():
        pattern = _PARAMETER.sub("[^/]+", re.escape(template))
        operation = resolved(document, item).get(method.lower()) if isinstance(item, dict) else None
        if operation and re.fullmatch(pattern, path):
            told = resolved(document, operation).get("responses", {})
            answer = told.get(str(status)) or told.get(f"{status // 100}XX") or told.get("default")
            if answer is None:
                return f"{method} {template}: {status}", None
            content = resolved(document, answer).get("content", {})
            told = {kind.partition(";")[0].strip().lower(): media for kind, media in content.items()}
            schema = told.get("application/json", {}).get("schema")
            if schema is None:
                return f"{method} {template} {status}: application/json", None
            return f"{method} {template} {status}", document | {"allOf": [schema]}
    return f"{method} {path.rpartition('/')[0]}/…", None


def _problems(validator: Draft202012Validator, body: Any) -> Iterator[str]:
    for error in validator.iter_errors(body):
        closest: ValidationError = error
        while closest.context:
            closest = max(closest.context, key=lambda tried: len(tried.absolute_path))
        if closest.validator == "required":
            yield f"{closest.json_path}: {closest.message[:80]}"
        else:
            told, rule = (json.dumps(one)[:60] for one in (closest.instance, closest.validator_value))
            yield f"{closest.json_path}: {told} does not fit {closest.validator}: {rule}"


def _spoilt(body: Any, money: str) -> Iterator[tuple[str, Any]]:
    """Answers that cannot be used: the first thing in them without its id or status, or with an amount as text."""
    for name in ("id", "status"):
        if (spoilt := _with(body, name, lambda thing, key: thing.pop(key))) is not None:
            yield f"no {name}", spoilt
    amount = f"total_{money}"
    if (spoilt := _with(body, amount, lambda thing, key: thing.update({key: f"{thing[key]}"}))) is not None:
        yield f"{amount} as text", spoilt


def _with(body: Any, name: str, spoil: Any) -> Any:
    """A copy of the body in which the first object with this field was spoilt; None where there is none."""
    spoilt = copy.deepcopy(body)
    waiting = [spoilt]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, dict):
            if name in value:
                spoil(value, name)
                return spoilt
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return None


def _read(text: str) -> Document:
    """YAML of somebody whom nobody trusts: no anchors, bounded; dates become the texts they were."""
    expect(len(text) <= MAX_BYTES, f"{DOCUMENT} is larger than {MAX_BYTES} bytes")
    depth = 0
    try:
        for count, event in enumerate(yaml.parse(text, yaml.CBaseLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or count > MOST_EVENTS or depth > MAX_DEPTH:
                raise Failure(f"{DOCUMENT} has anchors, or is larger or deeper than any document needs to be")
        document = yaml.load(text, _Plain)  # noqa: S506  a safe loader of our own
    except (yaml.YAMLError, *NO_VALUE) as error:
        raise Failure(f"{DOCUMENT} is no YAML that can be read", received=str(error)[:300]) from None
    expect(isinstance(document, dict), f"{DOCUMENT} is no OpenAPI document", expected="an object")
    told: Document = json.loads(json.dumps(document, default=str))
    return told


class _Plain(yaml.CSafeLoader):
    """Makes no dates: JSON has none."""


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in kinds if tag != "tag:yaml.org,2002:timestamp"]
    for first, kinds in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _apart(one: Any, other: Any, pointer: str) -> Iterator[str]:
    """The first places where two documents differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            if key not in one or key not in other:
                yield f"{pointer}/{key}: only in {'the file' if key in one else 'what is served'}"
            elif one[key] != other[key]:
                yield from _apart(one[key], other[key], f"{pointer}/{key}")
    elif one != other:
        yield f"{pointer}: {json.dumps(one)[:80]} in the file, {json.dumps(other)[:80]} served"
