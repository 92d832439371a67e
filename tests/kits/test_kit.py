"""A kit is whole, signed, and read before anything of it is written; what does not hold is told."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.content import tiny, varied
from tests.kits.conftest import NOW

from assesskit import __version__, content
from assesskit.cli import candidate
from assesskit.content import Exercise
from assesskit.content.given import load_given
from assesskit.errors import ContentError, StoreError, UsageError
from assesskit.kits.inviting import Invitation, invite
from assesskit.kits.kit import LEVELS, KitManifest, open_kit
from assesskit.kits.ledger import Invited, forget, invitations, note
from assesskit.kits.manifest import kit_digest
from assesskit.kits.packing import Entry, packed
from assesskit.signatures import Signer

Change = Callable[[dict[str, Any], dict[str, bytes]], None]


def changed(kit: Path, change: Change) -> Path:
    """The kit after somebody had their way with its manifest and files."""
    with zipfile.ZipFile(kit) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    said = json.loads(files.pop("kit.json"))
    change(said, files)
    entries = [Entry(name, data) for name, data in files.items()]
    kit.write_bytes(packed([*([Entry("kit.json", json.dumps(said).encode())] if said else []), *entries]))
    return kit


def test_a_kit_holds_what_is_on_the_list_and_nothing_else(kit: Path) -> None:
    """Brief, starter, contract, public checks, services and wheels; no hidden check, proof, rubric or variants."""
    names = sorted(open_kit(kit).files)
    assert names == [
        "README.md",
        "brief.html",
        "brief.md",
        "content/exercise.json",
        "content/exercises/tiny/brief.md",
        "content/exercises/tiny/contract/api.yaml",
        "content/exercises/tiny/services/stock/Dockerfile",
        "content/exercises/tiny/starter/Dockerfile",
        "content/exercises/tiny/starter/app.py",
        "content/exercises/tiny/wheels.txt",
        "content/graders/tiny/public/test_hello.py",
    ]


def test_the_brief_says_what_counts_and_what_is_public(kit: Path) -> None:
    """Points of every criterion and who measures them, the policy on AI, the time, and what happens to data."""
    files = open_kit(kit).files
    text, page = files["brief.md"].decode(), files["brief.html"].decode()
    assert "6 points in all." in text
    assert "measure 3 of\nthem" in text
    assert "| It greets | 3 | public checks, and hidden ones after you submit |" in text
    assert "| It is quick | 2 | hidden checks |" in text
    assert "| It is explained | 1 | two people, who read your work |" in text
    for words in ("hidden checks as well", "Use what you like.", "Set aside 30 minutes", "What happens to your data"):
        assert words in text
        assert words in page
    assert "<td>It is quick</td>" in page


def test_a_kit_says_what_to_install_and_names_no_index(kit: Path) -> None:
    """The wheel that was sent with it: on a public index, somebody else's package may have our name."""
    text = open_kit(kit).files["README.md"].decode()
    assert f"pip install ./assesskit-{__version__}-py3-none-any.whl" in text
    assert "pip install assesskit" not in text


def test_an_exercise_says_its_own_words_on_data_and_pauses(tmp_path: Path, signer: Signer) -> None:
    """`privacy` replaces ours, and without `pause` nothing is promised."""
    own = ('starter = "starter"', 'starter = "starter"\npause = false\nprivacy = "Kept a year."')
    mine = content.load(tiny.build(tmp_path, {tiny.TOML: own}), "tiny")
    manifest, data = invite(mine, Invitation("C-1", None, "0" * 16), signer, now=NOW)
    (tmp_path / "kit.zip").write_bytes(data)
    text = open_kit(tmp_path / "kit.zip").files["brief.md"].decode()
    assert not manifest.pause
    assert "Kept a year." in text
    assert "Nothing leaves your machine" not in text
    assert "pauses it" not in text


def test_the_same_invitation_makes_the_same_kit(exercise: Exercise, signer: Signer, made) -> None:
    """Nothing of the machine or the moment is in it but the time that is told."""
    assert invite(exercise, Invitation("C-0142", "senior", "0123456789abcdef"), signer, now=NOW)[1] == made[1]


def test_what_is_given_is_read_as_the_exercise_it_came_from(kit: Path, exercise: Exercise, tmp_path: Path) -> None:
    """The same handout, spec and points; no note, question or anchor, and only the facts of public checks."""
    for entry in open_kit(kit).content():
        (tmp_path / "root" / entry.name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / entry.name).write_bytes(entry.data)
    given = load_given(tmp_path / "root", "tiny", None)
    assert kit_digest(given) == kit_digest(exercise)
    assert [(each.id, each.points) for each in given.criteria] == [(each.id, each.points) for each in exercise.criteria]
    assert {text for each in given.criteria for text in (each.interviewer, each.feedback, *each.anchors)} == {""}
    assert given.spec.grader.facts == {}
    told = json.loads((tmp_path / "root" / "exercise.json").read_text())["spec"]
    assert set(told) == set(type(exercise.spec).model_fields) - {"proof"}, (
        "a new key is told only once somebody decides"
    )
    assert set(told["grader"]) == set(type(exercise.spec.grader).model_fields)
    assert given.spec.submission == exercise.spec.submission
    assert [check.visibility for checks in given.checks.values() for check in checks] == ["public"]


