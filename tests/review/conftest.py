"""Desks for tests of reviews."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.review.records import MakeDesk, assessment, desks, written


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """The record of a run, its chain begun."""
    return written(tmp_path / "one", assessment())


@pytest.fixture
def at(record: Path) -> MakeDesk:
    """A desk of somebody at the record."""
    return desks(record)
