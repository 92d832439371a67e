"""From the exercise to the candidate and back: a workspace, frozen into a submission, taken in by who grades it."""

from __future__ import annotations

from assesskit.kits.freezing import freeze
from assesskit.kits.manifest import FrozenFile, Manifest, Workspace
from assesskit.kits.taking import Taken, exercise_of, take
from assesskit.kits.workspaces import read_workspace, start

__all__ = ["FrozenFile", "Manifest", "Taken", "Workspace", "exercise_of", "freeze", "read_workspace", "start", "take"]