def test_a_kit_says_which_public_criteria_are_looked_at_again(kit: Path, exercise: Exercise, tmp_path: Path) -> None:
    """Without the hidden checks that do: `check` can say so, and a kit of before, which does not, is read."""
    for name, data in ((each.name, each.data) for each in open_kit(kit).content()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    given = load_given(tmp_path, "tiny", None)
    assert exercise.looked_at_again == given.looked_at_again == {"hello.polite"}
    assert (
        candidate._rest(given, ["hello.polite"]) == "1, and people judge 1. Hidden checks look again at hello.polite."
    )
    said = json.loads((tmp_path / "exercise.json").read_text())
    for criterion in said["criteria"]:
        del criterion["again"]
    (tmp_path / "exercise.json").write_text(json.dumps(said))
    before = load_given(tmp_path, "tiny", None)
    assert before.looked_at_again == frozenset()
    assert candidate._rest(before, ["hello.polite"]) == "1, and people judge 1."


def test_a_fact_that_is_not_there_cannot_be_given(tmp_path: Path) -> None:
    """A mistyped fact is told before any kit is made."""
    wrong = ('starter = "starter"', 'starter = "starter"\nfacts = ["audiense"]')
    with pytest.raises(ContentError, match=r"candidate.facts: no fact 'audiense' .*did you mean 'audience'"):
        content.load(tiny.build(tmp_path, {tiny.TOML: wrong}), "tiny")


def test_a_fact_that_a_public_check_reads_must_be_given(tmp_path: Path) -> None:
    """Or the check would break where nobody of us sees it."""
    reads = ("    pass\n", '    assert facts["audience"]\n')
    with pytest.raises(
        ContentError, match=r"public/test_hello.py: reads the fact 'audience', which .*candidate.facts lacks"
    ):
        content.load(tiny.build(tmp_path / "a", {tiny.PUBLIC: reads}), "tiny")
    given = ('starter = "starter"', 'starter = "starter"\nfacts = ["audience"]')
    assert content.load(tiny.build(tmp_path / "b", {tiny.PUBLIC: reads, tiny.TOML: given}), "tiny")


def test_a_variant_is_given_as_it_was_drawn(tmp_path: Path, signer: Signer) -> None:
    """The kit of a seed has the renamed files, and not what else could have been drawn."""
    root = varied.build(tmp_path / "root")
    seed = varied.seed_for(content.load(root, "tiny"), "depot")
    drawn = content.load(root, "tiny", seed, cache=tmp_path)
    _, data = invite(drawn, Invitation("C-1", None, "0" * 16), signer, now=NOW)
    (tmp_path / "kit.zip").write_bytes(data)
    files = open_kit(tmp_path / "kit.zip").files
    assert files["content/exercises/tiny/brief.md"] == b"# Say hello to the depot\n"
    assert not any(b"cellar" in data for data in files.values())


def edited(_said: dict[str, Any], files: dict[str, bytes]) -> None:
    files["content/exercises/tiny/starter/app.py"] += b"#"


def added(_said: dict[str, Any], files: dict[str, bytes]) -> None:
    files["content/exercises/tiny/more.py"] = b""


def removed(_said: dict[str, Any], files: dict[str, bytes]) -> None:
    del files["brief.md"]


def promoted(said: dict[str, Any], _files: dict[str, bytes]) -> None:
    said["manifest"]["level"] = "staff"


def resigned(said: dict[str, Any], _files: dict[str, bytes]) -> None:
    said["manifest"]["key"] = "00" * 32


def newer(said: dict[str, Any], _files: dict[str, bytes]) -> None:
    said["manifest"]["schema_id"] = "assesskit/kit/2"


def of_another_kind(said: dict[str, Any], _files: dict[str, bytes]) -> None:
    said["manifest"]["schema_id"] = "zip/1"


def unknown_key(said: dict[str, Any], _files: dict[str, bytes]) -> None:
    said["manifest"]["bonus"] = 1


def no_manifest(said: dict[str, Any], _files: dict[str, bytes]) -> None:
    said.clear()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edited, "starter/app.py': was changed"),
        (added, "more.py': was added"),
        (removed, "'brief.md': is missing"),
        (promoted, "is not what was signed"),
        (resigned, "is not what was signed"),
        (newer, r"was made by a newer assesskit \(assesskit/kit/2; this one reads assesskit/kit/1\)"),
        (of_another_kind, "is no kit"),
        (unknown_key, "kit.json: 'manifest.bonus': "),
        (no_manifest, "is no kit: it holds no kit.json"),
    ],
)
def test_a_kit_that_is_not_what_was_signed_is_refused(kit: Path, change: Change, words: str) -> None:
    """Every change on the way is told, with what to do."""
    with pytest.raises(UsageError, match=words) as caught:
        open_kit(changed(kit, change))
    assert caught.value.hint


