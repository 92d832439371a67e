from __future__ import annotations

import os
import random
import stat
import zipfile
from pathlib import Path

import pytest
from tests.content import tiny
from tests.kits import hostile

from assesskit import content, kits
from assesskit.content.digests import files_below
from assesskit.errors import SubmissionError, UsageError

REGULAR = stat.S_IFREG | 0o644


def refused(path: Path, exercise: content.Exercise) -> str:
    """The words with which a submission is refused, after it was seen that nothing is left behind."""
    before = sorted(path.parent.iterdir())
    with pytest.raises(SubmissionError) as caught:
        kits.take(path, exercise, path.parent / "taken")
    assert sorted(path.parent.iterdir()) == before
    return str(caught.value)


def test_what_was_frozen_comes_out_as_it_went_in(tmp_path, exercise, workspace, sound):
    taken = kits.take(sound, exercise, tmp_path / "taken")
    assert taken.folder == tmp_path / "taken"
    assert {name: path.read_bytes() for name, path in files_below(taken.folder).items()} == {
        name: path.read_bytes()
        for name, path in files_below(workspace).items()
        if name != ".assesskit.json" and not name.startswith(".git/")
    }
    assert taken.submitted.name == "ada"
    assert taken.submitted.manifest is not None
    assert taken.submitted.manifest["workspace"]["version"] == "1.2.0"


def test_a_folder_and_its_archive_have_the_same_digest(tmp_path, exercise, workspace, sound):
    folder = kits.take(workspace, exercise, tmp_path / "one")
    archive = kits.take(sound, exercise, tmp_path / "two")
    assert folder.submitted.digest == archive.submitted.digest
    assert folder.submitted.manifest is None


def test_one_changed_byte_changes_the_digest(tmp_path, exercise, workspace):
    before = kits.take(workspace, exercise, tmp_path / "one").submitted.digest
    (workspace / "app.py").write_text("print('Hello')\n")
    assert kits.take(workspace, exercise, tmp_path / "two").submitted.digest != before


def test_modes_are_ours_whatever_the_umask_and_the_archive_say(tmp_path, exercise, sound):
    odd = hostile.rebuilt(sound, tmp_path / "odd.zip", hostile.smuggled("deep/down/x", mode=stat.S_IFREG | 0o6777))
    old = os.umask(0o077)
    try:
        kits.take(odd, exercise, tmp_path / "taken")
    finally:
        os.umask(old)
    folder, modes = tmp_path / "taken", {}
    for path in (folder, folder / "deep", folder / "deep/down", folder / "deep/down/x"):
        modes[path.name] = stat.S_IMODE(path.stat().st_mode)
    assert modes == {"taken": 0o755, "deep": 0o755, "down": 0o755, "x": 0o644}


