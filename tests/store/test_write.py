from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assesskit import store
from assesskit.errors import StoreError

OLD, NEW = b"old", b"new" * 1000


def only_the_old_is_there(folder: Path) -> bool:
    return [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("file", OLD)]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("cannot mount a tmpfs here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_what_was_written_is_there_and_nothing_else(tmp_path):
    store.write(tmp_path / "file", OLD)
    store.write(tmp_path / "file", NEW)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", NEW)]


def test_a_written_file_can_be_read_by_whom_the_umask_lets(tmp_path):
    store.write(tmp_path / "file", NEW)
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_full_disk_leaves_the_old_file_and_nothing_else(full_disk):
    store.write(full_disk / "file", OLD)
    with pytest.raises(StoreError, match="No space left on device"):
        store.write(full_disk / "file", b"x" * 100_000)
    assert only_the_old_is_there(full_disk)


def test_a_file_size_limit_leaves_the_old_file_and_nothing_else(tmp_path):
    store.write(tmp_path / "file", OLD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(StoreError, match="File too large"):
            store.write(tmp_path / "file", b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert only_the_old_is_there(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="none/file: cannot be written: No such file or directory"):
        store.write(tmp_path / "none" / "file", NEW)


def test_a_folder_in_the_place_of_the_file_stays(tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(StoreError):
        store.write(tmp_path / "file", NEW)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize(
    ("submission", "name"),
    [("ada-lovelace", "ada-lovelace"), ("../../etc", "etc"), ("a b\n\x1b[31m/c", "a-b-31m-c"), ("...", "submission")],
)
def test_a_run_folder_has_a_plain_name_below_its_parent(tmp_path, submission, name):
    folder = store.RunFolder.create(tmp_path / "out", submission, "r1")
    assert folder.path == tmp_path / "out" / f"{name}-r1"
    assert folder.path.is_dir()


def test_a_run_folder_that_cannot_be_made_is_an_error_of_the_store(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(StoreError):
        store.RunFolder.create(tmp_path / "out", "ada", "r1")