def test_a_kit_of_another_key_is_refused_where_one_is_named(kit: Path, signer: Signer) -> None:
    """`--key` takes only that key's kits, whatever the case it is written in."""
    assert open_kit(kit, key=signer.public.upper()).manifest.key == signer.public
    with pytest.raises(UsageError, match=r"is signed with the key .*, not with the one named"):
        open_kit(kit, key="11" * 32)


@pytest.mark.parametrize("damage", [b"", b"PK", b"not a zip at all"])
def test_what_is_no_archive_is_told(tmp_path: Path, damage: bytes) -> None:
    """Empty, cut short, something else."""
    (tmp_path / "kit.zip").write_bytes(damage)
    with pytest.raises(UsageError, match="cannot be read as a zip archive"):
        open_kit(tmp_path / "kit.zip")


def test_a_kit_cut_short_on_its_way_is_told(kit: Path) -> None:
    """The end of a download is missing."""
    kit.write_bytes(kit.read_bytes()[:-100])
    with pytest.raises(UsageError, match="cannot be read as a zip archive"):
        open_kit(kit)


def test_a_file_that_unpacks_to_more_than_anybody_asked_for_is_refused(tmp_path: Path, monkeypatch) -> None:
    """The size is told before a byte of it is unpacked."""
    monkeypatch.setattr("assesskit.kits.packing.MAX_UNPACKED", 1000)
    (tmp_path / "kit.zip").write_bytes(packed([Entry("kit.json", b" " * 1001)]))
    with pytest.raises(UsageError, match="MiB unpacked"):
        open_kit(tmp_path / "kit.zip")


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a\\b", "c\x1b[31m", "K.json"])
def test_a_name_that_could_land_elsewhere_or_on_another_is_refused(tmp_path: Path, name: str) -> None:
    """Names that leave, that a system reads in another way, and those that differ in case only."""
    (tmp_path / "kit.zip").write_bytes(packed([Entry("k.json", b""), Entry(name, b"")]))
    with pytest.raises(UsageError):
        open_kit(tmp_path / "kit.zip")


def test_a_kit_that_a_browser_unpacked_is_taken(kit: Path, tmp_path: Path) -> None:
    """As a folder, with what the system leaves in one; but not if it was changed or leads out."""
    folder = tmp_path / "kit"
    with zipfile.ZipFile(kit) as archive:
        archive.extractall(folder)
    (folder / ".DS_Store").write_text("")
    assert open_kit(folder).files == open_kit(kit).files
    (folder / "brief.md").rename(tmp_path / "outside.md")
    (folder / "brief.md").symlink_to(tmp_path / "outside.md")
    with pytest.raises(UsageError, match=r"'brief.md': is missing"):
        open_kit(folder)


def test_only_the_ledger_knows_name_and_extra_time(tmp_path: Path, made, signer: Signer) -> None:
    """The last line about a kit counts, nobody else can read the file, and a broken line is named."""
    ledger = tmp_path / "deep" / "ledger.jsonl"
    first = Invited(manifest=made[0], kit_sha256="0" * 64, minutes=30, name="Ada", noted=NOW)
    assert invitations(ledger) == {}
    note(ledger, first)
    note(ledger, first.model_copy(update={"minutes": 45}))
    assert invitations(ledger)[made[0].kit].minutes == 45
    assert ledger.stat().st_mode & 0o777 == 0o600
    assert "name" not in KitManifest.model_fields
    assert b"Ada" not in made[1]
    ledger.write_bytes(ledger.read_bytes() + b'{"half": ')
    with pytest.raises(UsageError, match=r"ledger.jsonl:3: is no line of a ledger"):
        invitations(ledger)
    with pytest.raises(StoreError):
        note(tmp_path, first)


def test_the_ledger_forgets_a_candidate_and_nobody_else(tmp_path: Path, made) -> None:
    """Every line about them, and who may read the file stays as it was."""
    ledger = tmp_path / "ledger.jsonl"
    assert forget(ledger, made[0].candidate) == 0
    other = made[0].model_copy(update={"candidate": "C-2", "kit": "f" * len(made[0].kit)})
    for manifest in (made[0], other, made[0]):
        note(ledger, Invited(manifest=manifest, kit_sha256="0" * 64, minutes=30, name="Ada", noted=NOW))
    assert forget(ledger, made[0].candidate) == 2
    assert [one.manifest.candidate for one in invitations(ledger).values()] == ["C-2"]
    assert ledger.stat().st_mode & 0o777 == 0o600


def test_every_level_can_be_told_and_no_other(made) -> None:
    """The levels of the profiles."""
    said = made[0].model_dump()
    assert [KitManifest.model_validate(said | {"level": level}).level for level in LEVELS] == [*LEVELS]
    with pytest.raises(ValueError, match="level"):
        KitManifest.model_validate(said | {"level": "boss"})
    assert made[0].issued == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
