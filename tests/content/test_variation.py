from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.content import tiny
from tests.content.varied import DECLARED, VARIANTS, build, seed_for

from assesskit import content
from assesskit.errors import ContentError, UsageError


@pytest.fixture
def varied(tmp_path):
    """The exercise in the default spelling, and a variant that has a depot."""
    root = build(tmp_path / "root")
    default = content.load(root, "tiny")
    return default, content.load(root, "tiny", seed_for(default, "depot"), cache=tmp_path / "cache")


def test_the_files_as_they_are_written_are_the_default_variant(tmp_path):
    root = build(tmp_path)
    exercise = content.load(root, "tiny")
    assert exercise.root == root
    assert exercise.variant.seed is None
    assert exercise.variant.parameters == {"place": "stock", "minutes": "30"}


def test_a_variant_is_read_from_files_of_its_own(varied):
    default, variant = varied
    assert variant.root != default.root
    assert variant.criteria[1].title == "It is swift"
    assert variant.spec.minutes == int(variant.variant.parameters["minutes"])
    assert [service.name for service in variant.spec.services] == ["depot"]
    assert (variant.folder / "services/depot/Dockerfile").is_file()
    assert "DEPOT_URL" in variant.spec.submission.env


def test_variants_of_an_exercise_have_its_digests(varied):
    default, variant = varied
    assert variant.digests() == default.digests()


def test_an_author_who_changes_a_spelling_changes_the_digest(tmp_path):
    before = content.load(build(tmp_path), "tiny").digests()
    after = content.load(build(tmp_path, {VARIANTS: DECLARED.replace("cellar", "attic")}), "tiny").digests()
    assert before != after


def test_what_declares_the_variants_is_not_among_their_files(varied):
    _, variant = varied
    assert not variant.variants_file.exists()


def test_records_of_proofs_are_of_the_exercise_as_it_is_written(tmp_path):
    root = build(tmp_path / "root", {"exercises/tiny/proof/record.json": "{}"})
    assert not (content.load(root, "tiny", "s", cache=tmp_path / "cache").folder / "proof/record.json").exists()


def test_bytes_that_are_no_text_and_modes_stay(tmp_path):
    root = build(tmp_path / "root", {"exercises/tiny/starter/stock.bin": b"stock \xff"})
    (root / "exercises/tiny/starter/app.py").chmod(0o755)
    seed = seed_for(content.load(root, "tiny"), "depot")
    variant = content.load(root, "tiny", seed, cache=tmp_path / "cache")
    assert (variant.folder / "starter/depot.bin").read_bytes() == b"stock \xff"
    assert (variant.folder / "starter/app.py").stat().st_mode & 0o777 == 0o755


def test_equal_variants_share_their_files(varied, tmp_path):
    default, variant = varied
    made = variant.folder.stat().st_mtime_ns
    again = content.load(default.root, "tiny", variant.variant.seed, cache=tmp_path / "cache")
    assert again.root == variant.root
    assert again.folder.stat().st_mtime_ns == made


def test_a_variant_that_was_damaged_or_half_made_is_made_again(varied, tmp_path):
    default, variant = varied
    (variant.folder / "brief.md").unlink()
    (variant.folder / "starter/app.py").write_text("another\n")
    again = content.load(default.root, "tiny", variant.variant.seed, cache=tmp_path / "cache")
    assert (again.folder / "brief.md").is_file()
    assert (again.folder / "starter/app.py").read_text() == "print('hello')\n"


def test_many_may_make_the_same_variant_at_once(tmp_path):
    root = build(tmp_path / "root")
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(content.load(root, "tiny", "s", cache=tmp_path / "cache").root))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({*found}) == 1
    assert content.load(root, "tiny", "s", cache=tmp_path / "cache").criteria


def test_an_exercise_that_declares_nothing_is_the_same_for_every_seed(tmp_path):
    exercise = content.load(tiny.build(tmp_path), "tiny", "s", cache=tmp_path / "cache")
    assert exercise.root == tmp_path
    assert exercise.variant.model_dump() == {"seed": "s", "parameters": {}}


def test_a_seed_that_is_none_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(UsageError, match="is no seed"):
        content.load(build(tmp_path), "tiny", "", cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('stock = ["depot", "cellar"]', 'stock = ["depot"]'), "draw.place: its lists are not equally long"),
        (('"cellar"', '"depot"'), "draw.place: its first list names the choices, and names one twice"),
        (('"cellar"', '"rapid"'), "draw.place: rapid, rapid: names two things alike"),
        (('"cellar"', '"stock"'), "draw.place: stock: is the first choice already"),
        (('"cellar"', '"ATTIC"'), "draw.place: stock: every spelling must be a word like it"),
        (('"cellar"', "7"), "draw.place: stock: every spelling must be a word like it"),
        (('"cellar"', '"two words"'), "draw.place.stock"),
        (("[draw.minutes]", "[draw.minutes]\nstock = ['a']\n[draw.more]"), "draw: 'stock' is in two parameters"),
        (("[draw.minutes]", "[draw.more]\nunheard = ['of']\n[draw.minutes]"), "draw.more: 'unheard' is in no file"),
        (('"cellar"', '"greeting"'), "draw.place: 'greeting' means something in docs/rubrics/tiny.toml already"),
        (("[draw.minutes]", "[draw.more]\nslow = ['late']\n[draw.minutes]"), "'slow' goes by that name in every"),
        (("keep", "kept"), "kept: unknown key (did you mean 'keep'?)"),
    ],
)
def test_what_is_wrong_with_a_declaration_is_told(tmp_path, change, problem):
    old, new = change
    assert old in DECLARED
    with pytest.raises(ContentError) as raised:
        content.load(build(tmp_path, {VARIANTS: DECLARED.replace(old, new)}), "tiny")
    assert any(each.startswith(f"{VARIANTS}: ") and problem in each for each in raised.value.problems)


def test_too_few_variants_are_told(tmp_path):
    few = DECLARED.replace("30 = [", "30 = [1]\n#")
    with pytest.raises(ContentError, match="500 seeds give 6 variants, expected are 450 at least"):
        content.load(build(tmp_path, {VARIANTS: few}), "tiny")
