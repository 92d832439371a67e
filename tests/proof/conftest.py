"""A content root whose claims are proven, and the author who proved them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.content.tiny import build
from tests.run.test_prove import MUTANTS, PATCH, SLOW, judging

from assesskit.content import load
from assesskit.proof.claims import claims
from assesskit.proof.signing import KEYS, Signer, trusted
from assesskit.prove import Prover

SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
COUNTS = "exercises/tiny/proof/reliability.json"
TRUST = f'[keys]\nada = "{SIGNER.public}"\n'


@pytest.fixture(scope="session")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A content root whose every claim was proven by a trusted author. What that has counted is put away."""
    changes = {f"{MUTANTS}/rude/change.patch": PATCH, f"{MUTANTS}/slow/program/Dockerfile": SLOW, KEYS: TRUST}
    root = build(tmp_path_factory.mktemp("proven") / "content", changes)
    prove(root, bless=True)
    (root / COUNTS).unlink()
    return root


@pytest.fixture
def root(proven: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(proven, tmp_path / "content"))


def prove(root: Path, *, bless: bool = False, signer: Signer = SIGNER) -> None:
    exercise = load(root, "tiny")
    keys = trusted(root)
    prover = Prover(
        exercise, judging(), root.parent / "quiet", lambda _: None, bless=bless, signer=signer, trusted=keys
    )
    prover.prove(claims(exercise), jobs=1, on_shown=lambda _: None)
