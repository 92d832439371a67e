"""Other systems: what Windows and macOS do to names, paths and the ends of lines, as far as Linux can show it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.content import tiny
from tests.kits import hostile
from tests.kits.conftest import NOW

from assesskit import cli, content, kits
from assesskit.assess import Task
from assesskit.content import load, slugs
from assesskit.errors import UsageError
from assesskit.kits.inviting import Invitation, invite
from assesskit.kits.journey import begin, read_journey
from assesskit.kits.kit import open_kit
from assesskit.kits.packing import Entry, packed
from assesskit.kits.portable import unportable
from assesskit.pods.recipe import dockerfile_text, read_recipe

ROOT = Path(__file__).parents[2]
TEXTS = (".assesskit.json", ".gitignore", "Dockerfile", "app.py", "README.md")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def windows_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git as its installer sets it up on Windows: text is checked out with CRLF, and case is not told apart."""
    config = tmp_path / "gitconfig"
    config.write_text("[core]\n\tautocrlf = true\n\teol = crlf\n\tignorecase = true\n\tsafecrlf = warn\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))


@pytest.fixture
def crlf(kit: Path, tmp_path: Path) -> Path:
    """A workspace all of whose text was rewritten with CRLF, as an editor or a checkout may do."""
    workspace = begin(open_kit(kit), tmp_path / "work", now=NOW).workspace
    for name in TEXTS:
        file = workspace / name
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    return workspace


def test_git_gives_back_what_was_given_whatever_it_does_elsewhere(kit: Path, tmp_path: Path, windows_git) -> None:
    """Deleted and checked out again, every file has the bytes it had; nothing looks changed."""
    workspace = begin(open_kit(kit), tmp_path / "work", now=NOW).workspace
    tracked = git(workspace, "ls-files").splitlines()
    before = {name: (workspace / name).read_bytes() for name in tracked}
    assert not any(b"\r" in data for data in before.values())
    for name in tracked:
        (workspace / name).unlink()
    git(workspace, "checkout", "--", ".")
    assert {name: (workspace / name).read_bytes() for name in tracked} == before
    assert git(workspace, "status", "--porcelain") == ""


def test_a_work_tree_with_crlf_is_still_the_workspace(crlf: Path) -> None:
    """Its marker, its kit's content and its clock are read as ever: what is signed is not in the work tree."""
    journey = read_journey(crlf)
    assert journey.exercise().slug == "tiny"
    assert kits.read_workspace(crlf).kit == journey.manifest.handout


def test_rules_with_crlf_ignore_what_they_did(crlf: Path, exercise, tmp_path: Path) -> None:
    """A line end is no part of a pattern."""
    for name in ("venv/x", ".env", "a.pyc"):
        (crlf / name).parent.mkdir(exist_ok=True)
        (crlf / name).write_text("x")
    assert b"\r\n" in (crlf / ".gitignore").read_bytes()
    held = [file.path for file in kits.freeze(crlf, exercise, tmp_path / "out.zip", now=NOW).files]
    assert not {"venv/x", ".env", "a.pyc"} & set(held)


def test_files_travel_byte_by_byte(crlf: Path, exercise, tmp_path: Path) -> None:
    """CRLF in, CRLF out, from the workspace into what is graded; a folder and its archive are the same submission."""
    kits.freeze(crlf, exercise, tmp_path / "out.zip", now=NOW)
    taken = kits.take(tmp_path / "out.zip", exercise, tmp_path / "taken")
    assert (taken.folder / "app.py").read_bytes() == (crlf / "app.py").read_bytes()
    assert b"\r\n" in (taken.folder / "app.py").read_bytes()
    assert kits.take(crlf, exercise, tmp_path / "again").submitted.digest == taken.submitted.digest
    assert Task(exercise, taken.folder, taken.submitted).planned()


def test_a_dockerfile_with_crlf_says_the_same(tmp_path: Path) -> None:
    """Without an engine its lines are read by us: as the engine does, without their ends."""
    text = 'ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nENV A=b \\\n    C=d\nWORKDIR /app\nCMD ["python", "app.py"]\n'
    (tmp_path / "unix").write_bytes(text.encode())
    (tmp_path / "dos").write_bytes(text.replace("\n", "\r\n").encode())
    unix, dos = (read_recipe(dockerfile_text(tmp_path / name)) for name in ("unix", "dos"))
    assert dos == unix
    assert (dos.argv, dos.env) == (("python", "app.py"), {"A": "b", "C": "d"})


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("services/con/app.py", "is a device"),
        ("aux.py", "is a device"),
        ("a/NUL.tar.gz", "is a device"),
        ("com7", "is a device"),
        ("LPT¹.txt", "is a device"),
        ("con .txt/x", "is a device"),
        ("C:/x", "does not allow"),
        ("file:stream", "does not allow"),
        ("what?.md", "does not allow"),
        ("a\\b", "does not allow"),
        ("trailing./x", "ends in a dot"),
        ("blank /x", "ends in a dot or a blank"),
        ("d/" * 80 + "x", "is longer than"),
    ],
)
def test_a_name_that_some_system_does_not_hold_is_in_no_kit(path: str, problem: str) -> None:
    """Devices, drives, streams, wildcards, ends that Windows drops, paths that it cannot open."""
    (told,) = unportable([path])
    assert problem in told