HOSTILE = {
    "dot-dot": (hostile.smuggled("../x"), "'../x': leaves its folder"),
    "dot-dot inside": (hostile.smuggled("a/../../x"), "leaves its folder"),
    "absolute": (hostile.smuggled("/tmp/x"), "'/tmp/x': is absolute"),
    "backslashes": (hostile.smuggled("..\\x"), "is no plain path"),
    "empty part": (hostile.smuggled("a//x"), "is no plain path"),
    "dot": (hostile.smuggled("./x"), "is no plain path"),
    "NUL": (hostile.smuggled("a\0b", zip_name="files/a"), "its name holds control characters"),
    "terminal escape": (hostile.smuggled("\x1b]0;x\x07"), "'\\x1b]0;x\\x07': its name holds control characters"),
    "long name": (hostile.smuggled("x" * 256), "its name is too long"),
    "long path": (hostile.smuggled("/".join(["x" * 200] * 6)), "its name is too long"),
    "deep": (hostile.smuggled("/".join("x" * 40)), "lies too deep"),
    "case": (hostile.smuggled("dockerFILE"), "is there twice, also as"),
    "accent in two spellings": (
        lambda m, e: [hostile.smuggled(name)(m, e) for name in ("caf\u00e9", "cafe\u0301")] and None,
        "is there twice, also as",
    ),
    "twice in the manifest": (lambda m, _: m["files"].append(m["files"][0]), "'.gitignore': is there twice"),
    "file and folder": (hostile.smuggled("app.py/x"), "'app.py': is both a file and a folder"),
    "link": (hostile.smuggled("l", b"/etc/passwd", mode=stat.S_IFLNK | 0o777), "is a link or special file"),
    "fifo": (hostile.smuggled("p", b"", mode=stat.S_IFIFO | 0o644), "is a link or special file"),
    "device": (hostile.smuggled("d", b"", mode=stat.S_IFBLK | 0o644), "is a link or special file"),
    "socket": (hostile.smuggled("s", b"", mode=stat.S_IFSOCK | 0o644), "is a link or special file"),
    "large": (hostile.smuggled("big", b"\0" * 1024 * 1024), "1.0 MiB unpacked, at most 1 are allowed"),
    "bomb": (hostile.bomb(8), "'files/bomb': has another size than its manifest says"),
    "many": (hostile.many(5000), "5006 files, at most 5000 are allowed"),
    "very many": (hostile.many(10_001), "holds more than 5000 files"),
    "altered": (
        hostile.zeroed,
        "files that are not those of its manifest",
    ),
    "left out": (lambda m, e: e.pop(0) and None, "is in its manifest and not in it"),
    "slipped in": (lambda m, e: m["files"].pop(0) and None, "is in it and not in its manifest"),
    "bzip2": (hostile.compressed_with(zipfile.ZIP_BZIP2), "'files/.gitignore' is compressed in a way we do not take"),
    "lzma": (hostile.compressed_with(zipfile.ZIP_LZMA), "is compressed in a way we do not take"),
    "nothing": (hostile.said(files=[]), "Dockerfile: is missing, and required"),
    "other exercise": (hostile.said(workspace__exercise="huge"), "is of exercise 'huge', not 'tiny'"),
    "other version": (hostile.said(workspace__version="0.9.0"), "is of version '0.9.0' of tiny, here is 1.2.0"),
    "other kit": (hostile.said(workspace__kit="0" * 64), "what candidates are given has changed"),
    "other schema": (hostile.said(schema_id="assesskit/submission/9"), "manifest.json: 'schema_id': "),
    "unknown word": (hostile.said(score=100), "manifest.json: 'score': Extra inputs are not permitted"),
    "negative size": (lambda m, e: m["files"][0].update(size=-1), "manifest.json: 'files.0.size': "),
    "number for a name": (lambda m, e: m["files"][0].update(path=7), "manifest.json: 'files.0.path': "),
    "surrogate": (lambda m, e: m["files"][0].update(path="\ud800"), "manifest.json: "),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_by_name_and_leaves_nothing(tmp_path, exercise, sound, name):
    change, words = HOSTILE[name]
    assert words in refused(hostile.rebuilt(sound, tmp_path / "bad.zip", change), exercise)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_twice_is_refused(tmp_path, exercise, sound):
    bad = hostile.rebuilt(sound, tmp_path / "bad.zip", lambda _, entries: entries.append(entries[0]))
    assert "is there twice" in refused(bad, exercise)


@pytest.mark.parametrize("claimed", [0, 3, 2**31])
def test_a_directory_that_lies_about_a_size_is_refused(tmp_path, exercise, sound, claimed):
    bad = hostile.lying_size(sound, tmp_path / "bad.zip", claimed)
    assert "has another size than its manifest says" in refused(bad, exercise)


def test_a_size_that_archive_and_manifest_both_lie_about_is_found_when_it_is_read(tmp_path, exercise, sound):
    bad = hostile.rebuilt(sound, tmp_path / "bad.zip", hostile.bomb(8))
    bad = hostile.lying_size(bad, tmp_path / "bad.zip", 10)
    assert "cannot be read as a zip archive: Bad CRC-32" in refused(bad, exercise)


def test_a_name_that_goes_on_after_a_nul_is_another_name(tmp_path, exercise, sound):
    longer = hostile.rebuilt(sound, tmp_path / "bad.zip", hostile.smuggled("a", zip_name="files/a#b"))
    (tmp_path / "bad.zip").write_bytes(longer.read_bytes().replace(b"files/a#b", b"files/a\0b"))
    assert "is in its manifest and not in it" in refused(tmp_path / "bad.zip", exercise)


def test_a_name_of_nothing_is_refused(tmp_path, exercise, sound):
    (tmp_path / "bad.zip").write_bytes(sound.read_bytes().replace(b"files/app.py", b"\0iles/app.py"))
    assert "'files/app.py': is in its manifest and not in it" in refused(tmp_path / "bad.zip", exercise)


def test_a_manifest_that_is_compressed_oddly_is_not_unpacked(tmp_path, exercise):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("manifest.json", "{}")
    assert "'manifest.json' is compressed in a way we do not take" in refused(tmp_path / "bad.zip", exercise)


def test_an_archive_with_a_password_is_refused(tmp_path, exercise, sound):
    assert "password required" in refused(hostile.encrypted(sound, tmp_path / "bad.zip"), exercise)


def test_an_archive_of_another_maker_is_refused_with_a_hint(tmp_path, exercise):
    bad = hostile.without_manifest(tmp_path / "bad.zip")
    assert "holds no manifest.json" in refused(bad, exercise)


@pytest.mark.parametrize("keep", [0, 1, 100, -1, -30])
def test_a_truncated_archive_is_refused(tmp_path, exercise, sound, keep):
    (tmp_path / "bad.zip").write_bytes(sound.read_bytes()[:keep])
    assert "cannot be read as a zip archive" in refused(tmp_path / "bad.zip", exercise)


def test_an_archive_larger_than_any_submission_is_refused_unread(tmp_path, exercise):
    with (tmp_path / "bad.zip").open("wb") as file:
        file.truncate(10 * 1024 * 1024)
    assert "is larger than 9 MiB" in refused(tmp_path / "bad.zip", exercise)


def test_no_damage_gives_anything_but_a_refusal_or_the_right_files(tmp_path, exercise, sound):
    data, dice = sound.read_bytes(), random.Random(1)
    digest = kits.take(sound, exercise, tmp_path / "sound").submitted.digest
    for number in range(200):
        bad = bytearray(data)
        for _ in range(dice.randint(1, 4)):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        (tmp_path / "bad.zip").write_bytes(bad)
        try:
            taken = kits.take(tmp_path / "bad.zip", exercise, tmp_path / f"taken{number}")
        except SubmissionError:
            continue
        assert taken.submitted.digest == digest


def test_what_is_neither_folder_nor_file_is_refused_without_being_opened(tmp_path, exercise):
    os.mkfifo(tmp_path / "pipe")
    assert "is neither a folder nor a file" in refused(tmp_path / "pipe", exercise)


def test_what_is_not_there_is_named(tmp_path, exercise):
    assert "none.zip: cannot be read: No such file" in refused(tmp_path / "none.zip", exercise)


def test_a_folder_with_a_link_is_refused(exercise, workspace):
    (workspace / "link").symlink_to("/etc/passwd")
    assert "what is no plain file" in refused(workspace, exercise)


def test_a_folder_that_is_in_use_is_not_written_to(tmp_path, exercise, sound):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "x").touch()
    with pytest.raises(UsageError, match="not empty"):
        kits.take(sound, exercise, tmp_path / "taken")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["x"]


def test_a_change_of_hidden_checks_does_not_shut_out_a_submission(tmp_path, sound):
    newer = content.load(tiny.build(tmp_path / "newer", {tiny.HIDDEN: ("def test_fast", "def test_quick")}), "tiny")
    assert kits.take(sound, newer, tmp_path / "taken").submitted.name == "ada"
