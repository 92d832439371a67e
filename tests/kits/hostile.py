"""Archives as an attacker would make them: a sound one, changed in one place."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Entry = tuple[zipfile.ZipInfo, bytes]
Change = Callable[[dict[str, Any], list[Entry]], None]


def rebuilt(sound: Path, into: Path, change: Change) -> Path:
    """Write the archive `into`: `sound` after `change` had its way with the manifest and the other entries."""
    with zipfile.ZipFile(sound) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        entries = [(info, archive.read(info)) for info in archive.infolist() if info.filename != "manifest.json"]
    change(manifest, entries)
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        for info, data in entries:
            archive.writestr(info, data)
    return into


def smuggled(path: str, data: bytes = b"x", *, mode: int = stat.S_IFREG | 0o644, zip_name: str | None = None) -> Change:
    """One more file, which the manifest tells of."""

    def change(manifest: dict[str, Any], entries: list[Entry]) -> None:
        digest = hashlib.sha256(data).hexdigest()
        manifest["files"].append({"path": path, "sha256": digest, "size": len(data), "executable": False})
        info = zipfile.ZipInfo(zip_name or f"files/{path}")
        info.external_attr = mode << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        entries.append((info, data))

    return change


def said(**values: Any) -> Change:
    """Another word in the manifest; `workspace__version` reaches into a table."""

    def change(manifest: dict[str, Any], _entries: list[Entry]) -> None:
        for key, value in values.items():
            *tables, last = key.split("__")
            table = manifest
            for name in tables:
                table = table[name]
            table[last] = value

    return change


def many(count: int) -> Change:
    """So many empty files."""

    def change(manifest: dict[str, Any], entries: list[Entry]) -> None:
        for number in range(count):
            smuggled(f"f{number}", b"")(manifest, entries)

    return change


def zeroed(_manifest: dict[str, Any], entries: list[Entry]) -> None:
    """The first file is as long as before and holds nothing."""
    info, data = entries[0]
    entries[0] = (info, bytes(len(data)))


def bomb(mib: int) -> Change:
    """A megabyte or more of nothing in a few hundred bytes, which the manifest calls ten bytes."""

    def change(manifest: dict[str, Any], entries: list[Entry]) -> None:
        smuggled("bomb", b"\0" * (mib * 1024 * 1024))(manifest, entries)
        manifest["files"][-1]["size"] = 10

    return change


def lying_size(sound: Path, into: Path, claimed: int) -> Path:
    """The archive's own directory tells another unpacked size for its last file."""
    data = bytearray(sound.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = claimed.to_bytes(4, "little")
    into.write_bytes(data)
    return into


def encrypted(sound: Path, into: Path) -> Path:
    """Every file says that it needs a password."""
    data = bytearray(sound.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = -1
        while (at := data.find(mark, at + 1)) >= 0:
            data[at + offset] |= 1
    into.write_bytes(data)
    return into


def compressed_with(method: int) -> Change:
    """Another compression for the first file."""

    def change(_manifest: dict[str, Any], entries: list[Entry]) -> None:
        entries[0][0].compress_type = method

    return change


def without_manifest(into: Path) -> Path:
    """A zip somebody made by hand."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("Dockerfile", "FROM scratch")
    into.write_bytes(buffer.getvalue())
    return into
