"""From the exercise to the candidate and back: a workspace, frozen into a submission, taken in by who grades it."""

from __future__ import annotations

from assesskit.kits.freezing import freeze
from assesskit.kits.manifest import FrozenFile, Manifest, Workspace
from assesskit.kits.taking import Taken, origin_of, take
from assesskit.kits.workspaces import read_workspace, start

__all__ = ["FrozenFile", "Manifest", "Taken", "Workspace", "freeze", "origin_of", "read_workspace", "start", "take"]
