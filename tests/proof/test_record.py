"""A proof is kept while nothing it rests on changes, and counts only as the author whose key is trusted signed it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from tests.content.tiny import HIDDEN, RUBRIC, TOML
from tests.proof.conftest import SIGNER, prove
from tests.run.test_prove import MUTANTS, PATCH, judging

from assesskit.content import load
from assesskit.errors import ContentError, UsageError
from assesskit.events import Event
from assesskit.proof.claims import claims
from assesskit.proof.record import Standing, standing
from assesskit.proof.signing import KEYS, author, trusted
from assesskit.prove import Prover, Shown

RECORD = "exercises/tiny/proof/record.json"
EVERYTHING = ["reference", "starter", "rude", "slow"]


def stands(root: Path, runtime: str = "fake") -> dict[str, Standing]:
    exercise = load(root, "tiny")
    return {each.claim.name: each for each in standing(exercise, claims(exercise), runtime, trusted(root))}


def kept(root: Path) -> list[str]:
    return [name for name, each in stands(root).items() if each.kept]


def entries(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / RECORD).read_text())["claims"]
    return found


def rewrite(root: Path, claims: dict[str, Any]) -> None:
    whole = json.loads((root / RECORD).read_text()) | {"claims": claims}
    (root / RECORD).write_text(json.dumps(whole))


def test_what_was_proven_is_kept(root: Path) -> None:
    """Every claim that held has an entry with its verdicts, and none is open."""
    assert kept(root) == EVERYTHING
    assert entries(root)["rude"]["verdicts"] == {
        "hello.polite": "not_met",
        "hello.fast": "met",
        "hello.reasons": "ungraded",
    }


@pytest.mark.parametrize(
    ("name", "text", "opened", "why"),
    [
        (f"{MUTANTS}/rude/change.patch", PATCH + "\n", ["rude"], "program"),
        (f"{MUTANTS}/rude/feedback.txt", "another\n", ["rude"], "golden"),
        (f"{MUTANTS}/slow/claim.toml", 'fails = ["hello.fast", "hello.polite"]\nwhy = "Both."\n', ["slow"], "claim"),
        ("exercises/tiny/starter/app.py", "print()\n", ["starter"], "program"),
        ("exercises/tiny/services/stock/Dockerfile", "FROM other\n", EVERYTHING, "exercise"),
        (HIDDEN, None, EVERYTHING, "graders"),
    ],
)
def test_what_a_change_may_have_touched_is_open_again(
    root: Path, name: str, text: str | None, opened: list[str], why: str
) -> None:
    """A program, text or claim opens its own entry; the graders and the exercise open all."""
    path = root / name
    path.write_text(f"{path.read_text()}# more\n" if text is None else text)
    found = stands(root)
    assert [each for each, at in found.items() if not at.kept] == opened
    assert found[opened[0]].open == f"changed since: {why}"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (RUBRIC, "points = 3", "points = 5"),
        (TOML, "minutes = 30", "minutes = 60"),
        ("exercises/tiny/brief.md", "hello", "hello there"),
        (f"{MUTANTS}/rude/claim.toml", "Forgets to greet.", "Never greets."),
    ],
)
def test_words_for_people_open_nothing(root: Path, name: str, old: str, new: str) -> None:
    """Points, the brief, and what is said of a wrong program change no verdict."""
    path = root / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert len(kept(root)) == 4


def test_another_runtime_proves_nothing_here(root: Path) -> None:
    """A proof among plain processes is none for containers."""
    assert stands(root, "docker")["reference"].open == "changed since: sources, runtime"


@pytest.mark.parametrize("key", ["verdicts", "rests_on", "by", "at", "runs"])
def test_an_edited_entry_is_refused(root: Path, key: str) -> None:
    """Whatever was edited: the signature is over all of it."""
    claims = entries(root)
    other = entries(root)["slow"] | {"by": "0" * 64, "at": "2020-01-01T00:00:00Z", "runs": 2}
    claims["rude"][key] = other[key]
    rewrite(root, claims)
    assert "signature does not hold" in stands(root)["rude"].refused
    assert kept(root) == ["reference", "starter", "slow"]


def test_an_entry_copied_to_another_claim_is_refused(root: Path) -> None:
    """A true entry of one claim says nothing about another."""
    claims = entries(root)
    rewrite(root, claims | {"slow": claims["rude"]})
    assert "signature does not hold" in stands(root)["slow"].refused


def test_an_entry_of_another_form_is_refused(root: Path) -> None:
    """An entry with a key nobody knows is named, and the others still count."""
    claims = entries(root)
    claims["rude"]["note"] = "looks fine to me"
    rewrite(root, claims)
    assert stands(root)["rude"].refused.startswith("note: ")
    assert len(kept(root)) == 3


def test_an_author_nobody_trusts_does_not_count(root: Path) -> None:
    """A key that is not on the list is named, with the list."""
    (root / KEYS).write_text("[keys]\n")
    assert stands(root)["rude"].refused == f"its key {SIGNER.public} is not in {KEYS}"
    (root / KEYS).unlink()
    assert kept(root) == []


def test_a_record_with_a_merge_conflict_is_told(root: Path) -> None:
    """A file that is no JSON names itself, and what to do."""
    (root / RECORD).write_text("<<<<<<< ours\n")
    with pytest.raises(ContentError, match=r"record\.json: is not JSON") as told:
        stands(root)
    assert "one side of a merge" in told.value.hint


def test_a_claim_that_no_longer_holds_loses_its_entry(root: Path) -> None:
    """What is false now is not on record as shown."""
    (root / f"{MUTANTS}/rude/change.patch").write_text(PATCH.replace("# rude", "# fine"))
    prove(root)
    assert list(entries(root)) == ["reference", "slow", "starter"]


def test_entries_of_programs_that_are_gone_go_too(root: Path) -> None:
    """A record names only claims there are."""
    claims = entries(root)
    rewrite(root, claims | {"gone": claims["rude"]})
    prove(root)
    assert "gone" not in entries(root)


def test_an_author_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """The first use makes it, unreadable to others; later ones read it."""
    path = tmp_path / "new/folder/key.pem"
    first = author(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert author(path).public == first.public


@pytest.mark.parametrize("text", ["", "-----BEGIN PRIVATE KEY-----\n", "ada"])
def test_a_key_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    """A file that holds no key is named."""
    path = tmp_path / "key.pem"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"key\.pem: is no private key"):
        author(path)


def test_a_list_of_keys_with_a_mistake_is_told(root: Path) -> None:
    """Half a key trusts nobody."""
    (root / KEYS).write_text('[keys]\nada = "abc"\n')
    with pytest.raises(ContentError, match=r"proof-keys\.toml: keys\.ada"):
        trusted(root)


def test_a_proof_that_was_interrupted_keeps_what_it_had_shown(root: Path) -> None:
    """What was shown is on record before it is told."""
    (root / RECORD).unlink()
    exercise = load(root, "tiny")
    prover = Prover(exercise, judging(), root.parent / "quiet", lambda _: None, signer=SIGNER, trusted=trusted(root))

    def interrupt(_shown: Shown) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prover.prove(claims(exercise), jobs=1, on_shown=interrupt)
    assert "reference" in kept(root)
    assert len(kept(root)) < len(EVERYTHING)


def test_what_changed_while_it_was_graded_was_not_shown(root: Path) -> None:
    """A program edited under way is not the one that was graded."""
    exercise = load(root, "tiny")
    starter = root / "exercises/tiny/starter/app.py"

    def edit(_event: Event) -> None:
        starter.write_text("edited\n")

    prover = Prover(exercise, judging(), root.parent / "quiet", edit, signer=SIGNER, trusted=trusted(root))
    shown = prover.prove([claims(exercise)[1]], jobs=1, on_shown=lambda _: None)
    assert shown[0].problems == ("changed while it was graded: program",)
    assert "starter" not in entries(root)
