"""A seed draws a set of faults as well: the starter has these, and what rests on them comes along."""

from __future__ import annotations

import pytest
from tests.content import tiny
from tests.content.varied import DECLARED, VARIANTS, build

from assesskit import content
from assesskit.content import faulty
from assesskit.content.digests import files_below
from assesskit.errors import ContentError
from assesskit.proof.claims import as_written, claims
from assesskit.proof.digests import drawn as digest_of

APP = 'print("the stock says hello")\n'
PATCH = "--- a/app.py\n+++ b/app.py\n@@ -1 +1 @@\n-{}+{}"
SILENT, LOUD = 'print("the stock is silent")\n', 'print("THE STOCK SAYS HELLO")\n'
SETS = """
[sets.silence]
faults = ["rude"]
[sets.noise]
faults = ["loud"]
masks = {}
"""
WHOLE = DECLARED.replace("[draw.place]", f"{SETS}[draw.place]")
FILES: dict[str, tiny.Change] = {
    VARIANTS: WHOLE,
    tiny.TOML: ('fails = ["hello.polite", "hello.fast"]', 'fails = ["hello.fast"]'),
    "exercises/tiny/proof/reference/app.py": APP,
    "exercises/tiny/proof/mutants/rude/change.patch": PATCH.format(APP, SILENT),
    "exercises/tiny/proof/mutants/loud/claim.toml": 'fails = ["hello.polite"]\nwhy = "Shouts."\n',
    "exercises/tiny/proof/mutants/loud/change.patch": PATCH.format(APP, LOUD),
    "exercises/tiny/handout/NOTES.md": "What you found in the stock.\n",
    "exercises/tiny/starter/app.py": SILENT,
    "exercises/tiny/starter/NOTES.md": "What you found in the stock.\n",
    "exercises/tiny/contract/api.yaml": "recorded: silence in the stock\n",
    "exercises/tiny/sets/noise/contract/api.yaml": "recorded: noise in the stock\n",
}


@pytest.fixture
def root(tmp_path):
    return build(tmp_path / "root", FILES)


def seed_for(exercise: content.Exercise, name: str) -> str:
    """The first number that draws this set, and a depot."""
    for number in range(999):
        drawn = content.load(
            exercise.root, "tiny", str(number), cache=exercise.root.parent / "cache"
        ).variant.parameters
        if drawn["sets"] == name and drawn["place"] == "depot":
            return str(number)
    raise AssertionError


def test_without_a_seed_it_is_the_first_set(root):
    exercise = content.load(root, "tiny")
    assert exercise.variant.parameters["sets"] == "silence"
    assert exercise.faults == ("rude",)


@pytest.mark.parametrize(
    ("name", "says", "recorded"), [("silence", "depot is silent", "silence"), ("noise", "DEPOT SAYS HELLO", "noise")]
)
def test_a_variant_has_the_starter_of_its_set_and_what_rests_on_it(root, tmp_path, name, says, recorded):
    written = content.load(root, "tiny")
    drawn = content.load(root, "tiny", seed_for(written, name), cache=tmp_path / "cache")
    assert says in (drawn.folder / "starter/app.py").read_text()
    assert (drawn.folder / "starter/NOTES.md").read_text() == "What you found in the depot.\n"
    assert (drawn.folder / "starter/Dockerfile").is_file()
    assert (drawn.folder / "contract/api.yaml").read_text() == f"recorded: {recorded} in the depot\n"
    assert not (drawn.folder / "sets").exists()
    assert drawn.faults == written.sets[name].faults


def test_the_starter_is_claimed_to_fail_what_its_faults_fail(root, tmp_path):
    written = content.load(root, "tiny")
    drawn = content.load(root, "tiny", seed_for(written, "noise"), cache=tmp_path / "cache")
    for exercise in (written, drawn):
        (starter,) = [claim for claim in claims(exercise) if claim.kind == "starter"]
        assert set(starter.fails) == {"hello.fast", "hello.polite"}


@pytest.mark.parametrize(("name", "itself"), [("silence", False), ("noise", True)])
def test_what_is_counted_of_a_starter_is_of_its_own_faults(root, tmp_path, name, itself):
    written = content.load(root, "tiny")
    drawn = content.load(root, "tiny", seed_for(written, name), cache=tmp_path / "cache")
    for claim in claims(drawn):
        assert (as_written(drawn, claim) == claim) == (itself and claim.kind == "starter"), claim.name


@pytest.mark.parametrize(
    "changed", ["sets/noise/contract/api.yaml", "proof/mutants/loud/change.patch", "sets/noise/new.txt"]
)
def test_a_proof_on_a_variant_rests_on_its_set(root, tmp_path, changed):
    seeds = {name: seed_for(content.load(root, "tiny"), name) for name in ("silence", "noise")}

    def digests() -> dict[str, dict[str, str]]:
        cache = tmp_path / "cache"
        return {name: digest_of(content.load(root, "tiny", seed, cache=cache)) for name, seed in seeds.items()}

    before = digests()
    with (root / "exercises/tiny" / changed).open("a") as file:
        file.write("\n")
    after = digests()
    assert after["silence"] == before["silence"]
    assert after["noise"] != before["noise"]


def test_sets_alone_make_variants_too(tmp_path):
    root = tiny.build(tmp_path / "root", {**FILES, VARIANTS: f"draw = {{}}\n{SETS}"})
    drawn = {
        content.load(root, "tiny", str(seed), cache=tmp_path / "cache").variant.parameters["sets"] for seed in range(9)
    }
    assert drawn == {"silence", "noise"}


def test_variants_with_other_faults_are_of_one_exercise(root, tmp_path):
    written = content.load(root, "tiny")
    drawn = content.load(root, "tiny", seed_for(written, "noise"), cache=tmp_path / "cache")
    assert drawn.digests() == written.digests()


def test_patches_that_touch_the_same_lines_are_told(root, tmp_path):
    exercise = content.load(root, "tiny")
    with pytest.raises(ContentError, match=r"rude, loud: change.patch: do not fit together"):
        faulty.starter_of(exercise, ["rude", "loud"], tmp_path / "starter")


def test_the_files_of_no_variant_hold_another_set(root):
    exercise = content.load(root, "tiny")
    with faulty.sources(exercise, "noise") as there:
        assert {path.read_bytes() for path in there.values()} & {SILENT.encode()} == set()
    assert {*files_below(exercise.folder / "sets")} == {"noise/contract/api.yaml"}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('faults = ["loud"]', 'faults = ["lout"]', "sets.noise: no wrong program 'lout' that is a patch (did you mean"),
        ('faults = ["loud"]', 'faults = ["slow"]', "sets.noise: no wrong program 'slow' that is a patch"),
        ('faults = ["loud"]', 'faults = ["rude"]', "sets.noise: has the faults of silence"),
        ("masks = {}", 'masks = { rude = "loud" }', "sets.noise.masks: 'rude' is no fault of the set"),
        ("[sets.noise]", "[sets.din]", "exercises/tiny/sets/noise: is no set that variants.toml names"),
        ("[draw.place]", "[draw.sets]", "draw.sets: is what the set that is drawn goes by"),
        ("masks = {}", "mask = {}", "sets.noise.mask: unknown key (did you mean 'masks'?)"),
    ],
)
def test_what_is_wrong_with_a_set_is_told(tmp_path, old, new, problem):
    assert old in WHOLE
    root = build(tmp_path, {**FILES, VARIANTS: WHOLE.replace(old, new)})
    with pytest.raises(ContentError) as raised:
        content.load(root, "tiny")
    assert any(problem in each for each in raised.value.problems), raised.value.problems
