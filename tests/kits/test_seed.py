"""The seed of a variant travels from the start of a workspace to its grading."""

from __future__ import annotations

import json

import pytest
from tests.content import varied
from tests.kits import hostile
from tests.kits.conftest import NOW

from assesskit import content, kits
from assesskit.errors import SubmissionError, UsageError


@pytest.fixture
def cellar(tmp_path):
    """A variant that speaks of a cellar."""
    root = varied.build(tmp_path / "content")
    seed = varied.seed_for(content.load(root, "tiny"), "cellar")
    return content.load(root, "tiny", seed, cache=tmp_path / "cache")


@pytest.fixture
def workspace(tmp_path, cellar):
    return kits.start(cellar, tmp_path / "workspace", now=NOW)


@pytest.fixture
def archive(tmp_path, cellar, workspace):
    kits.freeze(workspace, cellar, tmp_path / "ada.zip", now=NOW)
    return tmp_path / "ada.zip"


def test_a_workspace_holds_the_variant_and_its_seed(cellar, workspace):
    assert (workspace / "README.md").read_text() == "# Say hello to the cellar\n"
    assert kits.read_workspace(workspace).seed == cellar.variant.seed


def test_a_submission_is_taken_as_the_variant_it_was_started_from(tmp_path, cellar, archive):
    origin = kits.origin_of(archive)
    assert origin is not None
    assert origin.seed == cellar.variant.seed
    taken = kits.take(archive, cellar, tmp_path / "taken")
    assert taken.submitted.manifest is not None
    assert taken.submitted.manifest["workspace"]["seed"] == cellar.variant.seed


def test_a_submission_is_not_taken_as_another_variant(tmp_path, cellar, archive):
    default = content.load(tmp_path / "content", "tiny")
    told = f"is of the variant of seed '{cellar.variant.seed}' of tiny, not of the default variant"
    with pytest.raises(SubmissionError, match=told):
        kits.take(archive, default, tmp_path / "taken")


def test_a_manifest_with_another_seed_does_not_fit_what_the_candidate_was_given(tmp_path, archive):
    other = varied.seed_for(content.load(tmp_path / "content", "tiny"), "depot")
    forged = hostile.rebuilt(archive, tmp_path / "forged.zip", hostile.said(workspace__seed=other))
    depot = content.load(tmp_path / "content", "tiny", other, cache=tmp_path / "cache")
    with pytest.raises(SubmissionError, match="was started from another tiny"):
        kits.take(forged, depot, tmp_path / "taken")


@pytest.mark.parametrize("seed", ["", "x" * 65, "a\nb", 7])
def test_a_seed_that_is_none_is_told(tmp_path, archive, workspace, seed):
    forged = hostile.rebuilt(archive, tmp_path / "forged.zip", hostile.said(workspace__seed=seed))
    with pytest.raises(SubmissionError, match=r"workspace\.seed"):
        kits.origin_of(forged)
    marker = workspace / ".assesskit.json"
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"seed": seed}))
    with pytest.raises(UsageError, match="seed"):
        kits.read_workspace(workspace)


def test_a_workspace_from_before_there_were_variants_is_of_the_default_one(tmp_path):
    exercise = content.load(varied.build(tmp_path / "content"), "tiny")
    workspace = kits.start(exercise, tmp_path / "workspace", now=NOW)
    marker = workspace / ".assesskit.json"
    marker.write_text(
        json.dumps({key: value for key, value in json.loads(marker.read_text()).items() if key != "seed"})
    )
    assert kits.read_workspace(workspace).seed is None
