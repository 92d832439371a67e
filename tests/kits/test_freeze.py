from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

import pytest
from tests.content import tiny
from tests.kits.conftest import NOW

from assesskit import content, kits
from assesskit.errors import SubmissionError, UsageError
from assesskit.kits import selecting


def freeze(workspace, exercise, name="out.zip") -> kits.Manifest:
    return kits.freeze(workspace, exercise, workspace.parent / name, now=NOW)


def names(manifest: kits.Manifest) -> list[str]:
    return [file.path for file in manifest.files]


def test_the_archive_holds_the_files_and_a_manifest_of_them(workspace, exercise):
    manifest = freeze(workspace, exercise)
    assert names(manifest) == [
        ".gitignore",
        "Dockerfile",
        "README.md",
        "app.py",
        "checks/test_hello.py",
        "contract/api.yaml",
    ]
    with zipfile.ZipFile(workspace.parent / "out.zip") as archive:
        assert archive.namelist() == ["manifest.json", *(f"files/{name}" for name in names(manifest))]
        assert kits.Manifest.model_validate_json(archive.read("manifest.json")) == manifest
    assert (manifest.workspace.started, manifest.frozen) == (NOW, NOW)


def test_the_same_files_give_the_same_bytes_whenever_they_were_touched(workspace, exercise):
    freeze(workspace, exercise, "one.zip")
    os.utime(workspace / "app.py", (1, 1))
    freeze(workspace, exercise, "two.zip")
    assert (workspace.parent / "one.zip").read_bytes() == (workspace.parent / "two.zip").read_bytes()


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "a byte order mark, as of Notepad"])
def test_what_git_ignores_stays_behind_and_git_agrees(workspace, exercise, mark):
    rules = mark + "*.log\n!keep.log\n/only\nbuild/\n\\#odd\ndoc/*.txt\n"
    (workspace / ".gitignore").write_text(rules, encoding="utf-8")
    inner = {"sub/.gitignore": "!a.log\nx\n", "build/.gitignore": "!*\n"}
    made = (
        "a.log keep.log only sub/only sub/a.log sub/b.log sub/x build/y sub/build/z #odd doc/a.txt doc/b/a.txt doc/k.md"
    )
    for name in [*inner, *made.split()]:
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text(inner.get(name, ""))
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    git = subprocess.run(listing, cwd=workspace, check=True, capture_output=True, text=True).stdout.split()
    assert names(freeze(workspace, exercise)) == sorted(set(git) - {".assesskit.json"})


def test_caches_never_travel(workspace, exercise):
    (workspace / ".gitignore").write_text("")
    (workspace / "src" / "__pycache__").mkdir(parents=True)
    (workspace / "src" / "__pycache__" / "x.pyc").write_text("")
    assert not any("__pycache__" in name for name in names(freeze(workspace, exercise)))


def test_a_script_stays_executable(workspace, exercise):
    (workspace / "run.sh").write_text("#!/bin/sh\n")
    (workspace / "run.sh").chmod(0o4755)
    manifest = freeze(workspace, exercise)
    assert [file.path for file in manifest.files if file.executable] == ["run.sh"]
    kits.take(workspace.parent / "out.zip", exercise, workspace.parent / "taken")
    assert (workspace.parent / "taken" / "run.sh").stat().st_mode & 0o7777 == 0o755


def link(workspace: Path) -> None:
    (workspace / "link").symlink_to("/etc/passwd")


def folder_link(workspace: Path) -> None:
    (workspace / "link").symlink_to("/etc")


def fifo(workspace: Path) -> None:
    os.mkfifo(workspace / "pipe")


def large(workspace: Path) -> None:
    (workspace / "data.bin").write_bytes(b"x" * (1024 * 1024))


def many(workspace: Path) -> None:
    (workspace / "vendor").mkdir()
    for number in range(5001):
        (workspace / "vendor" / str(number)).touch()


def deep(workspace: Path) -> None:
    (workspace / "/".join(["d"] * 40)).mkdir(parents=True)


def odd_name(workspace: Path) -> None:
    (workspace / "a\x1b[31m").touch()


def twins(workspace: Path) -> None:
    (workspace / "App.py").touch()


