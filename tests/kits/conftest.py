from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.content import tiny

from assesskit import content, kits
from assesskit.content import Exercise
from assesskit.kits.inviting import Invitation, invite
from assesskit.kits.kit import KitManifest
from assesskit.signatures import Signer, signer_at

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture(scope="session")
def exercise(tmp_path_factory: pytest.TempPathFactory) -> Exercise:
    return content.load(tiny.build(tmp_path_factory.mktemp("content")), "tiny")


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory, exercise: Exercise) -> Path:
    """A workspace nobody touches."""
    return kits.start(exercise, tmp_path_factory.mktemp("kits") / "fresh", now=NOW)


@pytest.fixture
def workspace(tmp_path: Path, fresh: Path) -> Path:
    """One to change."""
    return Path(shutil.copytree(fresh, tmp_path / "workspace"))


@pytest.fixture(scope="session")
def frozen(tmp_path_factory: pytest.TempPathFactory, exercise: Exercise, fresh: Path) -> Path:
    out = tmp_path_factory.mktemp("frozen") / "ada.zip"
    kits.freeze(fresh, exercise, out, now=NOW)
    return out


@pytest.fixture
def sound(tmp_path: Path, frozen: Path) -> Path:
    """A right archive, to change."""
    return Path(shutil.copy(frozen, tmp_path / "ada.zip"))


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer_at(tmp_path_factory.mktemp("keys") / "key.pem")


@pytest.fixture(scope="session")
def made(exercise: Exercise, signer: Signer) -> tuple[KitManifest, bytes]:
    return invite(exercise, Invitation("C-0142", "senior", "0123456789abcdef"), signer, now=NOW)


@pytest.fixture
def kit(tmp_path: Path, made: tuple[KitManifest, bytes]) -> Path:
    (tmp_path / "kit.zip").write_bytes(made[1])
    return tmp_path / "kit.zip"
