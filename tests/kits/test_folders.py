from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from assesskit.errors import StoreError
from assesskit.kits.folders import appearing, put


def test_a_folder_appears_whole_at_the_end(tmp_path):
    with appearing(tmp_path / "new") as folder:
        put(folder, "a/b/c", b"x", executable=False)
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new" / "a" / "b" / "c").read_bytes() == b"x"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_whatever_ends_it_nothing_is_left(tmp_path, error):
    def interrupted() -> None:
        with appearing(tmp_path / "new") as folder:
            put(folder, "a/b", b"x", executable=False)
            raise error

    with pytest.raises(error):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_and_is_an_error_of_the_store(tmp_path):
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)]
    if sys.platform != "linux" or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        with pytest.raises(StoreError, match="No space left on device"), appearing(tmp_path / "new") as folder:
            put(folder, "a/large", b"x" * 100_000, executable=False)
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("path", ["link/x", "inner/link/x"])
def test_a_link_on_the_way_is_not_followed(tmp_path, path):
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    (folder / "inner").mkdir(parents=True)
    for place in (folder, folder / "inner"):
        (place / "link").symlink_to(outside)
    with pytest.raises(OSError) as caught:  # noqa: PT011  the number below says which
        put(folder, path, b"x", executable=False)
    assert caught.value.errno in (errno.ELOOP, errno.ENOTDIR)
    assert list(outside.iterdir()) == []


def test_a_link_in_the_place_of_a_file_is_not_written_through(tmp_path):
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(FileExistsError):
        put(tmp_path, "link", b"new", executable=False)
    assert (tmp_path / "target").read_bytes() == b"old"
