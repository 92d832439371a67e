"""findings.yaml is somebody's whom nobody trusts: whatever it is, the candidate is told what is wrong with it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml

from assesskit.checks import findings
from assesskit.checks.expect import Failure
from assesskit.checks.submitted import SUBMITTED, Submitted
from assesskit.content.submitted import submitted

RIGHT: dict[str, Any] = {
    "root_cause": {"kind": "stampede", "service": "pricing"},
    "findings": [{"kind": "stampede", "evidence": ["12345678", "1234e567", "00ff"]}],
    "plan": {
        "timeouts_ms": {"a-b": 2000},
        "retries": {"a-b": 1},
        "backoff_ms": 50,
        "jitter": True,
        "retry_budget": 0.2,
    },
}
BOMB = "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True))


def handed_in(text: str) -> Submitted:
    return Submitted({findings.FILE: text.encode()}, {})


def changed(**parts: Any) -> Submitted:
    return handed_in(yaml.safe_dump({**RIGHT, **parts}))


def test_right_findings_are_read_with_ids_as_they_are_written():
    found = findings.read(handed_in(yaml.safe_dump(RIGHT)))
    assert found.found[0].evidence == ("0000000012345678", "000000001234e567", "00000000000000ff")
    plan = findings.plan(handed_in(yaml.safe_dump(RIGHT)))
    assert plan == findings.Plan({"a-b": 2000.0}, {"a-b": 1}, 50.0, jitter=True, retry_budget=0.2)
    assert (found.cause, found.service) == ("stampede", "pricing")


def test_an_id_that_looks_like_a_number_is_none():
    text = yaml.safe_dump(RIGHT).replace("'12345678'", "12345678")
    assert findings.read(handed_in(text)).found[0].evidence[0] == "0000000012345678"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "no YAML"),
        ("", "the file is not an object"),
        ("- a", "the file is not an object"),
        (BOMB, "uses anchors"),
        ("[" * 50, "not read"),
        ("a: [" + "x," * 25_000 + "]", "not read"),
        ("root_cause: {}", "findings is missing"),
    ],
    ids=["broken", "empty", "a list", "a bomb of aliases", "deep", "long", "parts missing"],
)
def test_what_is_no_file_of_findings_is_told(text, told):
    with pytest.raises(Failure, match=told):
        findings.read(handed_in(text))


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"more": 1}, "more is not known"),
        ({"root_cause": {"kind": "stampede"}}, "root_cause.service is missing"),
        ({"root_cause": {"kind": ["a"], "service": "b"}}, "root_cause.kind is not a text"),
        ({"findings": {}}, "findings is not a list"),
        ({"findings": [{"kind": "stampede", "evidence": "all"}]}, r"findings\[0\].evidence is not a list"),
        ({"findings": [{"kind": f"kind {n}", "evidence": []} for n in range(41)]}, "findings is not at most 40"),
    ],
)
def test_what_a_part_lacks_is_told_with_its_place(parts, told):
    with pytest.raises(Failure, match=told):
        findings.read(changed(**parts))


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"timeouts_ms": {"a-b": -1}}, "timeouts_ms.a-b is not a number"),
        ({"timeouts_ms": {"a-b": "1e9"}}, "timeouts_ms.a-b is not a number"),
        ({"retry_budget": 20}, "retry_budget is not a number from 0 to 1"),
        ({"retry_budget": "."}, "retry_budget is not a number"),
        ({"jitter": "perhaps"}, "jitter is not true or false"),
    ],
)
def test_a_slip_in_the_plan_is_told_and_costs_nothing_of_what_was_found(parts, told):
    handed = changed(plan={**RIGHT["plan"], **parts})
    with pytest.raises(Failure, match=told):
        findings.plan(handed)
    assert findings.read(handed).cause == "stampede"


def test_a_slip_in_what_was_found_costs_nothing_of_the_plan():
    handed = changed(findings=[{"kind": "stampede"}])
    with pytest.raises(Failure, match=r"findings\[0\].evidence is missing"):
        findings.read(handed)
    assert findings.plan(handed).retry_budget == 0.2


@pytest.mark.parametrize("share", [".2", "0.2", "0.20"])
def test_a_share_may_be_written_in_every_way_that_yaml_has(share):
    text = yaml.safe_dump(RIGHT).replace("retry_budget: 0.2", f"retry_budget: {share}")
    assert findings.plan(handed_in(text)).retry_budget == 0.2


def test_what_is_no_id_is_kept_for_the_check_that_looks_it_up():
    """It is in no recording; an id in capitals is one all the same."""
    (found,) = findings.read(changed(findings=[{"kind": "stampede", "evidence": ["xyz", "1" * 32, "00FF"]}])).found
    assert found.evidence == ("xyz".zfill(16), "1" * 32, "00ff".zfill(16))


def test_a_file_that_is_missing_or_ten_megabytes_long_is_told(tmp_path):
    with pytest.raises(Failure, match=r"no file findings.yaml"):
        findings.read(Submitted({}, {}))
    (tmp_path / findings.FILE).write_bytes(b"#" * 10 * 2**20)
    told = json.loads(submitted(tmp_path, [findings.FILE]))
    files = {name: base64.b64decode(content) for name, content in told["files"].items()}
    with pytest.raises(Failure, match="larger than 128 KiB"):
        findings.read(Submitted(files, told["left_out"]))
    assert SUBMITTED.endswith(".json")


def test_what_is_not_utf8_is_told():
    with pytest.raises(Failure, match="not UTF-8"):
        findings.read(Submitted({findings.FILE: b"\xff\xfe"}, {}))
