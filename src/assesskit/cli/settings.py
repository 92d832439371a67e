"""What the environment and the options decide: content root, cache, runtime."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assesskit.cli.told import say
from assesskit.errors import EngineError, RuntimeUnavailableError, UsageError

if TYPE_CHECKING:
    from assesskit.content import Exercise
    from assesskit.environment.where import Where
    from assesskit.pods import PodRuntime
    from assesskit.weighting import Profile

DEFAULT_BASE = "python:3.12-slim"
IMAGE_VARIABLE = re.compile(r"ASSESSKIT_([A-Z0-9_]+_IMAGE)")


class Kind(StrEnum):
    """Which runtime to use; auto is Docker where an engine answers, plain processes elsewhere."""

    AUTO = "auto"
    DOCKER = "docker"
    PROCESS = "process"


ContentOption = Annotated[
    Path | None,
    typer.Option(
        "--content", help="Folder that holds exercises/, graders/ and docs/rubrics/.", envvar="ASSESSKIT_CONTENT"
    ),
]
RuntimeOption = Annotated[Kind, typer.Option("--runtime", help="Where to run: docker, process, or auto.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines; of a run, one object a line.")]


def cache() -> Path:
    """Return the folder for built environments, wheels and locks (ASSESSKIT_CACHE, else the user's cache folder)."""
    from platformdirs import user_cache_path

    named = os.environ.get("ASSESSKIT_CACHE")
    folder = Path(named) if named else user_cache_path("assesskit", appauthor=False)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def quiet_lock() -> Path:
    """Return the host's one lock for load windows."""
    return cache() / "quiet.lock"


def proof_lock(folder: Path) -> Path:
    """Return the lock of whoever writes what was shown of the exercise in this folder."""
    return cache() / f"proof-{hashlib.sha256(bytes(folder.resolve())).hexdigest()[:16]}.lock"


def proof_key() -> Path:
    """Return where the author's private key is (ASSESSKIT_PROOF_KEY, else in the user's configuration folder)."""
    from platformdirs import user_config_path

    named = os.environ.get("ASSESSKIT_PROOF_KEY")
    return Path(named) if named else user_config_path("assesskit", appauthor=False) / "proof-key.pem"


def reviewer_seat() -> str:
    """Return what tells two reviewers of one name apart: of a key that is made once on each account.

    The key is in ASSESSKIT_REVIEWER_KEY, else in the user's configuration folder. Raises StoreError.
    """
    from platformdirs import user_config_path

    from assesskit.errors import StoreError

    named = os.environ.get("ASSESSKIT_REVIEWER_KEY")
    path = Path(named) if named else user_config_path("assesskit", appauthor=False) / "reviewer-key"
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(16))
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise StoreError(f"cannot be used: {error.strerror}", where=str(path)) from error


def profiles(content: Path | None) -> tuple[Profile, ...]:
    """Return the roles of the content root, none where it has no profiles or where there is no content root.

    Raises ContentError for profiles that are wrong.
    """
    from assesskit.content.profiles import FILE
    from assesskit.content.profiles import profiles as read

    try:
        where = root(content)
    except UsageError:
        if content:
            raise
        return ()
    return read(where).roles if (where / FILE).exists() else ()


def interviewer_key() -> Path:
    """Return where the interviewer's private key is (ASSESSKIT_KEY, else in the user's configuration folder)."""
    from platformdirs import user_config_path

    named = os.environ.get("ASSESSKIT_KEY")
    return Path(named) if named else user_config_path("assesskit", appauthor=False) / "interviewer-key.pem"


def ledger() -> Path:
    """Return the interviewer's ledger (ASSESSKIT_LEDGER, else in the user's data folder)."""
    from platformdirs import user_data_path

    named = os.environ.get("ASSESSKIT_LEDGER")
    return Path(named) if named else user_data_path("assesskit", appauthor=False) / "ledger.jsonl"


def root(content: Path | None) -> Path:
    """Return the content root."""
    from assesskit.content import find_root

    return find_root(content, os.environ)


def exercise(content: Path | None, slug: str, seed: str | None = None) -> Exercise:
    """Load one exercise; with a seed, the variant it draws."""
    from assesskit.content import load

    return load(root(content), slug, seed, cache=cache())


def runtime(kind: Kind) -> PodRuntime:
    """Return the runtime of a kind after clearing away what killed runs left.

    Raises RuntimeUnavailableError when it does not answer.
    """
    found = where(kind).opened()
    found.reap()
    return found


def where(kind: Kind) -> Where:
    """Say which runtime a kind means here. Raises RuntimeUnavailableError when it does not answer."""
    if kind is Kind.AUTO:
        try:
            return where(Kind.DOCKER)
        except RuntimeUnavailableError as error:
            if isinstance(error.__cause__, EngineError):  # an engine that lacks an image is one command from working
                say(f"Docker answers and is not used: {error.what}; {error.hint}")
            return where(Kind.PROCESS)
    found = _docker() if kind is Kind.DOCKER else _process()
    found.opened().check()
    return found


def _docker() -> Where:
    from assesskit.environment.where import Where

    images = {found[1]: image for name, image in os.environ.items() if (found := IMAGE_VARIABLE.fullmatch(name))}
    base = images.pop("BASE_IMAGE", DEFAULT_BASE)
    return Where(runtime="docker", cache=cache(), base_image=base, images=images)


def _process() -> Where:
    from assesskit.environment.where import Where

    return Where(runtime="process", cache=cache())


def isolated(kind: Kind) -> PodRuntime:
    """Return a runtime that may run code nobody trusts; plain processes only when they were asked for by name."""
    if kind is Kind.AUTO:
        kind = Kind.DOCKER
    try:
        return runtime(kind)
    except RuntimeUnavailableError as error:
        raise RuntimeUnavailableError(
            error.what,
            where=error.where,
            hint=f"{error.hint} Plain processes (--runtime process) isolate nothing: only for code you trust.".strip(),
        ) from None