def not_utf8(workspace: Path) -> None:
    Path(os.fsdecode(os.fsencode(workspace) + b"/\xff")).touch()


def nothing_required(workspace: Path) -> None:
    (workspace / "Dockerfile").unlink()


def required_ignored(workspace: Path) -> None:
    (workspace / ".gitignore").write_text("Docker*\n")


def password(workspace: Path) -> None:
    (workspace / ".gitignore").write_text("")
    (workspace / ".env").write_text("TOKEN=1")


def key(workspace: Path) -> None:
    (workspace / "gateway.txt").write_text("-----BEGIN RSA PRIVATE KEY-----\nMII")


def endless_rules(workspace: Path) -> None:
    (workspace / ".gitignore").write_text("#\n" * 40_000)


def slow_rules(workspace: Path) -> None:
    (workspace / ".gitignore").write_text("ok\n" + "*a" * 30)


def no_rule(workspace: Path) -> None:
    (workspace / ".gitignore").write_text("!\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (link, "what is no plain file:\n  - 'link'"),
        (folder_link, "what is no plain file:\n  - 'link'"),
        (fifo, "what is no plain file:\n  - 'pipe'"),
        (large, "is 1.0 MiB, at most 1 are allowed; the largest files:\n  - 'data.bin': 1.0 MiB"),
        (many, "holds more than 5000 files; 4"),
        (deep, "holds folders more than 32 deep"),
        (odd_name, "'a\\x1b[31m': its name holds control characters"),
        (twins, "'app.py': is there twice, also as 'App.py'"),
        (not_utf8, "'\\udcff': its name is not UTF-8"),
        (nothing_required, "tiny needs Dockerfile, which is not there"),
        (required_ignored, "tiny needs Dockerfile (named in .gitignore), which is not there"),
        (password, "what looks like keys or passwords:\n  - '.env'"),
        (key, "what looks like keys or passwords:\n  - 'gateway.txt'"),
        (endless_rules, ".gitignore: is longer than 65536 characters"),
        (slow_rules, ".gitignore: line 2 has more than 3 wildcards"),
        (no_rule, ".gitignore: holds a line that is no pattern"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_should_not_travel_is_named_and_no_archive_is_written(workspace, exercise, change, words):
    change(workspace)
    with pytest.raises(SubmissionError) as caught:
        freeze(workspace, exercise)
    assert words in str(caught.value)
    assert not (workspace.parent / "out.zip").exists()


def test_an_example_of_settings_and_a_key_inside_a_test_are_no_secrets(workspace, exercise):
    (workspace / ".env.example").write_text("TOKEN=")
    (workspace / "test_auth.py").write_text('KEY = """-----BEGIN PRIVATE KEY-----\nMII"""')
    assert {".env.example", "test_auth.py"} <= set(names(freeze(workspace, exercise)))


def test_an_ignored_link_is_no_problem(workspace, exercise):
    (workspace / ".venv").symlink_to("/usr")
    (workspace / ".gitignore").write_text(".venv\n")
    assert names(freeze(workspace, exercise))


@pytest.mark.parametrize("size", [0, 4, 6])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, size):
    (tmp_path / "file").write_bytes(b"12345")
    with pytest.raises(SubmissionError, match="changed while it was read"):
        selecting._read("file", str(tmp_path / "file"), size)


def test_a_file_that_became_a_link_after_it_was_found_is_not_read(tmp_path):
    (tmp_path / "file").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        selecting._read("file", str(tmp_path / "file"), 1)


def test_an_archive_inside_the_workspace_would_hold_itself(workspace, exercise):
    with pytest.raises(UsageError, match="lies inside the workspace"):
        kits.freeze(workspace, exercise, workspace / "out.zip", now=NOW)


def test_a_workspace_of_another_version_is_not_frozen(tmp_path, workspace):
    newer = content.load(tiny.build(tmp_path / "newer", {tiny.TOML: ('"1.2.0"', '"1.3.0"')}), "tiny")
    with pytest.raises(UsageError, match=r"is of version '1\.2\.0' of tiny, here is 1\.3\.0"):
        freeze(workspace, newer)
