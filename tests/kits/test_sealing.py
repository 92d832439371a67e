"""What a candidate sends tells how it came about; what does not hold in it is refused or told, never believed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.kits.conftest import NOW

from assesskit import kits
from assesskit.errors import SubmissionError
from assesskit.kits.inviting import Invitation, invite
from assesskit.kits.journey import begin, read_journey
from assesskit.kits.kit import open_kit
from assesskit.kits.ledger import Invited
from assesskit.kits.packing import Entry, packed
from assesskit.kits.sealing import Handed, is_sealed, remarks, seal, time_remarks, unseal

LATER = NOW + timedelta(minutes=20)


@pytest.fixture
def sealed(kit: Path, exercise, tmp_path: Path) -> Path:
    return sealed_from(kit, exercise, tmp_path)


def sealed_from(kit: Path, exercise, folder: Path) -> Path:
    work = begin(open_kit(kit), folder / "work", now=NOW).workspace
    manifest = kits.freeze(work, exercise, folder / "frozen.zip", now=LATER)
    notes = ("None.", "More tests.")
    frozen = (folder / "frozen.zip").read_bytes()
    seal(read_journey(work), frozen, manifest, folder / "C-0142-tiny.zip", notes=notes, now=LATER)
    return folder / "C-0142-tiny.zip"


def test_what_was_sealed_is_graded_as_what_was_frozen(sealed: Path, exercise, tmp_path: Path) -> None:
    """The work inside is an archive of `freeze`, under the sealed one's name; times, tools and notes are told."""
    assert is_sealed(sealed)
    assert not is_sealed(tmp_path / "frozen.zip")
    (tmp_path / "scratch").mkdir()
    opened = unseal(sealed, tmp_path / "scratch")
    taken = kits.take(opened.work, exercise, tmp_path / "taken")
    handed = opened.handed
    assert (taken.submitted.name, taken.submitted.digest) == ("C-0142-tiny", handed.digest)
    assert (handed.seconds, handed.ai, handed.next, handed.set_back) == (1200.0, "None.", "More tests.", False)
    assert set(handed.tools) == {"assesskit", "python", "system"}
    assert opened.began == NOW


def test_nothing_of_the_ledger_travels_back(sealed: Path) -> None:
    """No name, no personal time box: what scorers could see says the exercise's minutes only."""
    said = json.loads(zipfile.ZipFile(sealed).read("submission.json"))
    assert said["kit"]["manifest"]["minutes"] == 30
    assert {key for key in Handed.model_fields if "minute" in key or "name" in key} == set()


def rewritten(sealed: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> Path:
    with zipfile.ZipFile(sealed) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    said = json.loads(files["submission.json"])
    change(said, files)
    files["submission.json"] = json.dumps(said).encode()
    sealed.write_bytes(packed(Entry(name, data) for name, data in files.items()))
    return sealed


def other_work(_said: dict[str, Any], files: dict[str, bytes]) -> None:
    files["work.zip"] += b" "


def other_kit(said: dict[str, Any], _files: dict[str, bytes]) -> None:
    said["kit"]["manifest"]["minutes"] = 600


def other_digest(said: dict[str, Any], _files: dict[str, bytes]) -> None:
    said["digest"] = "0" * 64


def endless_note(said: dict[str, Any], _files: dict[str, bytes]) -> None:
    said["ai"] = "a" * 4001


def endless_time(said: dict[str, Any], _files: dict[str, bytes]) -> None:
    said["seconds"] = float("inf")


def zoneless(said: dict[str, Any], _files: dict[str, bytes]) -> None:
    said["submitted"] = "2026-03-04T05:06:07"


def stowaway(_said: dict[str, Any], files: dict[str, bytes]) -> None:
    files["note.txt"] = b""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_work, "its work.zip is not the one it was sealed with"),
        (other_kit, "its kit was changed after it was signed"),
        (other_digest, "submission.json is about other files than work.zip holds"),
        (endless_note, "'ai': "),
        (endless_time, "submission.json: "),
        (zoneless, "'submitted': "),
        (stowaway, "holds something else than"),
    ],
)
def test_what_does_not_hold_in_an_archive_is_refused(sealed: Path, tmp_path: Path, change, words: str) -> None:
    """Every edit after it was sealed is told before anything of it is built."""
    with pytest.raises(SubmissionError, match=words):
        unseal(rewritten(sealed, change), tmp_path)


def test_the_work_of_one_kit_is_not_another_kits(sealed: Path, kit: Path, exercise, signer, tmp_path: Path) -> None:
    """A kit of another version, and work that began with this one."""
    manifest, _ = invite(exercise, Invitation("C-2", None, "f" * 16), signer, now=NOW)
    other = manifest.model_copy(update={"version": "9.9.9"})

    def swapped(said: dict[str, Any], _files: dict[str, bytes]) -> None:
        said["kit"] = {
            "manifest": other.model_dump(mode="json"),
            "signature": signer.sign(other.model_dump(mode="json")),
        }

    with pytest.raises(SubmissionError, match="its workspace did not begin with its kit"):
        unseal(rewritten(sealed, swapped), tmp_path)


def test_an_interviewer_is_told_what_to_know_and_nothing_else(sealed: Path, made, signer, tmp_path: Path) -> None:
    """Kits of nobody, kits of another key, a time box that was over, a clock that went back."""
    own = frozenset({signer.public})
    invited = Invited(manifest=made[0], kit_sha256="0" * 64, minutes=30, noted=NOW)
    (tmp_path / "scratch").mkdir()
    handed = unseal(sealed, tmp_path / "scratch").handed

    def said(invited: Invited | None, keys=own, began=NOW, **changes: Any) -> list[str]:
        changed = handed.model_copy(update=changes)
        return [*remarks(changed, invited, keys), *time_remarks(changed, began, invited)]

    assert said(invited) == []
    assert said(None) == ["its kit 0123456789abcdef is not in your ledger"]
    assert said(invited, frozenset()) == [
        f"its kit was signed with a key that is neither yours nor your colleagues': {signer.public}"
    ]
    assert said(invited, seconds=45 * 60.0) == ["the time box was over 15 min before it was submitted"]
    assert said(invited.model_copy(update={"minutes": 45}), seconds=45 * 60.0) == []
    assert "'9.0', this is" in said(invited, tools={"assesskit": "9.0"})[0]
    assert "set its clock back" in said(invited, set_back=True)[0]
    assert "started before the kit was made" in said(invited, began=NOW - timedelta(days=1))[0]
    assert "submitted before" in said(invited, submitted=NOW - timedelta(days=1))[0]
