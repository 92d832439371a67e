from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from assesskit import store
from assesskit.errors import StoreError, UsageError
from assesskit.model import Assessment, Exercised, RuntimeInfo, Score, Submitted

ROOT = Path(__file__).parents[2]


def assessment(**changes) -> Assessment:
    values = {
        "run": "r1",
        "tool": "0.1.0",
        "started": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "finished": datetime(2026, 1, 2, 3, 5, 6, 700, tzinfo=UTC),
        "exercise": Exercised(
            slug="tiny", title="T", version="1.0.0", digest="d", graders_digest="g", rubric_digest="r"
        ),
        "submission": Submitted(name="ada", digest="s", manifest={"files": [1, 2.5, None, "ü"]}),
        "runtime": RuntimeInfo(name="fake", version="1", isolated=False),
        "outcome": "graded",
        "competencies": {"performance": "Performance"},
        "results": (),
        "score": Score(earned=0, judged=0, total=0),
    }
    return Assessment(**{**values, **changes})


def stored(path: Path, **changes) -> Path:
    file = path / "assessment.json"
    store.write_assessment(file, assessment())
    content = {**json.loads(file.read_text(encoding="utf-8")), **changes}
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def test_what_is_read_is_what_was_written(tmp_path):
    file = tmp_path / "assessment.json"
    store.write_assessment(file, assessment())
    assert store.read_assessment(file) == assessment()


def test_text_that_json_cannot_tell_is_an_error_of_the_store_and_leaves_no_file(tmp_path):
    broken = assessment(submission=Submitted(name="ada", digest="s", manifest={"note": "\ud800"}))
    with pytest.raises(StoreError, match="cannot be told in JSON"):
        store.write_assessment(tmp_path / "assessment.json", broken)
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_follows_the_published_schema(tmp_path):
    schema = json.loads((ROOT / "docs" / "assessment.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    content = json.loads(stored(tmp_path).read_text(encoding="utf-8"))
    jsonschema.validate(content, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, "outcome": "fine"}, schema)


def test_the_published_schema_is_current():
    published = ROOT / "docs" / "assessment.schema.json"
    assert published.read_text(encoding="utf-8") == store.assessment_schema()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema_id": "assesskit/assessment/2"}, "was written by a newer assesskit"),
        ({"schema_id": "assesskit/assessment/0"}, "was written by an older assesskit"),
        ({"schema_id": "other/1"}, "is no assessment"),
        ({"schema_id": None}, "is no assessment"),
        ({"grade": 5}, "grade: Extra inputs are not permitted"),
        ({"run": 5}, "run: Input should be a valid string"),
        ({"score": {"earned": "1", "judged": 1}}, r"score.earned: .* \(and 1 more\)"),
    ],
)
def test_a_file_that_is_no_assessment_of_ours_says_why(tmp_path, changes, words):
    with pytest.raises(UsageError, match=f"assessment.json: {words}"):
        store.read_assessment(stored(tmp_path, **changes))


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_what_is_not_json_is_refused(tmp_path, data):
    file = tmp_path / "assessment.json"
    file.write_bytes(data)
    with pytest.raises(UsageError, match="is not JSON"):
        store.read_assessment(file)


def test_a_list_is_no_assessment(tmp_path):
    file = tmp_path / "assessment.json"
    file.write_text("[]")
    with pytest.raises(UsageError, match="is no assessment"):
        store.read_assessment(file)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"assessment.json: cannot be read: No such file"):
        store.read_assessment(tmp_path / "assessment.json")


def test_a_huge_file_is_refused_unread(tmp_path):
    file = tmp_path / "assessment.json"
    with file.open("wb") as out:
        out.truncate(store.MAX_ASSESSMENT + 1)
    with pytest.raises(UsageError, match="is larger than 64 MiB"):
        store.read_assessment(file)
