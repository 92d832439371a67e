"""What a built image is: its configuration, its layers, and the files it has beyond its base image.

Files are listed from the engine's export of a container that never runs: nothing of the image is carried out for it.
"""

from __future__ import annotations

import json
import secrets
import tarfile
from contextlib import closing
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from assesskit.checks.image import ImageFacts, Layer, read
from assesskit.pods.docker.engine import faults, labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from assesskit.pods.docker.engine import Engine

KEPT = "image-facts-1"
"""The folder of what was found before. Its number grows when ImageFacts changes."""
MOST_FILES = 20_000
"""Files over the base that are kept."""
MOST_ENTRIES = 400_000
"""Entries of an image that are looked at."""
LONGEST_PATH = 500
ACCOUNTS = "/etc/passwd"
ACCOUNTS_BYTES = 256 * 1024
CHUNK = 1024 * 1024
INSTRUCTION = 1000
"""Characters kept of the instruction that made a layer."""


class Contents(NamedTuple):
    """The regular files of an image, path -> bytes, its user ids by name, and whether there was more."""

    files: Mapping[str, int]
    accounts: Mapping[str, int]
    cut: bool


def describe(engine: Engine, ref: str, bases: Iterable[str], cache: Path) -> ImageFacts:
    """Return the facts of image `ref`, which started from one of `bases` or from scratch. Raises EngineError.

    `cache` keeps between runs what was found: an image's id is a digest of all that it is.
    """
    with faults(f"describing {ref}"):
        image = engine.image(ref)
        base = _base(engine, image, bases)
        kept = cache / KEPT / _file_name(image["Id"], base["Id"] if base else "scratch")
        if (known := read(kept)) is not None:
            return known
        found = _facts(engine, image, base, cache)
    _keep(kept, found.written())
    return found


def _facts(engine: Engine, image: Mapping[str, Any], base: Mapping[str, Any] | None, cache: Path) -> ImageFacts:
    config, under = image["Config"], base["Config"] if base else {}
    found = _contents(engine, image["Id"])
    below = _base_files(engine, base["Id"], cache) if base else {}
    added = {path: size for path, size in found.files.items() if below.get(path) != size}
    history: list[dict[str, Any]] = engine.api.history(image["Id"])  # type: ignore[no-untyped-call]  # newest first
    own = len(history) - (len(engine.api.history(base["Id"])) if base else 0)  # type: ignore[no-untyped-call]
    user = str(config.get("User") or "")
    inherited = set(under.get("Env") or [])
    return ImageFacts(
        user=user,
        uid=_uid(user, found.accounts),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        cmd=tuple(config.get("Cmd") or ()),
        env=dict(pair.partition("=")[::2] for pair in config.get("Env") or [] if pair not in inherited),
        ports=tuple(sorted(config.get("ExposedPorts") or ())),
        layers=tuple(Layer(step["Size"], step["CreatedBy"][:INSTRUCTION]) for step in reversed(history[:own])),
        size=image["Size"],
        base_size=base["Size"] if base else 0,
        files=dict(sorted(added.items())[:MOST_FILES]),
        files_cut=found.cut or len(added) > MOST_FILES,
    )


def _base(engine: Engine, image: Mapping[str, Any], refs: Iterable[str]) -> dict[str, Any] | None:
    """Return the image among `refs` that this one continues, the one with most layers."""
    layers = image["RootFS"]["Layers"]
    found = [engine.image(ref) for ref in refs]
    under = [base for base in found if layers[: len(base["RootFS"]["Layers"])] == base["RootFS"]["Layers"]]
    return max(under, key=lambda base: len(base["RootFS"]["Layers"]), default=None)


def _uid(user: str, accounts: Mapping[str, int]) -> int | None:
    """Return the number of a USER as an engine resolves it; none means root."""
    name = user.partition(":")[0]
    return int(name[:10]) if name.isdecimal() else accounts.get(name or "root", None if name else 0)


def _base_files(engine: Engine, image: str, cache: Path) -> dict[str, int]:
    """Return the files of a base image, from the cache if it was listed before."""
    kept = cache / "bases" / _file_name(image)
    if not kept.exists():
        _keep(kept, json.dumps(_contents(engine, image).files).encode())
    files: dict[str, int] = json.loads(kept.read_bytes())
    return files


def _file_name(*ids: str) -> str:
    return f"{'-'.join(ids).replace(':', '-')}.json"


def _keep(file: Path, content: bytes) -> None:
    """Write a file of the cache, which several runs may do at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(f".{secrets.token_hex(4)}.new")
    new.write_bytes(content)
    new.replace(file)


def _contents(engine: Engine, ref: str) -> Contents:
    """List an image; nothing in it is followed or run."""
    made = engine.api.create_container(ref, entrypoint=["none"], command=[], labels=labels(), network_disabled=True)
    try:
        with closing(engine.another()) as client:
            return _listed(client.export(made["Id"], chunk_size=CHUNK))
    finally:
        engine.discard(made["Id"])


def _listed(chunks: Iterator[bytes]) -> Contents:
    files: dict[str, int] = {}
    accounts: dict[str, int] = {}
    stream = cast("IO[bytes]", Stream(chunks))
    with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK, errors="replace") as archive:
        for count, entry in enumerate(archive):
            archive.members = []  # type: ignore[attr-defined]  # or the archive remembers them all
            path = f"/{entry.name}"[:LONGEST_PATH]
            if count == MOST_ENTRIES:
                return Contents(files, accounts, cut=True)
            if entry.isreg():
                files[path] = entry.size
            if path == ACCOUNTS and entry.isreg() and (content := archive.extractfile(entry)):
                accounts = _accounts(content.read(ACCOUNTS_BYTES).decode("utf-8", "replace"))
    return Contents(files, accounts, cut=False)


def _accounts(text: str) -> dict[str, int]:
    """Read passwd(5): the first line of a name counts."""
    rows = [row for line in text.splitlines() if len(row := line.split(":")) > 2 and row[2].isdecimal()]  # noqa: PLR2004
    return {row[0]: int(row[2]) for row in reversed(rows)}


class Stream:
    """Chunks as a file that is only read on."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer at the end."""
        parts, have = [self._left], len(self._left)
        while have < size and (chunk := next(self._chunks, b"")):
            parts.append(chunk)
            have += len(chunk)
        whole = b"".join(parts)
        self._left = whole[size:]
        return whole[:size]