def test_names_that_look_like_devices_and_are_none_are_fine() -> None:
    """`console`, `auxiliary`, a dot at the beginning, names of 150 characters."""
    fine = ["console/x", "auxiliary.py", "com/x", "com10", ".gitignore", "nullable", "x" * 150, "a/b", "a/c"]
    assert list(unportable(fine)) == []


def test_folders_that_differ_in_case_or_accents_only_are_told() -> None:
    """On macOS and Windows they are one folder."""
    told = list(unportable(["Data/a", "data/b", "caf\u00e9/x", "cafe\u0301/y"]))
    assert [line.partition(":")[0] for line in told] == ["'data/b'", "'cafe\u0301/y'"]


def test_an_exercise_with_such_a_name_makes_no_kit(tmp_path: Path, signer) -> None:
    """The interviewer is told, not the candidate."""
    exercise = content.load(tiny.build(tmp_path / "root", {"exercises/tiny/starter/aux.py": "x"}), "tiny")
    with pytest.raises(UsageError, match="a device on Windows"):
        invite(exercise, Invitation("C-1", None, "0" * 16), signer, now=NOW)


@pytest.mark.parametrize("slug", slugs(ROOT))
def test_every_kit_can_be_unpacked_everywhere(slug: str, signer, tmp_path: Path) -> None:
    """Of each exercise, as it is written and as a seed renames it; its text has the line ends of Unix."""
    for seed in (None, "a", "b"):
        found = load(ROOT, slug, seed, cache=tmp_path)
        (tmp_path / "kit.zip").write_bytes(invite(found, Invitation("C-1", None, "0" * 16), signer, now=NOW)[1])
        with zipfile.ZipFile(tmp_path / "kit.zip") as archive:
            assert list(unportable(archive.namelist())) == []
            assert [name for name in archive.namelist() if b"\r\n" in archive.read(name)] == []


@pytest.mark.parametrize("name", ["C:/x", "C:x", "c:/windows/x", "CON", "a:b", "\u2044etc\u2044x", "D:../x"])
def test_a_drive_in_an_archive_leads_nowhere(tmp_path: Path, exercise, sound: Path, name: str) -> None:
    """What is a drive on Windows is a plain name here: it lands in the folder of the submission, or is refused."""
    odd = hostile.rebuilt(sound, tmp_path / "odd.zip", hostile.smuggled(name))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    taken = kits.take(odd, exercise, tmp_path / "taken")
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(path.is_relative_to(taken.folder) for path in new)
    assert (taken.folder / name).is_file()


@pytest.mark.parametrize("name", ["..\\x", "C:\\x", "\\\\server\\share\\x", "\\\\?\\C:\\x", "/x", "D:/../../x"])
def test_a_path_in_the_style_of_windows_is_refused(tmp_path: Path, name: str) -> None:
    """In a kit as in what comes back; nothing is written."""
    (tmp_path / "kit.zip").write_bytes(packed([Entry("kit.json", b"{}"), Entry(name, b"")]))
    with pytest.raises(UsageError):
        open_kit(tmp_path / "kit.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["kit.zip"]


def test_a_long_path_travels_whole(crlf: Path, exercise, tmp_path: Path) -> None:
    """Longer than Windows opens, shorter than Linux does: 900 bytes of folders."""
    deep = crlf.joinpath(*["x" * 90] * 9)
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"far down")
    kits.freeze(crlf, exercise, tmp_path / "out.zip", now=NOW)
    taken = kits.take(tmp_path / "out.zip", exercise, tmp_path / "t")
    assert (taken.folder / deep.relative_to(crlf) / "file").read_bytes() == b"far down"


def test_an_archive_that_windows_repacked_is_still_read_by_its_bytes(kit: Path, tmp_path: Path) -> None:
    """Explorer unpacks and zips again: other times, other order, folders as entries of their own; the same files."""
    (tmp_path / "again.zip").touch()
    with zipfile.ZipFile(kit) as old, zipfile.ZipFile(tmp_path / "again.zip", "w") as new:
        new.writestr("content/", b"")
        for name in sorted(old.namelist(), reverse=True):
            info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
            info.create_system = 0  # MS-DOS
            new.writestr(info, old.read(name), compress_type=zipfile.ZIP_DEFLATED)
    assert open_kit(tmp_path / "again.zip").files == open_kit(kit).files


def test_windows_itself_is_told_where_to_go(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """In one plain sentence, before anything fails in the middle."""
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
    assert "WSL" in capsys.readouterr().err
